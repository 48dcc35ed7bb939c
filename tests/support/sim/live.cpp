#include "tests/support/sim/live.hpp"

#include <fcntl.h>

#include <atomic>

#include "vigil/base/check.hpp"

namespace vigil::test {
namespace {

std::atomic<bool> is_started = false;

Nanos wall_now() {
  return std::chrono::duration_cast<Nanos>(std::chrono::system_clock::now().time_since_epoch());
}

}  // namespace

Live& Live::instance() {
  static Live& live = *new Live;  // other threads may still be at it when the program ends
  return live;
}

bool Live::started() noexcept { return is_started; }

Live::Live()
    : clock_(std::chrono::steady_clock::now()),
      weather_(clock_, 1, sim::Faults::none()),
      network_(clock_, weather_, tracer_, 1),
      id_(weather_.add_host("live")),
      kernel_("live", id_, clock_, weather_, network_, tracer_),
      process_(kernel_.start_process("tests")),
      seat_(process_, *this, 1) {
  kernel_.step_wall(wall_now() - kernel_.wall_time());
  process_.ignore_signal(SIGPIPE, true);
  process_.handle_limit = 1 << 16;
  while (process_.file(kFirst - 1) == nullptr) {
    check(process_.dup(0) >= 0, "the simulated process could not fill its table");
  }
  is_started = true;
}

Live::Lock Live::enter() {
  Lock lock(mutex_);
  advance();
  return lock;
}

void Live::advance() {
  const Instant now = std::chrono::steady_clock::now();
  while (clock_.next() <= now) {
    clock_.fire_next();
  }
  clock_.jump(now);
}

void Live::changed() noexcept { changes_.notify_all(); }

void Live::sleep(Lock& lock, Instant until) {
  const Instant wake_at = std::min(until, clock_.next());
  if (wake_at == kNever) {
    changes_.wait(lock);
  } else {
    changes_.wait_until(lock, wake_at);
  }
  advance();
}

void Live::interrupt(pthread_t thread) {
  const Lock lock = enter();
  interrupted_.push_back(thread);
  changed();
}

bool Live::interrupted() noexcept { return std::erase(interrupted_, ::pthread_self()) != 0; }

void Live::child_ended() noexcept {
  const Lock lock(mutex_);
  --children_;
  changed();
}

void Live::wait_for_children(Nanos at_most) {
  Lock lock = enter();
  const Instant until = after(std::chrono::steady_clock::now(), at_most);
  while (children_ != 0 && std::chrono::steady_clock::now() < until) {
    sleep(lock, until);
  }
}

std::int64_t Live::call(const std::function<std::int64_t(sim::Process&)>& call) {
  const Lock lock = enter();
  const std::int64_t result = call(process_);
  changed();
  return result;
}

std::int64_t Live::call_blocking(int handle,
                                 const std::function<std::int64_t(sim::Process&)>& call) {
  Lock lock = enter();
  for (;;) {
    const std::int64_t result = call(process_);
    changed();
    const sim::File* file = process_.file(handle);
    if (result != -EAGAIN || file == nullptr || file->nonblocking) {
      return result;
    }
    sleep(lock, kNever);
  }
}

}  // namespace vigil::test
