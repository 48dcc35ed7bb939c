// The machine: wall clock, entropy, environment, standard error, threads.
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstdlib>
#include <ctime>
#include <mutex>
#include <new>

#include "loop/become_user.hpp"
#include "loop/pin.hpp"
#include "loop/shard_thread.hpp"
#include "loop/thread_watch.hpp"
#include "vigil/loop/host.hpp"

namespace vigil {
namespace {

const char* name_of(Role role) noexcept {
  switch (role) {
    case Role::file_lane:
      return "vigil/file";
    case Role::call_lane:
      return "vigil/call";
    case Role::resolver:
      return "vigil/resolve";
  }
  return "vigil";
}

// Threads that wait for calls, started one by one.
class Threads final : public Host::Crew {
 public:
  Threads(Body& body, Role role) noexcept : body_(body), role_(role) {}
  ~Threads() override {
    {
      const std::scoped_lock lock(mutex_);
      ending_ = true;
    }
    called_.notify_all();
    for (unsigned i = 0; i < started_; ++i) {
      ::pthread_join(threads_[i], nullptr);
    }
  }

  bool reserve(unsigned most) noexcept {
    most_ = most;
    threads_.reset(new (std::nothrow) pthread_t[most]);
    return threads_ != nullptr;
  }

  bool call(std::size_t pieces) noexcept override {
    {
      const std::scoped_lock lock(mutex_);
      ++calls_;
    }
    called_.notify_one();
    if (started_ < std::min<std::size_t>(pieces, most_) && !start_one() && started_ == 0) {
      calls_ = 0;  // nobody looks at it
      return false;
    }
    return true;
  }

  unsigned threads() const noexcept override { return started_; }

 private:
  bool start_one() noexcept {
    const Unpinned everywhere;
    // Signals belong to the program's own threads: a thread of ours inherits a full mask.
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    const int failed = ::pthread_create(
        &threads_[started_], nullptr,
        [](void* argument) -> void* {
          static_cast<Threads*>(argument)->run();
          return nullptr;
        },
        this);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (failed == 0) {
      ::pthread_setname_np(threads_[started_++], name_of(role_));
    }
    return failed == 0;
  }

  void run() noexcept {
    for (std::unique_lock lock(mutex_);;) {
      called_.wait(lock, [this] { return ending_ || calls_ != 0; });
      if (ending_) {
        return;
      }
      --calls_;
      lock.unlock();
      if (Op* piece = body_.take()) {
        body_.perform(*piece);
      }
      lock.lock();
    }
  }

  Body& body_;
  const Role role_;
  unsigned most_ = 0;
  unsigned started_ = 0;
  std::unique_ptr<pthread_t[]> threads_;
  std::mutex mutex_;
  std::condition_variable called_;
  std::size_t calls_ = 0;
  bool ending_ = false;
};

class PosixHost final : public Host {
 public:
  Nanos wall_time() noexcept override {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    return std::chrono::seconds(now.tv_sec) + Nanos(now.tv_nsec);
  }

  void entropy(std::span<std::byte> fill) noexcept override {
    while (!fill.empty()) {
      const ssize_t got = ::getrandom(fill.data(), fill.size(), 0);
      if (got > 0) {
        fill = fill.subspan(static_cast<std::size_t>(got));
      }
    }
  }

  std::optional<std::string> environment(const char* name) override {
    const char* value = ::getenv(name);
    return value != nullptr ? std::optional<std::string>(value) : std::nullopt;
  }

  std::optional<std::string> take_environment(const char* name) override {
    auto value = environment(name);
    ::unsetenv(name);
    return value;
  }

  std::uint64_t process_number() noexcept override {
    return static_cast<std::uint64_t>(::getpid());
  }

  void log(std::string_view line) noexcept override {
    char end = '\n';
    const iovec parts[] = {{const_cast<char*>(line.data()), line.size()}, {&end, 1}};
    // The last resort has no one to report its own failure to.
    [[maybe_unused]] const ssize_t written = ::writev(STDERR_FILENO, parts, 2);
  }

  std::uint64_t raise_descriptor_limit() noexcept override {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
      return 1024;  // what every system gives at least
    }
    const rlimit wanted{limit.rlim_max, limit.rlim_max};
    if (limit.rlim_cur < limit.rlim_max && ::setrlimit(RLIMIT_NOFILE, &wanted) == 0) {
      limit = wanted;
    }
    return limit.rlim_cur;
  }

  Result<> become(std::string_view user) override { return become_user(user); }

  std::optional<std::size_t> terminal_columns() noexcept override {
    if (::isatty(STDOUT_FILENO) == 0) {
      return std::nullopt;
    }
    winsize size{};
    return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? std::size_t{size.ws_col} : 0;
  }

  Result<std::unique_ptr<Crew>> start(Body& body, Role role, unsigned most) noexcept override {
    std::unique_ptr<Threads> threads(new (std::nothrow) Threads(body, role));
    if (!threads || !threads->reserve(most)) {
      return error(std::errc::not_enough_memory);
    }
    return threads;
  }

  Result<std::unique_ptr<Thread>> start_shard(ShardBody& body,
                                              const ThreadPlace& place) noexcept override {
    return start_shard_thread(body, place);
  }
  Result<std::unique_ptr<Thread>> settle(const ThreadPlace& place) noexcept override {
    return settle_thread(place);
  }
  Processors processors() override { return usable_processors(); }
  Result<std::unique_ptr<ThreadWatch>> watch_threads(ThreadWatchBody& body,
                                                     int signal) noexcept override {
    return start_thread_watch(body, signal);
  }
};

}  // namespace

Host& native_host() noexcept {
  static PosixHost host;
  return host;
}

}  // namespace vigil
