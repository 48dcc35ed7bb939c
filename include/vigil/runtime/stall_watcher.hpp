// StallWatcher: names the task that keeps a loop from turning, and shows what all others wait for.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

#include "vigil/base/result.hpp"
#include "vigil/base/time.hpp"
#include "vigil/loop/dump.hpp"
#include "vigil/loop/watch.hpp"

namespace vigil {

class Host;
class Loop;

// Where the time of a stall went, for the most part.
enum class StallCause : std::uint8_t {
  computing,  // the task had the processor
  blocked,    // it slept in the kernel: in a system call, a lock, a page that was not in memory
  not_run,    // it would have been in time, had it been given a processor: it is not to blame
  stopped     // a debugger, or SIGSTOP
};

// Where the time of a stall went, as far as it was looked at.
struct StallShares {
  Nanos processor{};  // the thread had one
  Nanos queued{};     // it could have gone on, and had none
  Nanos asleep{};     // in the kernel
  bool stopped = false;
};

// What a stall was for the most part. It is not_run if it had been within `limit` without the wait
// for a processor.
StallCause judge_stall(Nanos limit, const StallShares& shares) noexcept;

struct StallReport {
  enum class Kind : std::uint8_t {
    stall,   // a loop did not turn for `wall`, or does not yet (`goes_on`)
    again,   // `times` more stalls at one place since it was told of last; `wall` is the longest
    is_over  // one that was told with `goes_on`; `wall` is all of it
  };
  Kind kind = Kind::stall;
  std::string loop;  // "vigil/0"
  bool goes_on = false;
  Nanos wall{};
  StallShares shares;  // of it, to some milliseconds
  StallCause cause = StallCause::computing;
  std::string call;  // blocked: the system call, "read(2)"; empty: none, or not known
  // Whose code it was: the innermost place of the stack that is neither a system library's nor
  // vigil's own. Empty: no stack could be taken, or nothing of it is known.
  CodePlace place;
  std::vector<CodePlace> stack;              // the innermost first
  std::vector<std::source_location> awaits;  // the task's, the outermost first; see Dump::Task
  std::uint32_t tag = 0;                     // see this_task::set_tag
  std::string work;                          // what it stands for, if the watch has names for tags
  std::uint64_t times = 0;
};

// One sentence, and for a stall whose place is new the lines of its task and stack, indented.
std::vector<std::string> text_of(const StallReport& report);

struct StallOptions {
  // A turn that takes longer is a stall. Zero: none is looked for, and dump() alone works.
  Nanos limit = std::chrono::milliseconds(20);
  // What makes a loop's thread tell where it is. 0: SIGURG, which nobody gets unasked, which
  // debuggers let pass, and which is ignored if it comes late. The program's own system calls on
  // loops' threads may end with EINTR when a stall is looked at, or a dump is taken, if they are
  // among those that are not restarted (signal(7): waits with a time, above all).
  int signal = 0;
  // Told of each report, on the watcher's thread. Empty: Host::log, line by line.
  std::function<void(const StallReport&)> report = nullptr;
  // Of one place more is said at most this often.
  Nanos repeat = std::chrono::seconds(10);
  // One that goes on for longer is told of before it is over.
  Nanos patience = std::chrono::seconds(1);
  // Tasks and scopes that a dump has room for, of each loop (96 bytes each, once they were used).
  std::size_t dump_records = 4096;
};

struct StallFigures {
  std::string loop;
  std::uint64_t stalls = 0;   // but for `not_run`
  std::uint64_t not_run = 0;  // turns that were long because there was no processor
  Nanos longest{};
  Nanos total{};
};

struct LoopDump {
  std::string loop;
  bool in_turn = false;  // it was running a task, or looking for the next one
  std::uint64_t turns = 0;
  // How long it had been in that turn; nothing if it turns, or where no stalls are looked for.
  std::optional<Nanos> stuck_for;
  Result<Dump> dump;  // timed_out: it did not answer the signal
};

// A thread that looks at loops from beside, some 200 times a second with the limit of 20 ms, and
// rests while none of them turns; a loop does for it three stores a turn and three for each
// resumption, and reads no clock. What runs
// outside of Loop::turn, before the first one or around a foreign loop, is no stall of it. Made and
// destroyed on any thread; it outlives its watches.
class StallWatcher {
 public:
  // Errors: function_not_supported (a host without threads: a simulation; a build without
  // instruments: VIGIL_INSTRUMENTS=OFF), device_or_resource_busy (the signal has a handler already,
  // somebody's or another watcher's: choose another), invalid_argument (no such signal),
  // not_enough_memory, resource_unavailable_try_again.
  static Result<std::unique_ptr<StallWatcher>> start(Host& host, StallOptions options = {});
  ~StallWatcher();
  StallWatcher(const StallWatcher&) = delete;
  StallWatcher& operator=(const StallWatcher&) = delete;

  // While it lives, the calling thread's loop is watched. It is destroyed on that thread, before
  // the loop.
  class Watch {
   public:
    virtual ~Watch() = default;
  };
  // On the loop's thread; `name` is what reports call it ("vigil/0"), and `tags` what they call the
  // work of its tasks: it is called on the watcher's thread and on those of dump(), by one at a
  // time, while the watch lives. The signal is not blocked on the loop's thread while it is
  // watched. Errors: not_enough_memory, device_or_resource_busy (it is watched already).
  Result<std::unique_ptr<Watch>> watch(std::string name, TagName tags = {});

  // What all tasks of every watched loop wait for, in the order of watch(), whether they turn or
  // are stuck. Blocks, at most for `at_most` a loop: from a task, call it by offload(). Any thread.
  std::vector<LoopDump> dump(Nanos at_most = std::chrono::seconds(1));

  // Of each watched loop, since it is watched. Any thread.
  std::vector<StallFigures> figures() const;

 private:
  class Core;
  explicit StallWatcher(std::unique_ptr<Core> core) noexcept;
  std::unique_ptr<Core> core_;
};

}  // namespace vigil
