// The seat's waits, its turns, and its end.
#include "faces/seat.hpp"

#include <algorithm>
#include <utility>

#include "coro/abandon.hpp"
#include "faces/parts.hpp"

namespace vigil::sim {
namespace {

thread_local constinit Seat* current_seat = nullptr;
using TurnsWatcher = void (*)(bool begun) noexcept;  // GCC 12 takes no constinit beside this type
constinit TurnsWatcher turns_watcher = nullptr;

constexpr const char* engine_of(Face face) noexcept {
  switch (face) {
    case Face::readiness:
      return "sim";
    case Face::level:
      return "sim-level";
    case Face::completion:
      return "sim-completion";
    case Face::seed:
      break;
  }
  return "sim";
}

}  // namespace

Seat::Seat(Process& process, Scheduler& scheduler, std::uint64_t seed, Environment environment)
    : process_(process),
      scheduler_(scheduler),
      random_(seed, "seat"),
      syscalls_(make_syscalls(*this)),
      host_(make_host(*this, std::move(environment))) {
  sleep_.seat = this;
  sleep_.fire = &Seat::slept;
}

Seat::~Seat() { kernel().clock().stop(sleep_); }

LoopOptions Seat::options(Face face) {
  LoopOptions options;
  options.engine = engine_of(face);
  options.host = host_.get();
  options.syscalls = syscalls_.get();
  return options;
}

void Seat::watch_turns(void (*told)(bool begun) noexcept) noexcept { turns_watcher = told; }

Seat::Turn::Turn(Seat& seat) noexcept
    : before_(std::exchange(current_seat, &seat)), switch_(seat.loop_) {
  if (turns_watcher != nullptr && before_ == nullptr) {
    turns_watcher(true);
  }
}

Seat::Turn::~Turn() {
  current_seat = before_;
  if (turns_watcher != nullptr && before_ == nullptr) {
    turns_watcher(false);
  }
}

Seat* Seat::current() noexcept { return current_seat; }

void Seat::abandon(Scope* root) noexcept {
  gone_ = true;
  waiting_ = false;
  kernel().clock().stop(sleep_);
  if (loop_ == nullptr) {
    return;
  }
  const Turn turn(*this);
  // Letters lie in the frames of both sides: all are let go of before any frame is destroyed.
  loop_->abandon();
  for (Beside* other : beside_) {
    other->abandon();
  }
  if (root != nullptr) {
    vigil::abandon(*loop_, *root);
  }
}

void Seat::waits(Nanos at_most) noexcept {
  const int milliseconds = ceil_milliseconds(at_most);
  Clock& clock = kernel().clock();
  waiting_ = true;
  wake_at_ =
      milliseconds < 0 ? kNever : after(clock.now(), std::chrono::milliseconds(milliseconds));
  if (wake_at_ != kNever && (!sleep_.set() || sleep_.at > wake_at_)) {
    clock.set(sleep_, wake_at_);
  }
}

bool Seat::woken() noexcept {
  const bool waited = std::exchange(waiting_, false);
  if (waited) {
    scheduler_.runnable(*this);
  }
  return waited;
}

void Seat::slept(Alarm& alarm) noexcept {
  auto& sleep = static_cast<Sleep&>(alarm);
  Seat& seat = *sleep.seat;
  if (!seat.waiting_) {
    return;
  }
  Clock& clock = seat.kernel().clock();
  if (seat.wake_at_ <= clock.now()) {
    seat.woken();
  } else if (seat.wake_at_ != kNever) {
    clock.set(sleep, seat.wake_at_);
  }
}

void register_faces() noexcept {
  static constinit SelectorRow sim{"sim", make_selector, nullptr};
  static constinit SelectorRow level{"sim-level", make_level_selector, nullptr};
  static constinit EngineRow completion{"sim-completion", make_completion_engine, nullptr};
  add_selector(sim);
  add_selector(level);
  add_engine(completion);
}

}  // namespace vigil::sim
