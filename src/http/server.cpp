// The server as a whole: its pool of Works, its clock, and the watch over its connections' limits.
#include "vigil/http/server.hpp"

#include <algorithm>
#include <new>

#include "http/resting.hpp"

namespace vigil::http {

namespace {

// How long a connection that rests may still say something while the server drains.
constexpr Nanos kLastCall = std::chrono::milliseconds(500);
constexpr std::size_t kEndedAtOnce = 256;  // of those that hibernate, in one turn

// How often limits are looked at.
Nanos interval_of(const Limits& limits) noexcept {
  const Nanos shortest =
      std::min({limits.head_time, limits.idle_time, limits.rate_grace, limits.write_stall});
  return std::clamp<Nanos>(shortest / 8, std::chrono::milliseconds(10), std::chrono::seconds(1));
}

}  // namespace

Server::State::State(Handler each, ServerOptions how)
    : handler(each), options(how), memory(*this), interval_(interval_of(how.limits)) {
  fire = &State::sweep;
  last_call_.state = this;
  last_call_.fire = &State::call_last;
  ending_sleepers_.state = this;
  ending_sleepers_.fire = &State::end_sleepers;
  memory.set_limit(how.limits.memory);
}

// What has been waited is counted in ticks: shorter ones make it less, and longer ones would make
// it more.
void Server::State::set_limits(const Limits& limits) noexcept {
  const std::uint16_t fields = options.limits.fields;  // the size of Works that are there
  options.limits = limits;
  options.limits.fields = fields;
  memory.set_limit(limits.memory);
  memory.look();
  interval_ = std::min(interval_, interval_of(limits));
  for (Resting* each = resting; each != nullptr; each = each->next) {
    each->sleepers.set_limit(Resting::limit_of(options));
  }
}

Server::State::~State() {
  check(figures.connections.get() + figures.asleep.get() == 0,
        "an http::Server was destroyed while it serves: let serve() return first");
  for (Timer* timer : {static_cast<Timer*>(this), static_cast<Timer*>(&last_call_),
                       static_cast<Timer*>(&ending_sleepers_)}) {
    if (timer->armed()) {
      Loop::current()->timers().stop(*timer);
    }
  }
  drop_pool();
}

// ---- Works ----

[[gnu::noinline]] Work* Server::State::make_work() noexcept {
  Work* work = memory.full() ? nullptr : Work::make(options.limits.fields);
  if (work != nullptr) {
    memory.took(work->memory.size);
    ++works_;
  }
  return work;
}

[[gnu::noinline]] void Server::State::end_work(Work* work) noexcept {
  memory.gave(work->memory.size + work->memory.gathered);
  --works_;
  delete work;
}

void Server::State::drop_pool() noexcept {
  while (Work* work = free_) {
    free_ = work->next;
    --kept_;
    end_work(work);
  }
}

// The monotonic clock tells when the second is over; a clock that was set is noticed within a tenth
// of one.
std::int64_t Server::State::read_wall(Instant now) noexcept {
  const Nanos wall = Loop::current()->host().wall_time();
  const auto whole = std::chrono::floor<std::chrono::seconds>(wall);
  wall_until_ =
      now + std::min<Nanos>(whole + std::chrono::seconds(1) - wall, std::chrono::milliseconds(100));
  wall_seconds_ = whole.count();
  return wall_seconds_;
}

// ---- The watch ----

std::uint32_t Server::State::ticks(Nanos span) const noexcept {
  return static_cast<std::uint32_t>(
      std::min<std::int64_t>(span / interval_ + (span % interval_ != Nanos::zero()), 0x7fff'ffff));
}

void Server::State::watch() noexcept {
  if (!armed()) {
    Loop& loop = *Loop::current();
    loop.timers().arm(*this, after(loop.now(), interval_));
  }
  if (draining()) [[unlikely]] {
    arm_last_call();  // one that was let in before
  }
}

void Server::State::sweep(Timer& timer) noexcept {
  State& self = static_cast<State&>(timer);
  ++self.tick;
  self.sweep_idle();
  for (Session* session = self.active.first; session != nullptr; session = session->next) {
    self.sweep_active(*session);
  }
  self.memory.look();
  if (self.idle.first != nullptr || self.active.first != nullptr) {
    self.watch();
  }
}

// A connection keeps its place while it serves. So each is looked at once in two ticks, and goes to
// the end of the list: who was busy meanwhile is found so. Who was not hibernates, and has its time
// from there.
void Server::State::sweep_idle() noexcept {
  while (idle.first != nullptr && tick - idle.first->placed > 1) {
    Session& session = *idle.first;
    if (session.phase == Phase::idle && tick - session.since > 1 && !session.expired) {
      session.hibernate();
    }
    session.leave_list();
    session.to_list(false);
  }
}

Instant Server::State::when_of(std::uint32_t idle_since) const noexcept {
  const std::uint32_t rested = tick - idle_since;
  return Loop::current()->now() - interval_ * (rested != 0 ? rested - 1 : 0);
}

void Server::State::sweep_active(Session& session) noexcept {
  if (session.expired) {
    return;
  }
  if (session.phase == Phase::sending) {
    return sweep_sending(session);
  }
  Work& work = *session.work;
  switch (session.phase) {
    case Phase::head:
      if (++work.receiving.waited > ticks(options.limits.head_time)) {
        session.expire();
      }
      return;
    case Phase::body:
      ++work.receiving.waited;
      if (too_slow(work.receiving)) {
        session.expire();
      }
      return;
    case Phase::writing:
      sweep_writing(session);
      return;
    case Phase::working:
      if (work.out_size != 0 && session.stream.is_open()) {
        session.flush_now();  // pieces of an answer whose handler waits for something else
      }
      return;
    case Phase::idle:
    case Phase::sending:
    case Phase::lingering:
      return;
  }
}

bool Server::State::too_slow(const Work::Rate& rate) const noexcept {
  const Nanos waited = interval_ * rate.waited;
  if (waited <= options.limits.rate_grace) {
    return false;
  }
  const auto seconds = std::chrono::duration<double>(waited).count();
  return static_cast<double>(rate.moved) <
         seconds * static_cast<double>(options.limits.minimum_rate);
}

std::uint64_t left_of(const Op& op) noexcept {
  switch (op.code) {
    case Opcode::send_file:
      return reinterpret_cast<const SendFile*>(op.data)->size;
    case Opcode::send_many: {
      std::uint64_t left = 0;
      for (const auto& part : reinterpret_cast<const SendMany*>(op.data)->parts) {
        left += part.size();
      }
      return left;
    }
    default:
      return op.size;
  }
}

void Server::State::sweep_writing(Session& session) noexcept {
  const Op* op = session.stream.descriptor()->writer;
  if (op == nullptr) {
    return;
  }
  Work& work = *session.work;
  const std::uint64_t left = left_of(*op);
  work.stalled = left == work.remaining ? work.stalled + 1 : 0;
  work.sending.moved += work.remaining > left ? work.remaining - left : 0;
  work.remaining = left;
  ++work.sending.waited;
  if (work.stalled > ticks(options.limits.write_stall) || too_slow(work.sending)) {
    session.expire();
  }
}

void Server::State::sweep_sending(Session& session) noexcept {
  const Op* op = session.stream.descriptor()->writer;
  if (op == nullptr) {
    return;
  }
  if (op->size != session.unsent) {
    session.unsent = static_cast<std::uint16_t>(op->size);
    session.placed = tick;
  }
  const auto taken = static_cast<std::uint64_t>(session.sending - session.unsent);
  if (tick - session.placed > ticks(options.limits.write_stall) ||
      too_slow({.moved = taken, .waited = tick - session.since})) {
    session.expire();
  }
}

// ---- Draining ----

// Who has rested long has nothing to wait for. Others may have sent a request when they could not
// know of the end: they are given a moment, and told with its answer.
void Server::State::begin_last_call() noexcept {
  for (Session* session = idle.first; session != nullptr; session = session->next) {
    const std::uint32_t rested = tick - session->since;
    if (session->phase == Phase::idle && rested != 0 && interval_ * (rested - 1) >= kLastCall) {
      end_rest(*session);
    }
    session->last_call = true;
  }
  sleepers_end_ = Loop::current()->engine().now() - kLastCall;
  end_sleepers(ending_sleepers_);
  arm_last_call();
}

// A drain that has less time leaves less for this.
void Server::State::arm_last_call() noexcept {
  if (!last_call_.armed()) {
    Loop& loop = *Loop::current();
    const Instant now = loop.engine().now();
    const Instant end = options.drain->deadline();
    const Nanos span = std::clamp<Nanos>((end - now) / 4, std::chrono::milliseconds(1), kLastCall);
    last_call_span_ = span;
    loop.timers().arm(last_call_, after(now, span));
  }
}

void Server::State::call_last(Timer& timer) noexcept {
  State& self = *static_cast<LastCall&>(timer).state;
  for (Session* session = self.idle.first; session != nullptr; session = session->next) {
    if (session->phase == Phase::idle && session->last_call) {
      end_rest(*session);
    }
    session->last_call = true;
  }
  self.sleepers_end_ = Loop::current()->engine().now() - self.last_call_span_;
  end_sleepers(self.ending_sleepers_);
  if (self.figures.connections.get() + self.figures.asleep.get() != 0) {
    self.arm_last_call();
  }
}

// A share of them, and the others in the next turns.
void Server::State::end_sleepers(Timer& timer) noexcept {
  State& self = *static_cast<LastCall&>(timer).state;
  bool all = true;
  for (Resting* each = self.resting; each != nullptr; each = each->next) {
    all = each->sleepers.close_idle(self.sleepers_end_, kEndedAtOnce) && all;
  }
  if (!all) {
    Loop& loop = *Loop::current();
    loop.timers().arm(timer, loop.now());
  }
}

void Server::State::end_rest(Session& session) noexcept {
  if (Op* op = session.stream.descriptor()->reader) {
    Loop::current()->cancel(*op);
  }
}

// ---- The public face ----

Server::Server(Handler handler, ServerOptions options)
    : state_(std::make_unique<State>(handler, options)) {}
Server::~Server() = default;

namespace {

class LastCallOnDrain : public Drain::Watcher {
 public:
  LastCallOnDrain(Drain& drain, void (*end)(void*), void* state) noexcept
      : Watcher(drain, [](Watcher& w) noexcept { static_cast<LastCallOnDrain&>(w).run(); }),
        end_(end),
        state_(state) {}
  void run() noexcept { end_(state_); }

 private:
  void (*end_)(void*);
  void* state_;
};

}  // namespace

Task<Result<>> Server::serve(TcpListener& listener) {
  return state_->serve(listener, state_->options.drain, shortage(), nullptr);
}

Task<Result<>> Server::serve(TcpListener& listener, Drain& accepting, ConnectionLimit* limit) {
  return state_->serve(listener, &accepting, shortage(), limit);
}

void Server::set_limits(const Limits& limits) noexcept { state_->set_limits(limits); }

void Server::set_log(void (*log)(void*, const ExchangeEnd&) noexcept) noexcept {
  state_->options.log = log;
}

Task<Result<>> Server::State::serve(TcpListener& listener, Drain* accepting, Shortage shortage,
                                    ConnectionLimit* limit) {
  State* state = this;
  ServeOptions how{.drain = accepting, .shortage = shortage};
  ServeFigures counted;
  Resting resting_here(*state, limit);
  if (state->options.drain != nullptr) {
    const LastCallOnDrain on_drain(
        *state->options.drain, [](void* s) { static_cast<State*>(s)->begin_last_call(); }, state);
    auto serving = vigil::detail::serve_into(listener, how, counted, resting_here);
    co_return co_await std::move(serving);
  }
  auto serving = vigil::detail::serve_into(listener, how, counted, resting_here);
  co_return co_await std::move(serving);
}

ServerFigures Server::figures() const noexcept {
  const auto& counted = state_->figures;
  return {.requests = counted.requests.get(),
          .refused = counted.refused.get(),
          .timed_out = counted.timed_out.get(),
          .failures = counted.failures.get(),
          .turned_away = counted.turned_away.get(),
          .connections = static_cast<std::size_t>(counted.connections.get() + counted.asleep.get()),
          .asleep = static_cast<std::size_t>(counted.asleep.get()),
          .active = state_->at_work(),
          .memory = state_->memory.figures()};
}

std::vector<Address> Server::active_peers() const {
  std::vector<Address> peers;
  for (Session* session = state_->active.first; session != nullptr; session = session->next) {
    const Result<Address> peer = session->find_peer();
    if (session->phase != Phase::lingering && session->stream.is_open() && peer) {
      peers.push_back(*peer);
    }
  }
  return peers;
}

}  // namespace vigil::http
