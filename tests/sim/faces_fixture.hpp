// Programs on one simulated machine, and the plainest scheduler: first come, first run.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "faces/seat.hpp"
#include "kernel/kernel.hpp"
#include "kernel/process.hpp"
#include "net/network.hpp"
#include "vigil/coro/scoped.hpp"
#include "vigil/loop/loop.hpp"
#include "world/weather.hpp"

namespace vigil::sim {

// Keeps a hash of all that happened.
struct HashTrace final : Tracer {
  void note(HostId host, std::string_view what, std::uint64_t a,
            std::uint64_t b) noexcept override {
    for (const char c : what) {
      mix(static_cast<unsigned char>(c));
    }
    mix(host);
    mix(a);
    mix(b);
  }
  void mix(std::uint64_t value) noexcept { hash = (hash ^ value) * 0x100000001b3ULL; }
  std::uint64_t hash = 0xcbf29ce484222325ULL;
};

class FacesTest : public testing::TestWithParam<Face>, public Scheduler {
 protected:
  explicit FacesTest(const Faults& faults = Faults::none(), std::uint64_t with_seed = 1)
      : seed(with_seed),
        weather(clock, with_seed, faults),
        network(clock, weather, tracer, with_seed),
        kernel("machine", weather.add_host("machine"), clock, weather, network, tracer) {
    register_faces();
  }
  ~FacesTest() override {
    for (auto& program : programs_) {
      if (program->loop) {
        program->seat->abandon(program->root.get());
      }
    }
  }

  struct Program {
    Process* process = nullptr;
    std::unique_ptr<Seat> seat;
    std::unique_ptr<Loop> loop;
    std::unique_ptr<Scope> root;
    bool queued = false;
    std::uint64_t turns = 0;
  };

  // Starts `body(args...)`, a Task<>, in a process of its own.
  template <TaskBody F, class... A>
  Program& start(Face face, F body, A... args) {
    return start_with([](LoopOptions&) {}, face, body, std::move(args)...);
  }
  template <class Change, TaskBody F, class... A>
  Program& start_with(Change change, Face face, F body, A... args) {
    Program& program = *programs_.emplace_back(std::make_unique<Program>());
    program.process = &kernel.start_process("program");
    program.seat = std::make_unique<Seat>(*program.process, *this, seed + programs_.size());
    const Seat::Turn turn(*program.seat);
    LoopOptions options = program.seat->options(face);
    change(options);
    auto loop = Loop::create(options);
    EXPECT_TRUE(loop) << loop.error().message();
    program.loop = std::move(*loop);
    program.seat->set_loop(program.loop.get());
    program.root = std::make_unique<Scope>(nullptr);
    EXPECT_TRUE(program.root->spawn(body, std::move(args)...));
    runnable(*program.seat);
    return program;
  }

  // One step; false: nothing can run any more, now or later.
  bool step() {
    if (!ready_.empty()) {
      const Ready next = ready_.front();
      ready_.pop_front();
      if (next.crew != nullptr) {
        next.crew->step();
      } else {
        turn(*next.program);
      }
      return true;
    }
    return clock.fire_next();
  }
  void turn(Program& program) {
    program.queued = false;
    ++program.turns;
    const Seat::Turn turn(*program.seat);
    program.loop->turn();
    if (!program.seat->waiting() || program.loop->next() <= clock.now()) {
      if (!over(program)) {
        runnable(*program.seat);
      }
    }
  }
  bool over(Program& program) {
    return program.root->live() == 0 && program.loop->ledger().operations == 0 &&
           program.loop->next() != Instant{};
  }

  // Steps until every program's tasks have ended; fails if they do not, or leave something.
  void run_to_end(std::uint64_t most = 1'000'000) {
    for (std::uint64_t steps = 0;; ++steps) {
      bool all = true;
      for (auto& program : programs_) {
        all = all && (!program->loop || over(*program));
      }
      if (all) {
        break;
      }
      ASSERT_LT(steps, most) << "the programs do not end: they spin";
      ASSERT_TRUE(step()) << "nothing can run, and tasks still wait";
    }
    for (auto& program : programs_) {
      if (program->loop) {
        end(*program);
      }
    }
  }
  void end(Program& program) {
    const Seat::Turn turn(*program.seat);
    program.root.reset();
    expect_clean(*program.loop);
    program.loop.reset();
    forget(program);
  }
  // It dies where it is.
  void kill(Program& program) {
    program.seat->abandon(program.root.get());
    const Seat::Turn turn(*program.seat);
    program.root.reset();
    expect_clean(*program.loop);
    program.loop.reset();
    forget(program);
  }
  void forget(Program& program) {
    std::erase_if(ready_, [&program](const Ready& each) { return each.program == &program; });
  }
  static void expect_clean(const Loop& loop) {
    const Ledger ledger = loop.ledger();
    EXPECT_EQ(ledger.descriptors, 0u) << "a stream, file or socket is still open";
    EXPECT_EQ(ledger.operations, 0u) << "an operation is still in flight";
    EXPECT_EQ(ledger.frames, 0u) << "a task's frame is still alive";
    EXPECT_EQ(ledger.buffers, 0u) << "a lease was not given back";
    EXPECT_EQ(ledger.timers, 0u) << "a timer is still armed";
  }

  void runnable(Seat& seat) noexcept override {
    for (auto& program : programs_) {
      if (program->seat.get() == &seat && !program->queued) {
        program->queued = true;
        ready_.push_back({program.get(), nullptr});
      }
    }
  }
  void work(Crew& crew) noexcept override { ready_.push_back({nullptr, &crew}); }
  void forget(Crew& crew) noexcept override {
    std::erase_if(ready_, [&crew](const Ready& each) { return each.crew == &crew; });
  }

  std::uint64_t seed;
  Clock clock;
  Weather weather;
  HashTrace tracer;
  Network network;
  Kernel kernel;

 private:
  struct Ready {
    Program* program;
    Crew* crew;
  };
  std::vector<std::unique_ptr<Program>> programs_;
  std::deque<Ready> ready_;
};

inline std::string name_of_face(const testing::TestParamInfo<Face>& face) {
  constexpr const char* kNames[] = {"readiness", "level", "completion"};
  return kNames[static_cast<std::size_t>(face.param)];
}

#define INSTANTIATE_ON_EVERY_FACE(Suite) \
  INSTANTIATE_TEST_SUITE_P(              \
      On, Suite, testing::Values(Face::readiness, Face::level, Face::completion), name_of_face)

}  // namespace vigil::sim
