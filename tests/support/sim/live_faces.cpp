// The simulation's faces, under the lock of Live, and waiting for real.
#include <unistd.h>

#include <new>
#include <string>
#include <vector>

#include "faces/completion.hpp"
#include "faces/parts.hpp"
#include "poll/selector.hpp"
#include "tests/support/sim/live.hpp"

namespace vigil {
namespace test {
namespace {

using Make = Result<std::unique_ptr<Selector>> (*)();

// Waits until `poll` found something, was notified, or `at_most` is over. It is called under the
// lock, and says by the seat that it would wait.
template <class F>
void wait_for(Live& live, Live::Lock& lock, sim::Seat& seat, Nanos at_most, F poll) {
  const Instant until = after(std::chrono::steady_clock::now(), at_most);
  live.interrupted();  // before the wait is not in it
  for (;;) {
    const Nanos left = vigil::until(until, std::chrono::steady_clock::now());
    poll(left);
    live.changed();
    if (!seat.waiting()) {
      return;
    }
    while (seat.waiting()) {
      live.sleep(lock, until);
      if (live.interrupted() || std::chrono::steady_clock::now() >= until) {
        poll(Nanos::zero());
        return;
      }
    }
  }
}

class LiveSelector final : public Selector {
 public:
  explicit LiveSelector(sim::Process& process) : seat_(process, Live::instance(), 1) {}
  ~LiveSelector() override {
    const Live::Lock lock = live_.enter();
    inner_.reset();
    live_.changed();
  }
  Result<> open(Make make) {
    const sim::Seat::Turn turn(seat_);
    auto made = make();
    if (!made) {
      return std::unexpected(made.error());
    }
    inner_ = std::move(*made);
    return {};
  }
  const SelectorTraits& traits() const noexcept override { return inner_->traits(); }
  Result<> apply(std::span<const Change> changes) noexcept override {
    const Live::Lock lock = live_.enter();
    auto done = inner_->apply(changes);
    live_.changed();
    return done;
  }
  Result<std::span<Event>> wait(std::span<Event> room, Nanos at_most) noexcept override {
    Live::Lock lock = live_.enter();
    Result<std::span<Event>> told;
    wait_for(live_, lock, seat_, at_most, [&](Nanos left) { told = inner_->wait(room, left); });
    return told;
  }
  void notify() noexcept override {
    const Live::Lock lock = live_.enter();
    inner_->notify();
    live_.changed();
  }
  NativeHandle handle() const noexcept override { return inner_->handle(); }

 private:
  Live& live_ = Live::instance();
  sim::Seat seat_;
  std::unique_ptr<Selector> inner_;
};

class LiveEngine final : public Engine {
  template <class F>
  auto locked(F call) noexcept {
    const Live::Lock lock = live_.enter();
    struct Tell {
      Live& live;
      ~Tell() { live.changed(); }
    } tell{live_};
    return call();
  }

 public:
  LiveEngine(sim::Process& process, EngineParts parts)
      : seat_(process, Live::instance(), 1),
        inner_(std::make_unique<sim::CompletionEngine>(seat_, parts)) {}
  ~LiveEngine() override {
    const Live::Lock lock = live_.enter();
    inner_.reset();
    live_.changed();
  }
  const EngineTraits& traits() const noexcept override { return inner_->traits(); }
  Instant now() const noexcept override { return std::chrono::steady_clock::now(); }
  Result<Descriptor*> attach(NativeHandle handle, Attach how,
                             std::source_location where) noexcept override {
    return locked([&] { return inner_->attach(handle, how, where); });
  }
  void detach(Descriptor& descriptor) noexcept override {
    locked([&] { inner_->detach(descriptor); });
  }
  std::int32_t put_early(Descriptor& descriptor, ByteView bytes) noexcept override {
    return locked([&] { return inner_->put_early(descriptor, bytes); });
  }
  std::size_t attached() const noexcept override { return inner_->attached(); }
  std::uint64_t events() const noexcept override { return inner_->events(); }
  NativeHandle release(Descriptor& descriptor) noexcept override {
    return locked([&] { return inner_->release(descriptor); });
  }
  bool submit(Op& op) noexcept override {
    return locked([&] { return inner_->submit(op); });
  }
  void cancel(Op& op) noexcept override {
    locked([&] { inner_->cancel(op); });
  }
  // What it ends goes on without the lock.
  Result<> drive(Loop& loop, Nanos at_most) noexcept override {
    loop.drain(*this, at_most);
    return {};
  }
  void wait(Nanos at_most) noexcept {
    Live::Lock lock = live_.enter();
    wait_for(live_, lock, seat_, at_most, [&](Nanos left) { inner_->wait(left); });
  }
  Op* next(Loop& loop) noexcept {
    return locked([&] { return inner_->next(loop); });
  }
  bool ready() const noexcept override {
    const Live::Lock lock = live_.enter();
    return inner_->ready();
  }
  void wake() noexcept override {
    locked([&] { inner_->wake(); });
  }
  NativeHandle handle() const noexcept override { return inner_->handle(); }
  EngineLedger ledger() const noexcept override {
    const Live::Lock lock = live_.enter();
    return inner_->ledger();
  }
  void abandon() noexcept override {
    locked([&] { inner_->abandon(); });
  }

 private:
  Live& live_ = Live::instance();
  sim::Seat seat_;
  std::unique_ptr<sim::CompletionEngine> inner_;
};

class LiveSyscalls final : public Syscalls {
 public:
  std::int32_t recv(NativeHandle handle, std::byte* to, std::size_t size) noexcept override {
    const Live::Lock lock = live_.enter();
    const std::int32_t result = inner_.recv(handle, to, size);
    live_.changed();
    return result;
  }
  std::int32_t send(NativeHandle handle, const std::byte* from,
                    std::size_t size) noexcept override {
    const Live::Lock lock = live_.enter();
    const std::int32_t result = inner_.send(handle, from, size);
    live_.changed();
    return result;
  }
  std::int32_t perform(Op& op) noexcept override {
    const Live::Lock lock = live_.enter();
    if (op.code == Opcode::spawn) {
      take_environment();
    }
    const std::int32_t result = inner_.perform(op);
    live_.changed();
    return result;
  }
  void close(NativeHandle handle) noexcept override {
    const Live::Lock lock = live_.enter();
    inner_.close(handle);
    live_.changed();
  }
  Instant now() noexcept override { return std::chrono::steady_clock::now(); }

 private:
  // The simulated process's variables are this one's, as its tests set them.
  void take_environment() {
    std::vector<std::string>& all = live_.process().environment;
    all.clear();
    for (char** one = ::environ; *one != nullptr; ++one) {
      all.emplace_back(*one);
    }
  }

  Live& live_ = Live::instance();
  Syscalls& inner_ = live_.seat().syscalls();
};

template <Make make>
Result<std::unique_ptr<Selector>> make_live() {
  Live& live = Live::instance();
  const Live::Lock lock = live.enter();
  auto made = std::make_unique<LiveSelector>(live.process());
  if (auto opened = made->open(make); !opened) {
    return std::unexpected(opened.error());
  }
  return made;
}

Result<std::unique_ptr<Engine>> make_live_engine(EngineParts parts) {
  Live& live = Live::instance();
  const Live::Lock lock = live.enter();
  return std::make_unique<LiveEngine>(live.process(), parts);
}

}  // namespace

void register_live_faces() noexcept {
  static constinit SelectorRow sim{"sim", make_live<sim::make_selector>, nullptr};
  static constinit SelectorRow level{"sim-level", make_live<sim::make_level_selector>, nullptr};
  static constinit EngineRow completion{"sim-completion", make_live_engine, nullptr};
  add_selector(sim);
  add_selector(level);
  add_engine(completion);
}

}  // namespace test

// Takes the place of the library's: every loop of this program is on the simulated kernel.
Syscalls& native_syscalls() noexcept {
  static test::LiveSyscalls live;
  return live;
}

}  // namespace vigil
