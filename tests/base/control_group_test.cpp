// Limits of control groups as version 1, version 2 and containers write them.
#include "base/control_group.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <string>

namespace annulus {
namespace {

namespace fs = std::filesystem;

class ControlGroup : public testing::Test {
 protected:
  ControlGroup() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    root = fs::path(testing::TempDir()) /
           ("annulus_group_" + std::string(test->name()) + std::to_string(getpid()));
  }
  ~ControlGroup() override { fs::remove_all(root); }
  ControlGroup(const ControlGroup&) = delete;
  ControlGroup& operator=(const ControlGroup&) = delete;

  void write(const std::string& name, const std::string& text) const {
    fs::create_directories((root / name).parent_path());
    std::ofstream(root / name) << text;
  }
  GroupLimits limits() const { return control_group_limits(root); }

  fs::path root;
};

TEST_F(ControlGroup, NoneIsNoLimit) {
  EXPECT_FALSE(limits().cpus || limits().memory || limits().memory_left || cores_of(limits()));
}

TEST_F(ControlGroup, OfVersion2TheTightestOfAllAroundCounts) {
  write("proc/self/cgroup", "0::/job.slice/step\n");
  write("sys/fs/cgroup/job.slice/step/cpu.max", "max 100000\n");
  write("sys/fs/cgroup/job.slice/cpu.max", "150000 100000\n");
  write("sys/fs/cgroup/job.slice/step/memory.max", "8000\n");
  write("sys/fs/cgroup/job.slice/step/memory.current", "5000\n");
  write("sys/fs/cgroup/job.slice/step/memory.stat", "anon 100\ninactive_file 2000\n");
  write("sys/fs/cgroup/job.slice/memory.max", "max\n");

  EXPECT_EQ(limits().cpus, 1.5);
  EXPECT_EQ(cores_of(limits()), 2);
  EXPECT_EQ(limits().memory, 8000U);
  EXPECT_EQ(limits().memory_left, 5000U);  // 8000 without the 3000 that are not cached files
}

TEST_F(ControlGroup, OfVersion1InAContainerThatDoesNotSeeItsOwnPath) {
  write("proc/self/cgroup",
        "4:memory:/docker/77\n3:cpuset:/docker/77\n2:cpu,cpuacct:/docker/77\n1:name=systemd:/\n");
  write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "40000\n");
  write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9000\n");
  write("sys/fs/cgroup/memory/memory.usage_in_bytes", "9500\n");

  EXPECT_EQ(limits().cpus, 0.4);
  EXPECT_EQ(cores_of(limits()), 1);
  EXPECT_EQ(limits().memory, 9000U);
  EXPECT_EQ(limits().memory_left, 0U);
}

TEST_F(ControlGroup, OfVersion1WithoutLimits) {
  write("proc/self/cgroup", "4:memory:/\n2:cpu:/\n");
  write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");

  EXPECT_FALSE(limits().cpus || limits().memory);
}

}  // namespace
}  // namespace annulus
