// What io_uring is said to have. Each test that needs a fresh process asks a child of its own: the
// answers are made once.
#include <dirent.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <functional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "loop/uring/probe.hpp"
#if VIGIL_WITH_URING
#include "loop/uring/trial_ring.hpp"
#endif
#include "tests/support/not_run.hpp"

namespace vigil::uring {
namespace {

// What `body` returns in a child.
int in_a_child(const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::_exit(body());
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int open_handles() {
  DIR* directory = ::opendir("/proc/self/fd");
  int count = 0;
  while (directory != nullptr && ::readdir(directory) != nullptr) {
    ++count;
  }
  ::closedir(directory);
  return count;
}

bool has_ring() {
  return in_a_child([] { return probe(Feature::ring).available ? 1 : 0; }) == 1;
}

TEST(Probe, NamesEachFeatureOnce) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kFeatures; ++i) {
    EXPECT_TRUE(names.insert(name(static_cast<Feature>(i))).second) << i;
  }
  EXPECT_EQ(name(Feature::accept_multishot), "accept_multishot");
  EXPECT_FALSE(is_opcode(Feature::sqpoll));
  EXPECT_TRUE(is_opcode(Feature::accept));
}

TEST(Probe, SaysWhyOfAllThatIsMissing) {
  EXPECT_EQ(in_a_child([] {
              for (std::size_t i = 0; i < kFeatures; ++i) {
                const Answer& answer = probe(static_cast<Feature>(i));
                if (answer.available != (answer.error == 0) ||
                    answer.available != answer.why.empty() ||
                    answer.available != (answer.cause == Cause::none)) {
                  return static_cast<int>(i) + 1;
                }
              }
              return 0;
            }),
            0);
}

#if VIGIL_WITH_URING
// The try of the cancel that shall find nothing once bore the user data of an operation before it,
// which a worker of the kernel was still at: io_uring was missing, once in some hundreds of starts.
TEST(Probe, TriesEachOperationWithUserDataOfItsOwn) {
  if (!has_ring()) {
    VIGIL_NOT_RUN("there is no io_uring");
  }
  TrialRing ring;
  ASSERT_EQ(ring.open(0), 0);
  for (int i = 0; i < 20; ++i) {  // more than it has room for
    io_uring_sqe* entry = ring.next();
    ASSERT_EQ(entry->user_data, 0u);
    ::io_uring_prep_nop(entry);
    entry->user_data = 7;
    ASSERT_EQ(ring.finish(), 0);
  }
}
#endif

TEST(Probe, LeavesNothingOpen) {
  EXPECT_EQ(in_a_child([] {
              const int before = open_handles();
              probe(Feature::ring);
              return open_handles() - before;
            }),
            0);
}

TEST(Probe, IsTriedOnceByThreadsThatAskTogether) {
  EXPECT_EQ(in_a_child([] {
              std::vector<std::thread> threads;
              std::vector<const Answer*> answers(8);
              for (auto& answer : answers) {
                threads.emplace_back([&answer] { answer = &probe(Feature::accept); });
              }
              for (std::thread& thread : threads) {
                thread.join();
              }
              for (const Answer* answer : answers) {
                if (answer != &probe(Feature::accept)) {
                  return 1;
                }
              }
              return 0;
            }),
            0);
}

TEST(Probe, LeavesOutWhatTheEnvironmentNames) {
  if (!has_ring()) {
    VIGIL_NOT_RUN("there is no io_uring");
  }
  EXPECT_EQ(in_a_child([] {
              ::setenv("VIGIL_URING_WITHOUT", "accept_multishot,send_zc", 1);
              return (probe(Feature::ring).available ? 1 : 0) |
                     (probe(Feature::accept).available ? 2 : 0) |
                     (probe(Feature::accept_multishot).available ? 4 : 0) |
                     (probe(Feature::send_zc).cause == Cause::environment ? 8 : 0);
            }),
            1 | 2 | 8);
  EXPECT_EQ(in_a_child([] {
              ::setenv("VIGIL_URING_WITHOUT", "ring", 1);
              return (probe(Feature::ring).available ? 1 : 0) |
                     (probe(Feature::accept).available ? 2 : 0);
            }),
            0);
}

// Hazard: a ring that cannot be made for lack of descriptors is an error with its reason.
TEST(Probe, TellsThatDescriptorsAreShort) {
  if (!has_ring()) {
    VIGIL_NOT_RUN("there is no io_uring");
  }
  EXPECT_EQ(in_a_child([] {
              const rlimit none{0, 0};
              ::setrlimit(RLIMIT_NOFILE, &none);
              const Answer& ring = probe(Feature::ring);
              return (ring.error == EMFILE ? 1 : 0) | (ring.cause == Cause::descriptors ? 2 : 0) |
                     (ring.why.find("RLIMIT_NOFILE") != std::string_view::npos ? 4 : 0);
            }),
            7);
}

TEST(Probe, HasAReasonForEachErrorOfTheKernel) {
  for (const int error : {EPERM, EACCES, ENOSYS, ENOMEM, EMFILE, ENFILE, EINVAL, ETIME}) {
    EXPECT_FALSE(reason_of(error).why.empty()) << error;
    EXPECT_NE(reason_of(error).cause, Cause::none) << error;
  }
}

}  // namespace
}  // namespace vigil::uring
