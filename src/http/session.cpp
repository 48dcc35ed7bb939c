// A connection's life: it rests without memory, wakes with bytes, and answers every request among
// them before it rests again. What waits to be sent goes out in one call at the end of a batch.
#include "http/resting.hpp"

#include <algorithm>
#include <cstring>
#include <new>

namespace vigil::http {

// ---- Sessions ----

Session::Session(TcpStream connection, Server::State& state, Resting& let_in_by) noexcept
    : server(state), home(let_in_by), stream(std::move(connection)), since(state.tick) {
  ++server.figures.connections;
  to_list(false);
  server.watch();
}

void Session::to_list(bool to_active) noexcept {
  active = to_active;
  placed = server.tick;
  Server::State::List& list = to_active ? server.active : server.idle;
  next = nullptr;
  prev = list.last;
  (prev != nullptr ? prev->next : list.first) = this;
  list.last = this;
}

void Session::leave_list() noexcept {
  Server::State::List& list = active ? server.active : server.idle;
  (prev != nullptr ? prev->next : list.first) = next;
  (next != nullptr ? next->prev : list.last) = prev;
}

[[gnu::noinline]] void Session::activate() noexcept {
  if (!active) {
    leave_list();
    to_list(true);
  }
}

inline bool Session::wake(Lease& lease) noexcept {
  phase = Phase::working;
  work = server.take_work();
  if (work == nullptr) [[unlikely]] {
    return false;
  }
  work->pending = lease.bytes();
  work->lease = std::move(lease);
  return true;
}

inline void Session::drop_work() noexcept { server.give_work(std::exchange(work, nullptr)); }

Session::~Session() {
  leave_list();
  if (work != nullptr) {
    drop_work();
  }
  --server.figures.connections;
  if (!fell_asleep()) {
    home.let_out();
  }
}

inline void Session::rest() noexcept {
  if (work != nullptr) {
    drop_work();
  }
  phase = Phase::idle;
  expired = false;  // what was to be ended was done before the cancel came
  last_call = false;
  since = server.tick;
  if (active) [[unlikely]] {
    leave_list();
    to_list(false);
  }
}

void Session::enter(Phase entered) noexcept {
  phase = entered;
  work->receiving = {};
  work->sending = {};
}

void Session::begin_write(std::uint64_t size) noexcept {
  phase = Phase::writing;
  work->stalled = 0;
  work->remaining = size;
}

ByteView Session::begin_write_of_all() noexcept {
  const std::size_t size = std::exchange(work->out_size, 0u);
  work->settled = 0;
  begin_write(size);
  return as_bytes(std::string_view(work->out.data(), size));
}

// The buffer that the last request came in is at hand, and is needed no more.
inline ByteView Session::begin_last_write(Lease& kept) noexcept {
  if (work->out_size > Lease::kRoom || work->lease.empty()) [[unlikely]] {
    return begin_write_of_all();
  }
  kept = std::move(work->lease);
  kept.refill(as_bytes(std::string_view(work->out.data(), work->out_size)));
  drop_work();
  phase = Phase::sending;
  since = placed = server.tick;
  sending = unsent = static_cast<std::uint16_t>(kept.bytes().size());
  return kept.bytes();
}

void Session::end_write(Phase then) noexcept {
  phase = then;
  work->sending.moved += work->remaining;
}

// An operation that ended already, and whose task is about to go on, is left alone: it was in time.
void Session::expire() noexcept {
  Descriptor* descriptor = stream.descriptor();
  const bool writes = phase == Phase::writing || phase == Phase::sending;
  if (Op* op = writes ? descriptor->writer : descriptor->reader) {
    expired = true;
    ++server.figures.timed_out;
    Loop::current()->cancel(*op);
  }
}

void Session::hibernate() noexcept {
  if (Op* op = stream.descriptor()->reader) {
    expired = true;
    Loop::current()->cancel(*op);
  }
}

[[gnu::always_inline]] inline bool send_out(Session& session) noexcept {
  Work& work = *session.work;
  const Descriptor& descriptor = *session.stream.descriptor();
  if (descriptor.writer != nullptr || (descriptor.ready & kWritable) == 0) [[unlikely]] {
    return false;
  }
  const std::int32_t sent = Loop::current()->syscalls().send(
      descriptor.handle, reinterpret_cast<const std::byte*>(work.out.data()), work.out_size);
  if (sent == static_cast<std::int32_t>(work.out_size)) [[likely]] {
    work.out_size = work.settled = 0;
    return true;
  }
  if (sent > 0) {
    const auto done = static_cast<std::uint32_t>(sent);
    work.out_size -= done;
    work.settled -= std::min(work.settled, done);
    std::memmove(work.out.data(), work.out.data() + done, work.out_size);
  }
  return false;
}

Result<Address> Session::find_peer() noexcept {
  if (peer.known()) {
    return peer.address();
  }
  if (!stream.is_open()) {
    return error(std::errc::not_connected);  // it was handed over
  }
  auto found = stream.peer_address();
  if (found) {
    peer.keep(*found);
  }
  return found;
}

void Peer::keep(const Address& address) noexcept {
  const SocketName& name = address.name();
  if (name.path_size == 0) {
    ip_ = name.ip;
    zone_ = name.zone;
    port_ = name.port;
    family_ = name.family;
  }
}

Address Peer::address() const noexcept {
  SocketName name;
  name.family = family_;
  name.port = port_;
  name.zone = zone_;
  name.ip = ip_;
  return Address(name);
}

bool Session::flush_now() noexcept { return send_out(*this); }

[[gnu::noinline]] Work* Work::make(std::uint16_t fields) noexcept {
  fields = std::max<std::uint16_t>(fields, 1);
  std::unique_ptr<FieldSlot[]> table(new (std::nothrow) FieldSlot[fields]);
  return table ? new (std::nothrow) Work(std::move(table), fields) : nullptr;
}

void Work::clear() noexcept {
  parser.reset();
  pending = {};
  lease = Lease();
  head_lease = Lease();
  if (gathered.capacity() != 0) [[unlikely]] {
    gathered.clear();
    if (gathered.capacity() > 65536) {
      gathered = {};
    }
  }
  out_size = settled = 0;
}

// ---- The life of a connection ----

// Runs the handler. If it waits, the connection is among the active from then on, and the answers
// before its own, which owe it nothing, go out.
class SessionRun::Handling {
 public:
  explicit Handling(Session& session) noexcept : session_(session), task_(nullptr) {
    Work& work = *session.work;
    work.pending = work.pending.subspan(work.head.size());
    session.enter(Phase::working);
    Exchange& exchange = *::new (static_cast<void*>(&work.exchange)) Exchange(session, work);
    if (!exchange.body_over_ && exchange.is_too_large()) [[unlikely]] {
      return;
    }
    try {
      task_ = session.server.handler(exchange);
      if (!task_) {
        work.failure = std::make_exception_ptr(std::bad_alloc());
      }
    } catch (...) {
      work.failure = std::current_exception();
    }
  }

  bool await_ready() const noexcept { return !task_; }
  template <class P>
  bool await_suspend(std::coroutine_handle<P> up) noexcept {
    if (!task_.await_suspend(up)) [[likely]] {
      return false;
    }
    session_.activate();
    if (session_.work->out_size != 0 && session_.phase != Phase::writing) {
      session_.flush_now();
    }
    return true;
  }
  // Whether all is done, and the connection goes on.
  bool await_resume() noexcept {
    Work& work = *session_.work;
    if (task_ && task_.promise().failure) [[unlikely]] {
      work.failure = std::move(task_.promise().failure);
    }
    if (work.failure || !work.exchange.is_over()) [[unlikely]] {
      return false;
    }
    Server::State& server = session_.server;
    ++server.figures.requests;
    if (server.options.log != nullptr) {
      log(session_, &work.head, true);
    }
    work.head_lease = Lease();
    work.settled = work.out_size;
    return true;
  }

 private:
  Session& session_;
  Task<> task_;
};

namespace {

// One request is one operation of the loop's share: who pipelines without end lets others go first.
class Share {
 public:
  explicit Share(Node& node) noexcept : node_(node) {}
  bool await_ready() const noexcept { return Loop::current()->may_go_on(); }
  void await_suspend(std::coroutine_handle<>) const noexcept {
    node_.result = 0;
    Loop::current()->defer_spent(node_);
  }
  void await_resume() const noexcept {}

 private:
  Node& node_;
};

class TakeShare {
 public:
  Share bind(Node& node) const noexcept { return Share(node); }
};

}  // namespace

// What is common needs no coroutine but the handler's own.
Task<> SessionRun::connection(TcpStream stream, Server::State* server, Resting* resting) {
  Session session(std::move(stream), *server, *resting);
  for (;;) {
    {
      auto lease = co_await session.stream.receive();
      if (!lease) [[unlikely]] {
        if (session.expired) {
          if (session.home.take(session)) {
            co_return;
          }
          continue;  // the next request is here
        }
        if (server->draining() || server->memory.relieving()) {
          // A request that is here already, and only was not looked at yet, is still answered.
          lease = session.stream.receive_now();
        }
      }
      if (!lease || lease->empty()) [[unlikely]] {
        co_return;
      }
      if (!session.wake(*lease)) [[unlikely]] {
        if (server->memory.full()) {
          *lease = Lease();
          co_await turn_away(std::move(session.stream), server, Lack::memory);
        }
        co_return;
      }
    }
    while (!session.work->pending.empty()) {
      Work& work = *session.work;
      const Progress progress =
          work.parser.parse(work.pending, work.head, server->options.limits.head);
      if (progress != Progress::complete) [[unlikely]] {
        if (!co_await no_head(session, progress)) {
          co_return;
        }
        continue;
      }
      const bool over = co_await Handling(session);
      if (!over && !co_await settle(session)) {
        co_return;
      }
      co_await TakeShare();
    }
    // A ring's engine is given every send, so this waits there as a rule, and has no frame of its
    // own.
    if (session.work->out_size != 0 && !send_out(session)) {
      session.activate();
      Lease kept;
      const Result<> sent = co_await session.stream.send(session.begin_last_write(kept));
      if (!sent) [[unlikely]] {
        session.stream.reset();
        co_return;
      }
    }
    session.rest();
  }
}

}  // namespace vigil::http
