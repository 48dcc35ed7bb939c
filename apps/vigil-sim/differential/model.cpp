// The model's side: sim::Process, with no faults and no other machine.
#include <array>
#include <csignal>
#include <optional>

#include "differential/differential.hpp"
#include "differential/machine.hpp"
#include "differential/side.hpp"
#include "kernel/kernel.hpp"
#include "kernel/process.hpp"
#include "net/network.hpp"

namespace vigil::differential {
namespace {

class Silent final : public sim::Tracer {
 public:
  void note(sim::HostId, std::string_view, std::uint64_t, std::uint64_t) noexcept override {}
};

class Model final : public Side {
 public:
  Model()
      : weather_(clock_, 1, sim::Faults::none()),
        network_(clock_, weather_, tracer_, 1),
        id_(weather_.add_host("model")),
        kernel_("model", id_, clock_, weather_, network_, tracer_) {
    kernel_.limits().linux_version = this_linux_is(6, 14) ? 614 : 601;
  }

  void begin(const History& history) override {
    before_ = kernel_.live_files();
    sim::Process& process = kernel_.start_process("history");
    process.ignore_signal(SIGPIPE, true);
    process.handle_limit = kBase + history.limit;
    actors_[0].emplace(process, process.pid(),
                       Machine<sim::Process>(process, kBase, INADDR_LOOPBACK));
  }

  Outcome run(const Operation& op) noexcept override {
    Outcome outcome;
    if (op.call == Call::fork) {
      outcome.result = fork(op.a);
    } else if (op.call == Call::exit) {
      outcome.result = exit(op.a);
    } else if (actors_[op.actor]) {
      outcome = actors_[op.actor]->machine.run(op);
    }
    settle(kAtOnce);
    return outcome;
  }

  std::string end() override {
    for (auto actor = actors_.rbegin(); actor != actors_.rend(); ++actor) {
      if (*actor) {
        kernel_.end_process((*actor)->process, 0);
        actor->reset();
      }
    }
    settle(kAfterwards);
    const std::size_t now = kernel_.live_files();
    return now == before_ ? std::string()
                          : "the model keeps " + std::to_string(now - before_) +
                                " objects that nothing holds any more";
  }

 private:
  static constexpr int kBase = 3;  // after standard input, output and error
  // In a history time does not pass, but for what is due at once. After it, everything happens that
  // would still: a connection that nobody holds is forgotten.
  static constexpr Nanos kAtOnce = std::chrono::milliseconds(1);
  static constexpr Nanos kAfterwards = std::chrono::hours(3);

  struct Actor {
    Actor(sim::Process& p, int number, Machine<sim::Process> m)
        : process(p), pid(number), machine(m) {}
    sim::Process& process;
    int pid;
    Machine<sim::Process> machine;
  };

  std::int64_t fork(std::uint8_t child) noexcept {
    Actor& parent = *actors_[0];
    const int pid = parent.process.fork("child");
    if (pid < 0) {
      return pid;
    }
    sim::Process& process = *kernel_.find_process(pid);
    process.handle_limit = parent.process.handle_limit;
    actors_[child].emplace(process, pid, Machine<sim::Process>(process, parent.machine));
    return 0;
  }

  std::int64_t exit(std::uint8_t child) noexcept {
    if (actors_[child]) {
      kernel_.end_process(actors_[child]->process, 0);
      actors_[child].reset();
    }
    return 0;
  }

  void settle(Nanos span) noexcept {
    const Instant until = after(clock_.now(), span);
    while (clock_.next() < until) {
      clock_.fire_next();
    }
  }

  sim::Clock clock_;
  Silent tracer_;
  sim::Weather weather_;
  sim::Network network_;
  sim::HostId id_;
  sim::Kernel kernel_;
  std::array<std::optional<Actor>, kActors> actors_;
  std::size_t before_ = 0;
};

}  // namespace

std::unique_ptr<Side> make_model() { return std::make_unique<Model>(); }

}  // namespace vigil::differential
