// What a ring may do, and when there is none: rights that changed after it was made, opcodes that
// it was not made for, no descriptors and no memory left. Hazards 13, 28.
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

#include "tests/stress/uring/ring_fixture.hpp"
#include "tests/support/temporary_directory.hpp"
#include "vigil/fs/file.hpp"

namespace vigil::test {
namespace {

class Rights : public RingTest {};
INSTANTIATE_ON_RINGS(Rights);

constexpr int kKept = 7;
constexpr uid_t kNobody = 65534;

Task<> opens(std::string path, bool* opened, std::error_code* why) {
  auto opening = fs::File::open(path);
  auto file = co_await std::move(opening);
  *opened = file.has_value();
  *why = file ? std::error_code() : file.error();
}

// 0, or what is wrong. In a process of its own, which gives root up.
int opens_as_root_and_not_after(const std::string& engine, const std::string& path) {
  auto loop = Loop::create({.engine = engine});
  if (!loop) {
    return 1;
  }
  for (const bool root : {true, false}) {
    if (!root && (::setresgid(kNobody, kNobody, kNobody) != 0 ||
                  ::setresuid(kNobody, kNobody, kNobody) != 0)) {
      return 2;
    }
    bool opened = false;
    std::error_code why;
    run_to_end(**loop, &opens, path, &opened, &why);
    if (opened != root) {
      return root ? 3 : 4;
    }
    if (!root && why != std::errc::permission_denied) {
      return 5;
    }
  }
  return kKept;
}

// hazard 28
TEST_P(Rights, AreThoseThatTheProcessHasNow) {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "not run: only root can give rights up";
  }
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const TemporaryDirectory directory;
  ::chmod(directory.path().c_str(), 0755);
  directory.write("secret", "for root alone");
  const std::string path = directory / "secret";
  ::chmod(path.c_str(), 0600);
  EXPECT_EXIT(::_exit(opens_as_root_and_not_after(GetParam(), path)),
              testing::ExitedWithCode(kKept), "");
}

// hazard 13: each descriptor that a loop needs is the one too many once.
TEST_P(Rights, ALoopThatCannotBeMadeIsAnErrorWithItsReason) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_TRUE(Loop::create({.engine = GetParam()}));  // what is asked once a process was asked
  const int lowest = ::dup(0);
  ::close(lowest);
  const std::size_t open = open_handles();
  unsigned refused = 0;
  for (rlim_t more = 0; more < 8; ++more) {
    const rlimit few{.rlim_cur = static_cast<rlim_t>(lowest) + more, .rlim_max = before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
    auto loop = Loop::create({.engine = GetParam()});
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    if (!loop) {
      EXPECT_EQ(loop.error(), std::errc::too_many_files_open) << loop.error().message();
      ++refused;
    }
  }
  EXPECT_GE(refused, 1u);
  EXPECT_LT(refused, 8u);
  EXPECT_EQ(open_handles(), open) << "a loop that was not made left a handle";
}

// From here on this process gets no ring: `error`.
bool refuse_rings(unsigned error) {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{.len = sizeof filter / sizeof *filter, .filter = filter};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

// 0, or what is wrong. In a process of its own, which the filter stays with.
int makes_no_loop_without_memory(const std::string& engine) {
  if (!Loop::create({.engine = engine})) {  // what is asked once a process was asked
    return 1;
  }
  const std::size_t before = open_handles();
  if (!refuse_rings(ENOMEM)) {
    return 2;
  }
  auto loop = Loop::create({.engine = engine});
  if (loop || loop.error() != std::errc::not_enough_memory) {
    return 3;
  }
  return open_handles() == before ? kKept : 4;
}

TEST_P(Rights, ALoopThatHasNoMemoryForItsRingIsAnErrorWithItsReason) {
  const std::string engine = GetParam();
  EXPECT_EXIT(::_exit(makes_no_loop_without_memory(engine)), testing::ExitedWithCode(kKept), "");
}

TEST(RestrictedRing, TakesNoOpcodeThatItWasNotMadeFor) {
  if (!uring::probe(uring::Feature::restrictions).available) {
    GTEST_SKIP() << "not run: " << uring::probe(uring::Feature::restrictions).why;
  }
  uring::Ring ring;
  ASSERT_TRUE(ring.open({.submissions = 8, .completions = 8}));
  ASSERT_TRUE(ring.enable());
  io_uring_sqe& entry = ring.next();
  entry.opcode = IORING_OP_NOP;
  entry.user_data = 42;
  ASSERT_EQ(ring.enter(1, kForever), 0);
  ASSERT_NE(ring.head(), ring.end());
  const io_uring_cqe& refused = ring.take();
  EXPECT_EQ(refused.user_data, 42u);
  EXPECT_EQ(refused.res, -EACCES);
}

}  // namespace
}  // namespace vigil::test
