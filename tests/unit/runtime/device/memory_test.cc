#include "runtime/device/memory.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <thread>
#include <vector>

#include "tests/unit/base/temporary_folder.h"

namespace wan::device {
namespace {

int64_t minor_faults() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt;
}

// Bytes of memory that this process has for itself, without what the C library holds for later: earlier tests
// leave it some.
int64_t resident() {
  give_back_freed_memory();
  std::ifstream status("/proc/self/status");
  std::string word;
  int64_t kilobytes = 0;
  while (status >> word && word != "RssAnon:") {
  }
  status >> kilobytes;
  return kilobytes * 1024;
}

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

// Pages that the system had to bring for large memory that is written to and freed, the second time.
int64_t faults_of_the_second_time() {
  constexpr size_t kSize = 96 << 20;
  int64_t before = 0;
  for (int time = 0; time < 2; ++time) {
    before = minor_faults();
    const std::vector<char> memory(kSize, static_cast<char>(time + 1));
    EXPECT_EQ(memory[kSize / 2], time + 1);
  }
  return minor_faults() - before;
}

TEST(KeptAllocations, AreUsedAgainOnAnyThread) {
  std::thread([] {
    const KeptAllocations kept;
    EXPECT_LT(faults_of_the_second_time(), 8);
  }).join();
  give_back_freed_memory();
}

TEST(KeptAllocations, GoBackToTheSystemWhenTheyAreOver) {
  {
    const KeptAllocations kept;
  }
  EXPECT_GE(faults_of_the_second_time(), 32);  // of 2 MiB at most
}

at::Tensor large(int64_t megabytes) { return at::empty({megabytes << 20}, at::TensorOptions(at::kByte)); }

// What the system says of the mapping that holds that address (proc(5), smaps, VmFlags).
std::string flags_of(const void* memory) {
  const auto address = reinterpret_cast<uintptr_t>(memory);
  std::ifstream maps("/proc/self/smaps");
  bool inside = false;
  for (std::string line; std::getline(maps, line);) {
    uintptr_t first = 0, end = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &first, &end) == 2) inside = first <= address && address < end;
    if (inside && line.starts_with("VmFlags:")) return line;
  }
  return "";
}

TEST(KeptAllocations, AreOfLargePagesWhereThereAreSome) {
  if (!std::filesystem::exists("/sys/kernel/mm/transparent_hugepage")) GTEST_SKIP() << "no large pages";
  const auto middle = [](const at::Tensor& t) {
    return static_cast<const char*>(t.data_ptr()) + t.nbytes() / 2;
  };
  const KeptAllocations kept;
  const at::Tensor tensor = large(16);
  EXPECT_NE(flags_of(middle(tensor)).find(" hg"), std::string::npos) << flags_of(middle(tensor));
}

TEST(FrugalAllocations, GiveTheNextTensorOfTheSameSizeWhatTheLastHad) {
  const FrugalAllocations frugal;
  const void* const first = large(8).data_ptr();
  EXPECT_EQ(large(8).data_ptr(), first);
}

TEST(FrugalAllocations, AreNeverMoreThanWhatWasOnceInUse) {
  const FrugalAllocations frugal;
  {
    const at::Tensor some = large(32), more = large(32);
  }
  const int64_t before = resident();
  for (int64_t size = 36; size <= 64; size += 4) large(size).fill_(1);  // one size after the other is kept
  EXPECT_LE(resident() - before, 68 << 20);
}

TEST(FrugalAllocations, GoBackToTheSystemWhenTheyAreOver) {
  int64_t during = 0;
  {
    const FrugalAllocations frugal;
    large(64).fill_(1);
    during = resident();
  }
  EXPECT_LE(resident(), during - (60 << 20));
}

TEST(FrugalAllocations, MayBeFreedWhenTheyAreOver) {
  at::Tensor late;
  {
    const FrugalAllocations frugal;
    late = large(32).fill_(3);
  }
  EXPECT_EQ(late[1 << 20].item<int>(), 3);
  const int64_t before = resident();
  late = at::Tensor();
  EXPECT_LE(resident(), before - (28 << 20));
}

TEST(DeviceMemory, IsNotAskedOfACpu) { EXPECT_EQ(device_memory(c10::kCPU), std::nullopt); }

}  // namespace
}  // namespace wan::device
