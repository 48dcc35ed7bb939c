// The thread of a shard, as steps: its loop turns when the scheduler says so, as a program's does.
#include <memory>
#include <new>

#include "faces/parts.hpp"
#include "faces/seat.hpp"

namespace vigil::sim {
namespace {

class ShardLoop final : public vigil::Host::Thread, public Crew, public Beside, public Scheduler {
 public:
  ShardLoop(Seat& home, ShardBody& body)
      : home_(home), body_(body), seat_(home.process(), *this, home.random().next()) {
    home_.add(*this);
    runnable(seat_);
  }
  ~ShardLoop() override {
    home_.remove(*this);
    forget(*this);
    if (state_ == State::turns) {
      abandon();
      end();
    }
  }

  // Crew.
  Seat& seat() noexcept override { return seat_; }
  void step() noexcept override {
    queued_ = false;
    if (home_.gone() || state_ == State::over) {
      return;
    }
    bool again = true;
    bool over = false;
    {
      const Seat::Turn turn(seat_);
      if (state_ == State::waits) {
        state_ = State::turns;
        Loop* loop = body_.begin(&seat_.host(), &seat_.syscalls());
        seat_.set_loop(loop);
        over = loop == nullptr;
      } else {
        seat_.turns();
        seat_.loop()->turn();
        again = !seat_.waiting() || seat_.loop()->next() <= seat_.kernel().clock().now();
        over = body_.over();
      }
    }
    if (over) {
      end();
    } else if (again) {
      runnable(seat_);
    }
  }

  // Beside.
  void abandon() noexcept override {
    if (state_ == State::turns && !seat_.gone()) {
      seat_.abandon(body_.root());
    }
  }

  // Scheduler: of this loop, and of its lanes.
  void runnable(Seat&) noexcept override {
    if (!queued_ && state_ != State::over) {
      queued_ = true;
      home_.scheduler().work(*this);
    }
  }
  void work(Crew& crew) noexcept override { home_.scheduler().work(crew); }
  void forget(Crew& crew) noexcept override { home_.scheduler().forget(crew); }

 private:
  enum class State : std::uint8_t { waits, turns, over };

  void end() noexcept {
    state_ = State::over;
    const Seat::Turn turn(seat_);
    body_.end();
    seat_.set_loop(nullptr);
  }

  Seat& home_;
  ShardBody& body_;
  Seat seat_;
  State state_ = State::waits;
  bool queued_ = false;
};

}  // namespace

Result<std::unique_ptr<vigil::Host::Thread>> make_shard(Seat& seat, ShardBody& body) noexcept {
  return std::unique_ptr<vigil::Host::Thread>(std::make_unique<ShardLoop>(seat, body));
}

}  // namespace vigil::sim
