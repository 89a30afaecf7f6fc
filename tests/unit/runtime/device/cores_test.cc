#include "runtime/device/cores.h"

#include <fstream>
#include <gtest/gtest.h>

#include "tests/unit/base/temporary_folder.h"

namespace wan::device {
namespace {

class CgroupQuota : public ::testing::Test {
 protected:
  void write(const std::string& file, const std::string& text) {
    const auto path = folder_.path() / file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text << "\n";
  }
  std::optional<double> quota() const { return cgroup_quota(folder_.path()); }

  wan::testing::TemporaryFolder folder_;
};

TEST_F(CgroupQuota, IsReadFromVersion2) {
  write("proc/self/cgroup", "0::/pod/container");
  write("sys/fs/cgroup/pod/container/cpu.max", "150000 100000");
  EXPECT_EQ(quota(), 1.5);
}

TEST_F(CgroupQuota, IsTheSmallestOfThisGroupAndThoseAboveIt) {
  write("proc/self/cgroup", "0::/pod/container");
  write("sys/fs/cgroup/pod/container/cpu.max", "max 100000");
  write("sys/fs/cgroup/pod/cpu.max", "300000 100000");
  write("sys/fs/cgroup/cpu.max", "800000 100000");
  EXPECT_EQ(quota(), 3);
}

TEST_F(CgroupQuota, IsFoundAtTheMountWhenTheGroupsPathIsNotVisible) {
  write("proc/self/cgroup", "0::/");
  write("sys/fs/cgroup/cpu.max", "200000 100000");
  EXPECT_EQ(quota(), 2);
}

TEST_F(CgroupQuota, IsReadFromVersion1) {
  write("proc/self/cgroup", "4:memory:/pod\n3:cpu,cpuacct:/pod");
  write("sys/fs/cgroup/cpu/pod/cpu.cfs_quota_us", "250000");
  write("sys/fs/cgroup/cpu/pod/cpu.cfs_period_us", "100000");
  EXPECT_EQ(quota(), 2.5);
}

TEST_F(CgroupQuota, IsAbsentWithoutALimit) {
  EXPECT_FALSE(quota().has_value());
  write("proc/self/cgroup", "0::/pod\n3:cpu:/pod");
  write("sys/fs/cgroup/pod/cpu.max", "max 100000");
  write("sys/fs/cgroup/cpu/pod/cpu.cfs_quota_us", "-1");
  write("sys/fs/cgroup/cpu/pod/cpu.cfs_period_us", "100000");
  EXPECT_FALSE(quota().has_value());
}

TEST(UsableCores, AreAtLeastOne) { EXPECT_GE(usable_cores(), 1); }

}  // namespace
}  // namespace wan::device
