// How many processors a process may keep busy: affinity, and the quota of control groups.
#include <gtest/gtest.h>
#include <sched.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "loop/shard_thread.hpp"
#include "tests/support/temporary_directory.hpp"

namespace vigil::test {
namespace {

void write(const std::string& path, const std::string& text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path) << text;
}

TEST(Processors, AreThoseThatTheThreadMayRunOn) {
  std::thread([] {
    const auto all = native_host().processors().allowed;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(all.back(), &one);
    ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
    const Processors left = native_host().processors();
    EXPECT_EQ(left.allowed, std::vector<unsigned>{all.back()});
    EXPECT_EQ(left.usable, 1u);
  }).join();
}

TEST(Processors, AreFewerUnderAQuotaRoundedUp) {
  const TemporaryDirectory root;
  write(root.path() + "/outer/inner/cpu.max", "250000 100000\n");
  EXPECT_EQ(quota_of("0::/outer/inner\n", root.path()), 3u);
  // The one around it counts, too, and "max" is none.
  write(root.path() + "/outer/cpu.max", "150000 100000\n");
  EXPECT_EQ(quota_of("0::/outer/inner\n", root.path()), 2u);
  write(root.path() + "/outer/inner/cpu.max", "max 100000\n");
  EXPECT_EQ(quota_of("0::/outer/inner\n", root.path()), 2u);
  EXPECT_EQ(quota_of("0::/elsewhere\n", root.path()), std::nullopt);
}

TEST(Processors, AreFewerUnderAQuotaOfVersionOne) {
  const TemporaryDirectory root;
  write(root.path() + "/cpu,cpuacct/box/cpu.cfs_quota_us", "20000\n");
  write(root.path() + "/cpu,cpuacct/box/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(quota_of("7:cpuset:/box\n3:cpu,cpuacct:/box\n", root.path()), 1u);
  write(root.path() + "/cpu,cpuacct/box/cpu.cfs_quota_us", "-1\n");
  EXPECT_EQ(quota_of("3:cpu,cpuacct:/box\n", root.path()), std::nullopt);
}

}  // namespace
}  // namespace vigil::test
