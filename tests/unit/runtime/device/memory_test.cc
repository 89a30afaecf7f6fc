#include "runtime/device/memory.h"

#include <fstream>
#include <gtest/gtest.h>

#include "tests/unit/base/temporary_folder.h"

namespace wan::device {
namespace {

class HostMemory : public ::testing::Test {
 protected:
  void write(const std::string& file, const std::string& text) {
    const auto path = folder_.path() / file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text << "\n";
  }
  int64_t memory() const { return host_memory(folder_.path()); }

  wan::testing::TemporaryFolder folder_;
  const int64_t machine_ = host_memory(folder_.path());  // nothing limits it there
};

TEST_F(HostMemory, IsThatOfTheMachineWithoutALimit) {
  EXPECT_GT(machine_, 100'000'000);
  write("proc/self/cgroup", "0::/pod");
  write("sys/fs/cgroup/pod/memory.max", "max");
  EXPECT_EQ(memory(), machine_);
  EXPECT_LE(host_memory(), machine_);
}

TEST_F(HostMemory, IsTheSmallestLimitOfTheGroupAndThoseAboveIt) {
  write("proc/self/cgroup", "0::/pod/container");
  write("sys/fs/cgroup/pod/container/memory.max", "max");
  write("sys/fs/cgroup/pod/memory.max", "50000000");
  write("sys/fs/cgroup/memory.max", "80000000");
  EXPECT_EQ(memory(), 50'000'000);
}

TEST_F(HostMemory, KnowsVersion1) {
  write("proc/self/cgroup", "4:memory:/pod\n3:cpu,cpuacct:/pod");
  write("sys/fs/cgroup/memory/pod/memory.limit_in_bytes", "60000000");
  EXPECT_EQ(memory(), 60'000'000);
  write("sys/fs/cgroup/memory/pod/memory.limit_in_bytes", "9223372036854771712");
  EXPECT_EQ(memory(), machine_);
}

TEST(DeviceMemory, IsNotAskedOfACpu) { EXPECT_EQ(device_memory(c10::kCPU), std::nullopt); }

}  // namespace
}  // namespace wan::device
