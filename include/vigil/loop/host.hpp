// Seam 4: what a machine gives besides I/O: wall clock, entropy, environment, a place for log
// lines, threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vigil/base/result.hpp"
#include "vigil/base/time.hpp"

namespace vigil {

struct Op;
class Host;
class Syscalls;
class ThreadWatch;  // loop/watch.hpp
class ThreadWatchBody;

// Work that is done beside the loop: by threads, or as steps that a simulation picks. Any thread,
// several at once.
class Body {
 public:
  virtual ~Body() = default;
  // Takes up one piece of what was called for; null if it was taken back meanwhile.
  virtual Op* take() noexcept = 0;
  // Does a piece that take() gave, and sends it home.
  virtual void perform(Op& piece) noexcept = 0;
};

struct LoopOptions;
class Loop;
class Scope;

// A loop with a thread of its own: what a host does with it. All is called on that thread, begin()
// first and end() last.
class ShardBody {
 public:
  virtual ~ShardBody() = default;
  // Makes the loop. Where the host gives a loop what it stands on, that replaces what the options
  // would say. Null: it could not be made, and end() follows.
  virtual Loop* begin(Host* host, Syscalls* syscalls) noexcept = 0;
  // Asked after each turn: whether nothing is left to do.
  virtual bool over() noexcept = 0;
  // Lets go of the loop.
  virtual void end() noexcept = 0;
  // All that runs on it; null before begin(). For a crash, which only a simulation has.
  virtual Scope* root() noexcept = 0;
};

// What a thread is called ("vigil/0": 15 bytes at most on Linux), and the processor it stays on.
struct ThreadPlace {
  std::string name;
  std::optional<unsigned> processor;
};

// What a process may use.
struct Processors {
  // Their numbers, ascending (sched_getaffinity(2): what taskset and cpusets leave).
  std::vector<unsigned> allowed;
  // How many of them it may keep busy: fewer than that where a cgroup's quota says so, rounded up.
  unsigned usable = 1;
};

// What a crew is for: a host names its threads by it.
enum class Role : std::uint8_t { file_lane, call_lane, resolver };

// One for the program, and it outlives every loop. Its functions may be called from any thread.
class Host {
 public:
  // Who works on a body: the host owns their waiting. The destructor waits for the pieces that are
  // being done, and nothing is taken up any more. Used on one thread.
  class Crew {
   public:
    virtual ~Crew() = default;
    // One more piece waits to be taken up. `pieces`: with this one, how many were called for and
    // are not home yet; a thread is started if there are fewer than that. False: there is none, and
    // none could be started.
    virtual bool call(std::size_t pieces) noexcept = 0;
    // How many threads there are now.
    virtual unsigned threads() const noexcept = 0;
  };

  // A thread of a shard, or the place that a thread took. The destructor waits for the thread,
  // whose body is over by then or will be by itself; or gives the place back.
  class Thread {
   public:
    virtual ~Thread() = default;
  };

  virtual ~Host() = default;

  // Seconds and nanoseconds since 1970, for dates only: it can jump.
  virtual Nanos wall_time() noexcept = 0;
  // Fills all of `fill` with bytes that nobody can guess (getrandom(2)).
  virtual void entropy(std::span<std::byte> fill) noexcept = 0;
  // The value of an environment variable; nothing if it is not set.
  virtual std::optional<std::string> environment(const char* name) = 0;
  // The same, and takes it out: who is asked later, and a child, does not see it. Before there are
  // other threads (unsetenv(3)). A host whose environment nobody inherits leaves it there.
  virtual std::optional<std::string> take_environment(const char* name) {
    return environment(name);
  }
  // The number by which others know this process (getpid(2)); 0: it has none.
  virtual std::uint64_t process_number() noexcept { return 0; }
  // One line, without its newline, for the operator: what went wrong where no caller is left to be
  // told.
  virtual void log(std::string_view line) noexcept = 0;
  // Raises this process's limit of open descriptors as far as it may, for the whole program, and
  // returns it. A host without such a limit has as many as can be counted.
  virtual std::uint64_t raise_descriptor_limit() noexcept { return ~std::uint64_t{0}; }
  // Makes the whole program, with all its threads, run as `user` (a name, or a number that has one)
  // and in that user's groups, for good: root gives its rights up. Nothing happens if it is that
  // user already, in whatever groups. It may read the files of the user database, so before
  // anything is served.
  //
  // Errors: no_such_file_or_directory (there is no such user), operation_not_permitted (only root
  // may), those of setuid(2), upon which the program is neither one nor the other and must end.
  virtual Result<> become(std::string_view user) {
    static_cast<void>(user);
    return error(std::errc::function_not_supported);
  }
  // The width of the terminal that standard output is, in columns (0: it does not say); nothing if
  // it is none.
  virtual std::optional<std::size_t> terminal_columns() noexcept { return std::nullopt; }
  // A crew of `most` threads at most for `body`, which must outlive it. Threads are started as work
  // comes, and block every signal. Errors: EAGAIN (no threads here), ENOMEM.
  virtual Result<std::unique_ptr<Crew>> start(Body& body, Role role, unsigned most) noexcept = 0;
  // A thread that turns the loop of `body`, which must outlive it, until that is over. It blocks
  // every signal. Errors: EAGAIN (no threads here), ENOMEM, invalid_argument (there is no such
  // processor, or this process may not use it).
  virtual Result<std::unique_ptr<Thread>> start_shard(ShardBody& body,
                                                      const ThreadPlace& place) noexcept {
    static_cast<void>(body);
    static_cast<void>(place);
    return error(std::errc::function_not_supported);
  }
  // The same place for the calling thread, until the result is destroyed (on this thread). Null: a
  // host that knows of no threads. Errors: invalid_argument, as above.
  virtual Result<std::unique_ptr<Thread>> settle(const ThreadPlace& place) noexcept {
    static_cast<void>(place);
    return std::unique_ptr<Thread>();
  }
  virtual Processors processors() { return {.allowed = {0}, .usable = 1}; }
  // A thread beside the others that looks at them, by `body`, which must outlive it, and interrupts
  // them by `signal` (0: the host's choice). Errors: function_not_supported (no threads here),
  // device_or_resource_busy (somebody handles that signal already), invalid_argument (no signal
  // that can be handled), EAGAIN, ENOMEM.
  virtual Result<std::unique_ptr<ThreadWatch>> watch_threads(ThreadWatchBody& body,
                                                             int signal) noexcept;
};

// The machine; one for the program.
Host& native_host() noexcept;

}  // namespace vigil
