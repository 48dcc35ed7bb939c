// The answers, made once, and the words that explain them.
#include "loop/uring/probe.hpp"

#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <thread>

#include "loop/system_files.hpp"
#if VIGIL_WITH_URING
#include "loop/uring/trials.hpp"
#endif

namespace vigil::uring {
namespace {

// The first release of Linux that has a thing.
struct Since {
  unsigned major;
  unsigned minor;
  std::string_view too_old;
};

constexpr Since k51{5, 1, "kernel too old: Linux 5.1 brings it"};
constexpr Since k53{5, 3, "kernel too old: Linux 5.3 brings it"};
constexpr Since k55{5, 5, "kernel too old: Linux 5.5 brings it"};
constexpr Since k56{5, 6, "kernel too old: Linux 5.6 brings it"};
constexpr Since k57{5, 7, "kernel too old: Linux 5.7 brings it"};
constexpr Since k510{5, 10, "kernel too old: Linux 5.10 brings it"};
constexpr Since k511{5, 11, "kernel too old: Linux 5.11 brings it"};
constexpr Since k513{5, 13, "kernel too old: Linux 5.13 brings it"};
constexpr Since k515{5, 15, "kernel too old: Linux 5.15 brings it"};
constexpr Since k518{5, 18, "kernel too old: Linux 5.18 brings it"};
constexpr Since k519{5, 19, "kernel too old: Linux 5.19 brings it"};
constexpr Since k60{6, 0, "kernel too old: Linux 6.0 brings it"};
constexpr Since k61{6, 1, "kernel too old: Linux 6.1 brings it"};
constexpr Since k62{6, 2, "kernel too old: Linux 6.2 brings it"};
constexpr Since k69{6, 9, "kernel too old: Linux 6.9 brings it"};
constexpr Since k610{6, 10, "kernel too old: Linux 6.10 brings it"};
constexpr Since k615{6, 15, "kernel too old: Linux 6.15 brings it"};

constexpr std::string_view kUnused = "no engine uses it yet";

struct Row {
  Feature feature;
  std::string_view name;
  const Since& since;
  std::string_view only_when = {};
};

constexpr std::array<Row, kFeatures> kRows{{
    {Feature::ring, "ring", k51},
    {Feature::single_issuer, "single_issuer", k60},
    {Feature::defer_taskrun, "defer_taskrun", k61},
    {Feature::registered_ring, "registered_ring", k518},
    {Feature::registered_files, "registered_files", k519, kUnused},
    {Feature::restrictions, "restrictions", k510},
    {Feature::buffer_rings, "buffer_rings", k519},
    {Feature::wait_timeout, "wait_timeout", k511},
    {Feature::no_drop, "no_drop", k55},
    {Feature::current_credentials, "current_credentials", k56},
    {Feature::no_iowait, "no_iowait", k615, kUnused},
    {Feature::sync_cancel, "sync_cancel", k60, kUnused},
    {Feature::sqpoll, "sqpoll", k511, "asked for by --sqpoll"},
    {Feature::accept, "accept", k55},
    {Feature::accept_multishot, "accept_multishot", k519},
    {Feature::receive, "receive", k56},
    {Feature::receive_multishot, "receive_multishot", k60},
    {Feature::receive_bundle, "receive_bundle", k610, kUnused},
    {Feature::receive_message, "receive_message", k53, kUnused},
    {Feature::send, "send", k56},
    {Feature::send_zc, "send_zc", k62, "asked for by send_zero_copy()"},
    {Feature::send_bundle, "send_bundle", k610, kUnused},
    {Feature::send_message, "send_message", k53, kUnused},
    {Feature::connect, "connect", k55, kUnused},
    {Feature::shutdown, "shutdown", k511, kUnused},
    {Feature::poll_add, "poll_add", k51},
    {Feature::poll_multishot, "poll_multishot", k513},
    {Feature::splice, "splice", k57, kUnused},
    {Feature::timeout, "timeout", k55, kUnused},
    {Feature::async_cancel, "async_cancel", k55},
    {Feature::msg_ring, "msg_ring", k518, kUnused},
    {Feature::open_at2, "open_at2", k56},
    {Feature::statx, "statx", k56},
    {Feature::read, "read", k56},
    {Feature::write, "write", k56},
    {Feature::readv, "readv", k51},
    {Feature::writev, "writev", k51},
    {Feature::fsync, "fsync", k51},
    {Feature::fallocate, "fallocate", k56},
    {Feature::fadvise, "fadvise", k56, kUnused},
    {Feature::renameat, "renameat", k511},
    {Feature::unlinkat, "unlinkat", k511},
    {Feature::mkdirat, "mkdirat", k515},
    {Feature::ftruncate, "ftruncate", k69},
    {Feature::close, "close", k56},
}};

consteval bool in_order() {
  for (std::size_t i = 0; i < kFeatures; ++i) {
    if (static_cast<std::size_t>(kRows[i].feature) != i) {
      return false;
    }
  }
  return true;
}
static_assert(in_order(), "kRows follows the order of Feature");

bool kernel_is_older_than(const Since& since) noexcept {
  const KernelVersion now = kernel_version();
  return now.major != 0 &&
         (now.major < since.major || (now.major == since.major && now.minor < since.minor));
}

// '0' to '2', the administrator's switch; 0 where this kernel has none (it came with Linux 6.6).
char disabled_switch() noexcept {
  std::array<char, 8> room;
  const std::string_view text = read_front("/proc/sys/kernel/io_uring_disabled", room);
  return text.empty() ? '\0' : text.front();
}

bool under_seccomp() noexcept {
  std::array<char, 4096> room;
  const std::string_view status = read_front("/proc/self/status", room);
  return status.find("\nSeccomp:\t2") != std::string_view::npos;
}

Reason why_refused() noexcept {
  switch (disabled_switch()) {
    case '2':
      return {Cause::administrator,
              "switched off by the administrator (kernel.io_uring_disabled = 2)"};
    case '1':
      // The group and root may still: then somebody else refused.
      if (::geteuid() != 0) {
        return {Cause::administrator,
                "kept to a group by the administrator (kernel.io_uring_disabled = 1, "
                "kernel.io_uring_group)"};
      }
      break;
    default:
      break;
  }
  if (under_seccomp()) {
    return {Cause::seccomp, "refused by a seccomp filter"};
  }
  return {Cause::policy, "refused by the system's security policy"};
}

// Where the kernel has the administrator's switch, it has io_uring, so that another hid it.
Reason why_unknown() noexcept {
  if (under_seccomp() && (disabled_switch() != '\0' || !kernel_is_older_than(k51))) {
    return {Cause::seccomp, "refused by a seccomp filter"};
  }
  return {Cause::kernel,
          kernel_is_older_than(k51) ? k51.too_old : "this kernel was built without io_uring"};
}

#if VIGIL_WITH_URING

bool named_in(std::string_view list, std::string_view name) noexcept {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    if (list.substr(0, comma) == name) {
      return true;
    }
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
  }
  return false;
}

Reason why_not(const Row& row, int error) noexcept {
  const bool unknown = error == EINVAL || error == EOPNOTSUPP || error == ENOSYS;
  if (!unknown || row.feature == Feature::ring) {
    return reason_of(error);
  }
  return {Cause::kernel,
          kernel_is_older_than(row.since) ? row.since.too_old : "this kernel does not know it"};
}

Answer answer(const Row& row, int error, bool ring_is_there) noexcept {
  const char* without = std::getenv("VIGIL_URING_WITHOUT");
  const std::string_view switched_off = without != nullptr ? without : "";
  if (error != 0) {
    const Reason reason = why_not(ring_is_there ? row : kRows[0], error);
    return {false, error, reason.why, reason.cause};
  }
  if (named_in(switched_off, row.name) || named_in(switched_off, "ring")) {
    return {false, ECANCELED, "switched off by VIGIL_URING_WITHOUT", Cause::environment};
  }
  return {true, 0, {}, Cause::none};
}

// The kernel takes a ring down later, and interrupts the thread that made it for that: its next
// epoll_wait(2) would end early with EINTR, though no signal came. So a thread of its own tries,
// and is gone with its rings; it takes no signal meant for others.
template <class F>
void aside(F attempt) noexcept {
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    std::thread(attempt).join();
  } catch (const std::system_error&) {
    attempt();  // no thread is to be had
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

std::array<Answer, kFeatures> answer_all() noexcept {
  std::array<Answer, kFeatures> answers;
  Outcomes outcomes;
  aside([&outcomes] { outcomes = try_all(); });
  for (std::size_t i = 0; i < kFeatures; ++i) {
    answers[i] = answer(kRows[i], outcomes[i], outcomes[0] == 0);
  }
  return answers;
}

Answer answer_sqpoll(const Answer& ring) noexcept {
  if (!ring.available) {
    return ring;
  }
  int outcome = 0;
  aside([&outcome] { outcome = try_sqpoll(); });
  return answer(kRows[static_cast<std::size_t>(Feature::sqpoll)], outcome, true);
}

#else

std::array<Answer, kFeatures> answer_all() noexcept {
  std::array<Answer, kFeatures> answers;
  answers.fill({false, ENOSYS, "built without liburing", Cause::not_built});
  return answers;
}

Answer answer_sqpoll(const Answer& ring) noexcept { return ring; }

#endif

}  // namespace

const Answer& probe(Feature feature) noexcept {
  static const std::array<Answer, kFeatures> answers = answer_all();
  if (feature == Feature::sqpoll) {
    static const Answer sqpoll = answer_sqpoll(answers[0]);
    return sqpoll;
  }
  return answers[static_cast<std::size_t>(feature)];
}

Reason reason_of(int error) noexcept {
  switch (error) {
    case EPERM:
    case EACCES:
      return why_refused();
    case ENOSYS:
      return why_unknown();
    case ENOMEM:
      return {Cause::memory, "out of memory, or of locked memory (RLIMIT_MEMLOCK)"};
    case EMFILE:
      return {Cause::descriptors, "out of descriptors (RLIMIT_NOFILE)"};
    case ENFILE:
      return {Cause::descriptors, "the whole system is out of descriptors (fs.file-max)"};
    case ETIME:
      return {Cause::other, "it did not end within five seconds"};
    default:
      return {Cause::other, "this kernel refuses it"};
  }
}

std::string_view name(Feature feature) noexcept {
  return kRows[static_cast<std::size_t>(feature)].name;
}

std::string_view only_when(Feature feature) noexcept {
  return kRows[static_cast<std::size_t>(feature)].only_when;
}

}  // namespace vigil::uring
