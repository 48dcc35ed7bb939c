// WorldCore: what steps a world. It draws what runs next, lets the clock jump when nothing can run,
// starts and ends programs, and makes the weather of hosts and links.
//
//   core.cpp      what runs next, and when time passes
//   programs.cpp  how a program begins, ends, dies
//   storms.cpp    crashes, partitions, flapping links, steps of the wall clock
//   world.cpp     the public face
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "faces/seat.hpp"
#include "kernel/clock.hpp"
#include "kernel/kernel.hpp"
#include "kernel/random.hpp"
#include "net/network.hpp"
#include "vigil/sim/world.hpp"
#include "world/program.hpp"
#include "world/trace.hpp"
#include "world/weather.hpp"

namespace vigil::sim {

// Reaches into the handles of the public face.
class WorldCore final : public Scheduler {
 public:
  WorldCore(World& world, std::uint64_t seed, WorldOptions options);
  ~WorldCore() override;

  // ---- Running. ----
  enum class Moved : std::uint8_t { yes, later, never };
  // One step: something runs, or time passes and an alarm fires. `later`: nothing until `limit`;
  // `never`: nothing could ever move, but for the weather if that does not `count`.
  Moved step(Instant limit, bool weather_counts);
  void jump(Instant to) noexcept;

  // Scheduler.
  void runnable(Seat& seat) noexcept override;
  void work(Crew& crew) noexcept override;
  void forget(Crew& crew) noexcept override;

  // ---- Hosts and programs. ----
  Host::State& host(std::string name);
  Program::State& launch(Host::State& host, std::string name, bool always,
                         Program::State::Start start);
  // A program that processes of the host start (vigil/os/process.hpp); false: its file could not be
  // written. `with` binds the arguments.
  using Bind = std::function<Program::State::Start(const std::vector<std::string>& arguments)>;
  bool install(Host::State& host, std::string_view path, Bind with);
  // At once, or when the turn that is under way is over.
  void crash(Host::State& host);
  void restart(Host::State& host);
  void start_again(Program::State& program);
  // Programs that a signal killed from outside of any turn end now.
  void settle();
  std::size_t running_programs() const noexcept { return running_programs_; }

  // ---- The network. ----
  // Which side each host is on, by its id; 0: on none. Sides 1 and 2 do not hear each other.
  using Sides = std::vector<std::uint8_t>;
  void partition(Sides sides);
  void heal();
  void set_latency(HostId from, HostId to, Nanos one_way);
  void set_faults(const Faults& faults);

  // ---- What happened. ----
  void fail(std::string what);
  const std::optional<Failure>& failure() const noexcept { return failure_; }
  Nanos now() const noexcept { return clock_.now() - Clock::kBegin; }

  World& world() noexcept { return world_; }
  std::uint64_t seed() const noexcept { return seed_; }
  std::uint64_t steps() const noexcept { return steps_; }
  Clock& clock() noexcept { return clock_; }
  Weather& weather() noexcept { return weather_; }
  Trace& trace() noexcept { return trace_; }
  std::vector<std::unique_ptr<Host::State>>& hosts() noexcept { return hosts_; }

  static Program handle(Program::State& state) noexcept { return Program(state); }
  static Host handle(Host::State& state) noexcept { return Host(state); }
  static Program::State& state(const Program& program) noexcept { return *program.state_; }
  static Host::State& state(const Host& host) noexcept { return *host.state_; }

 private:
  // What can run: a program's loop, or a piece of work of its lanes.
  struct Ready {
    Program::State* program;
    Crew* crew;  // null: the loop
  };
  // Work that a lane takes up late.
  struct Late : Alarm {
    WorldCore* core = nullptr;
    Crew* crew = nullptr;
  };
  // Links that are down: between sides 1 and 2.
  struct Outage : Alarm {
    WorldCore* core = nullptr;
    Sides sides;
  };

  void run(Ready ready);
  void turn(Program::State& program);
  bool spins(Program::State& program);
  void fail_spinning(const Program::State& program);
  bool quiet() const noexcept;
  Late& late();

  // programs.cpp
  void begin(Program::State& program);
  void begin_in(Program::State& program, Process& process);
  void make_loop(Program::State& program);
  bool over(Program::State& program) const noexcept;
  void end(Program::State& program);
  int farewell(Program::State& program);
  void die(Program::State& program, int wait_status);
  void destroy(Program::State& program);
  void leave(Program::State& program, int wait_status);
  Process& let_go(Program::State& program);
  void crash_now(Host::State& host);
  void restart_now(Host::State& host);
  std::string full_name(const Program::State& program) const;

  // storms.cpp
  void start_storms();
  void storms();
  void storm_link(Host::State& host);
  void storm_partition(Host::State& host);
  void storm_crash(Host::State& host);
  void storm_wall(Host::State& host);
  void cut_for(Sides sides, Nanos span);
  bool cut_between(HostId one, HostId other) const noexcept;
  void relink();

  World& world_;
  const std::uint64_t seed_;
  const WorldOptions options_;
  Clock clock_;
  Weather weather_;
  Trace trace_;
  Network network_;
  Random order_;
  std::vector<std::unique_ptr<Host::State>> hosts_;
  std::uint32_t programs_ = 0;
  std::size_t running_programs_ = 0;

  std::vector<Ready> ready_;
  std::vector<std::unique_ptr<Late>> late_;
  Program::State* running_ = nullptr;  // whose turn it is
  std::vector<Program::State*> dying_;
  struct Switch {
    Host::State* host;
    bool crash;
  };
  std::vector<Switch> switches_;  // asked for during a turn

  struct Second : Alarm {
    WorldCore* core = nullptr;
  };
  Second second_;
  Sides manual_;
  std::vector<std::unique_ptr<Outage>> outages_;
  std::vector<std::vector<bool>> cut_;  // [one][other], one < other: as the network was told

  std::optional<Failure> failure_;
  std::uint64_t steps_ = 0;
};

}  // namespace vigil::sim
