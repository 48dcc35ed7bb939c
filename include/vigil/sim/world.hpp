// World: several simulated machines in one process and on one thread, driven by a seed.
//
// The same tasks that vigil::run takes run here on hosts whose kernel, network, disk and clock live
// in memory. Time stands still while anything can run and jumps when nothing can. The same seed
// gives the same run, bit for bit: trace_hash() tells.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vigil/coro/scoped.hpp"
#include "vigil/runtime/run.hpp"
#include "vigil/sim/faults.hpp"

namespace vigil::sim {

class Host;
class World;
class WorldCore;  // sim/world

// How the loops of a host meet its kernel.
enum class Face : std::uint8_t {
  readiness,   // the real readiness engine, on a simulated selector with edges
  level,       // the same on one without edges, as poll and select are
  completion,  // a completion engine: ends come late, out of order, and may win over their cancel
  seed         // one of these for each program, as the seed says
};

struct WorldOptions {
  Faults faults = Faults::none();                  // the weather, from the beginning
  Face face = Face::seed;                          // of every program
  Nanos latency = std::chrono::microseconds(250);  // between two hosts, one way
  Nanos jitter = std::chrono::microseconds(50);    // up to this much more
  std::uint64_t bytes_per_second = 125'000'000;    // of a link
  bool trace = false;  // keeps every step (see World::trace); the hash is always there
  // These strikes, and no others, whatever the rates are: what World::struck() told of another run
  // of the seed, or some of it. Nothing: what the seed says.
  std::optional<std::vector<Strike>> only = std::nullopt;
};

// Why a run ended without doing what it was asked to.
struct Failure {
  std::string what;  // one sentence
  Nanos at{};        // since the world began
};

// A program on a host: a process, a loop and a root task. It ends when all its tasks have, when it
// is killed, or with its host. An exception that leaves it, and anything that it leaves behind
// (Ledger), is a failure of the run. A handle, good as long as the world; the world's thread.
class Program {
 public:
  struct State;  // sim/world

  const std::string& name() const noexcept;
  bool running() const noexcept;
  // What vigil::run would have returned; nothing while it runs, -1 if it was killed or crashed.
  std::optional<int> status() const noexcept;
  // Sends a signal, as kill(2): a program that asked for it hears it, others are killed by it. One
  // that does not run is left alone. `number` is one of signal(7)'s, else a check.
  void signal(int number) const;
  // Starts it anew, with copies of its arguments, as whoever keeps a service running would. One
  // that runs, or whose host is down, is left alone.
  void start_again() const;
  // What programs of this name on this host wrote to standard output and error since the world
  // began. A view of what goes on growing.
  const std::string& output() const;

 private:
  friend class Host;
  friend class WorldCore;
  explicit Program(State& state) noexcept : state_(&state) {}
  State* state_;
};

// A machine. Crashes leave it its disk, as far as that was synced, and its address. A handle, good
// as long as the world; the world's thread. A task may use it too: what it asks of its own host
// comes when its turn is over.
class Host {
 public:
  struct State;  // sim/world

  const std::string& name() const noexcept;
  // Its address, for the text of a listen or connect: "10.0.0.1".
  std::string address() const;
  std::string address(std::uint16_t port) const;  // "10.0.0.1:7000"

  // Starts `body(args...)` as vigil::run would, in a process of its own, and runs it to its first
  // wait. Where the weather refuses it what a loop needs, it is started again, as a supervisor
  // does. On a host that is down it does not start.
  template <TaskBody F, class... A>
  Program start(std::string name, F body, A... args) const {
    return launch(std::move(name), false, starter(body, std::move(args)...));
  }
  // The same, and it is started anew, with copies of the arguments, each time that its host starts
  // again after a crash.
  template <TaskBody F, class... A>
  Program start_always(std::string name, F body, A... args) const {
    return launch(std::move(name), true, starter(body, std::move(args)...));
  }

  // A program that others on this host can start: an executable file at `path`, which
  // os::Process::spawn runs as a process of its own, with a loop on the face of the world's
  // options, as body(arguments, args...). `arguments` is a std::vector<std::string>, the program's
  // own name first; what the body returns is the exit status. It has the standard streams,
  // environment and directory that it is given, dies of the signals that kill it, and goes with its
  // host; the file stays. A path that cannot be written is a check.
  template <TaskBody F, class... A>
  void install(std::string_view path, F body, A... args) const {
    install_bound(
        path,
        [body, ... args = std::move(args)](const std::vector<std::string>& arguments) -> Start {
          return starter(body, arguments, args...);
        });
  }

  // A file on its disk, whole; directories on the way are made. Paths begin at "/"; one that cannot
  // be written is a check.
  void write_file(std::string_view path, std::string_view content) const;
  // Errors: those of open(2) and read(2).
  Result<std::string> read_file(std::string_view path) const;
  // A file or a directory with all that is in it; none is fine.
  void remove_file(std::string_view path) const;

  // What programs may have open from now on, each (RLIMIT_NOFILE; 1024 unless told).
  void limit_descriptors(int most) const;
  // What fits on its disk (a GiB unless told); more is ENOSPC.
  void limit_disk(std::uint64_t bytes) const;

  // The machine loses power: its programs' tasks are destroyed where they wait, and nothing is said
  // to any peer. Idempotent.
  void crash() const;
  // Starts it again, and on it what start_always() began. Idempotent.
  void restart() const;
  bool up() const noexcept;

 private:
  friend class World;
  friend class WorldCore;
  explicit Host(State& state) noexcept : state_(&state) {}

  // Starts the root task in `root`; runs with the program's loop as the thread's.
  using Start = std::function<Result<>(Scope& root, int* status, std::error_code* failure)>;
  using Bind = std::function<Start(const std::vector<std::string>& arguments)>;
  Program launch(std::string name, bool always, Start start) const;
  void install_bound(std::string_view path, Bind bind) const;
  template <class F, class... A>
  static Start starter(F body, A... args) {
    return [body, ... args = std::move(args)](Scope& root, int* status, std::error_code* failure) {
      return root.spawn(&detail::main_task<F, A...>, body, status, failure, args...);
    };
  }
  State* state_;
};

// One at a time on a thread, and everything about it on that thread; worlds on several threads know
// nothing of each other. No loop may run on the thread.
class World {
 public:
  explicit World(std::uint64_t seed, WorldOptions options = {});
  // Its hosts crash: what runs on them is destroyed.
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  std::uint64_t seed() const noexcept;
  // The host called `name`; made when it is first asked for. Addresses go up from 10.0.0.1 (and
  // fd00::1), in the order of their making.
  Host host(std::string name);

  // ---- Running. ----
  // A run stops at once when it fails: an exception, something left behind, a loop that spins (ten
  // thousand turns without time or anything moving), or fail().

  // Until `done` says so, asked before the first step and after each, or `at_most` of simulated
  // time has passed. False: the time has passed, or nothing can move any more (everybody waits for
  // somebody: time then stands), or the run failed.
  bool run_until(const std::function<bool()>& done, Nanos at_most);
  // Lets `span` of simulated time pass.
  void run_for(Nanos span);
  // Until every program has ended (those of start_always() too: signal them first). False as above.
  bool run_to_end(Nanos at_most);
  // Since the world began.
  Nanos now() const noexcept;

  // ---- Weather by hand, beside that of the options. ----
  // Nothing passes between the two groups until heal(), or another call, which replaces this one.
  // Streams notice as TCP does: by time. A host on neither side hears both; one on both is a check.
  void partition(std::initializer_list<Host> one, std::initializer_list<Host> other);
  // Ends what partition() began; outages of the weather end by themselves.
  void heal();
  // From now on, in this one direction.
  void set_latency(Host from, Host to, Nanos one_way);
  // Other weather from now on.
  void set_faults(const Faults& faults);

  // ---- What happened. ----
  // Says in a sentence that the run went wrong; it stops before the next step. The first one
  // counts.
  void fail(std::string what);
  const std::optional<Failure>& failure() const noexcept;
  // Of each choice and each thing that happened so far: equal for equal runs, whatever the
  // compiler, the machine or the allocator.
  std::uint64_t trace_hash() const noexcept;
  // Turns of loops, pieces of lanes' work, and alarms, so far.
  std::uint64_t steps() const noexcept;
  // With WorldOptions::trace: a line for each thing that happened, "12.345678 server receive 5 64",
  // oldest first: the operation, its descriptor, its result.
  std::string trace() const;
  // For each host what happened last, at most `lines` of it, and for each program what its tasks
  // wait for, and where.
  std::string timeline(std::size_t lines) const;
  // Each fault that struck so far, oldest first, for WorldOptions::only of another run.
  const std::vector<Strike>& struck() const noexcept;

  // For the simulation's own parts.
  WorldCore& core() noexcept { return *core_; }

 private:
  std::unique_ptr<WorldCore> core_;
};

// The world of this thread, or null: a task under test says through it what went wrong.
World* this_world() noexcept;

}  // namespace vigil::sim
