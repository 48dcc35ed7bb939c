// The inside of the HTTP server: what it keeps for a connection, for a request under way, and in
// all.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "http/head_memo.hpp"
#include "http/memory.hpp"
#include "vigil/base/counters.hpp"
#include "vigil/http/body.hpp"
#include "vigil/http/date.hpp"
#include "vigil/http/message.hpp"
#include "vigil/http/parser.hpp"
#include "vigil/http/server.hpp"
#include "vigil/loop/timer.hpp"

namespace vigil::http {

class Resting;

// What a request needs while it is under way, from a pool: an idle connection has none of it.
struct Work {
  // Null if there is no memory for it.
  static Work* make(std::uint16_t fields) noexcept;
  explicit Work(std::unique_ptr<FieldSlot[]> table, std::uint16_t fields) noexcept
      : memory{.size = sizeof(Work) + fields * sizeof(FieldSlot)},
        slots(std::move(table)),
        head(std::span<FieldSlot>(slots.get(), fields)) {
    head.remember_lines_in(lines);
  }
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;
  ~Work() {}

  void clear() noexcept;

  Work* next = nullptr;  // in the pool
  RequestParser parser;
  std::uint32_t out_size = 0;       // of `out`: answers that wait for the end of the batch
  std::uint32_t settled = 0;        // of these, answers that are whole
  ByteView pending;                 // came, and is not consumed; in `lease` or in `gathered`
  Lease lease;                      // the latest bytes
  Lease head_lease;                 // those with the head, while a body follows in others
  std::vector<std::byte> gathered;  // a head that came in pieces
  std::exception_ptr failure;       // of the handler
  union {
    Exchange exchange;  // the one under way; made anew for each request
  };

  // What the watch over rates needs: each way of a request and its answer as a whole, however small
  // the pieces are in which a handler reads and writes them.
  struct Rate {
    std::uint64_t moved = 0;   // bytes
    std::uint32_t waited = 0;  // ticks of Server::State
  };
  Rate receiving;
  Rate sending;
  std::uint32_t stalled = 0;    // ticks without progress of the write
  std::uint64_t remaining = 0;  // of the write, when last looked at

  // What it counts for in Memory, and what that noted of it.
  struct Held {
    std::uint64_t size = 0;      // bytes of itself
    std::uint64_t gathered = 0;  // of `gathered`, as far as they were counted
    std::uint64_t charged = 0;   // by the handler
    std::uint64_t progress = 0;  // when last looked at, if it was seen then
    std::uint32_t still = 0;     // rounds without any
    bool seen = false;
  };
  Held memory;

  BodyReader body;
  std::unique_ptr<FieldSlot[]> slots;  // of `head`
  RequestHead head;
  TrailerStorage trailers;
  std::array<char, 1024> lines;  // the fields of the request before, of whatever connection
  std::array<char, 16384> out;
};

// Sending: all is answered, and the last answers go out; they are short and need no Work meanwhile.
// Lingering: all is said, and what still comes is not wanted.
enum class Phase : std::uint8_t { idle, working, head, body, writing, sending, lingering };

// Who a connection is with, without the path that clients of Unix sockets hardly ever have.
class Peer {
 public:
  bool known() const noexcept { return family_ != SocketName::Family::none; }
  void keep(const Address& address) noexcept;
  Address address() const noexcept;

 private:
  std::array<std::uint8_t, 16> ip_{};
  std::uint32_t zone_ = 0;
  std::uint16_t port_ = 0;
  SocketName::Family family_ = SocketName::Family::none;
};

// One connection, in the frame of its task. One that rests for some time has neither (Resting).
//
// It stands in one of two lists. Most requests are answered without a wait, in one go of the loop:
// nobody else sees them, and the connection stays where it is, among the idle. Only what waits with
// a request under way stands among the active.
struct Session {
  using ServerState = Server::State;  // for those who are no friends of the server

  // For who looks from outside.
  ConnectionView view() const;

  // A connection that was let in there.
  Session(TcpStream connection, Server::State& state, Resting& let_in_by) noexcept;
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  bool wake(Lease& lease) noexcept;  // false: no memory for a Work
  void rest() noexcept;              // idle, without a Work
  void drop_work() noexcept;         // gives it back
  void activate() noexcept;          // it waits, with a request under way
  void enter(Phase next) noexcept;
  // A write of so many bytes that waits; and its end.
  void begin_write(std::uint64_t size) noexcept;
  ByteView begin_write_of_all() noexcept;  // of what is to go out, which counts as gone from now on
  void end_write(Phase then) noexcept;
  // All that is to go out, to be sent at the end of a batch: in `kept`, without the Work, if it is
  // short enough; else as begin_write_of_all().
  ByteView begin_last_write(Lease& kept) noexcept;
  void expire() noexcept;     // ends what it waits for; `expired` says why
  void hibernate() noexcept;  // the same for one that rests: `expired` then tells it to fall asleep
  bool flush_now() noexcept;  // sends what waits to be sent, as far as that goes without waiting
  void to_list(bool active) noexcept;
  void leave_list() noexcept;
  Result<Address> find_peer() noexcept;
  // Whoever rests and has no stream any more has gone to those that hibernate.
  bool fell_asleep() const noexcept { return phase == Phase::idle && !stream.is_open(); }

  Session* next = nullptr;
  Session* prev = nullptr;
  Server::State& server;
  Resting& home;
  TcpStream stream;
  Work* work = nullptr;
  std::uint32_t since = 0;  // the tick when it fell idle; sending: when that began
  // The tick when it came to its place among the idle; sending: when the client last took
  // something.
  std::uint32_t placed = 0;
  std::uint16_t sending = 0;  // bytes
  std::uint16_t unsent = 0;   // of them, when last looked at
  Phase phase = Phase::idle;
  bool expired = false;
  bool active = false;
  bool last_call = false;  // it rests while the server drains, and was told so once
  Peer peer;               // once it was asked for
};

inline Exchange::Exchange(Session& session, Work& work) noexcept
    : session_(session), work_(work), began_(Loop::current()->now()) {
  const RequestHead& head = work.head;
  close_ = !head.keep_alive();
  body_over_ = head.framing().kind == BodyKind::none;
  if (!body_over_) [[unlikely]] {
    work.body = BodyReader(head.framing());
  }
}

// What all connections of a server share. Its timer watches over their limits.
class Server::State : private Timer {
 public:
  State(Handler each, ServerOptions how);
  ~State();

  [[gnu::always_inline]] Work* take_work() noexcept {
    if (Work* work = free_) [[likely]] {
      free_ = work->next;
      --kept_;
      return work;
    }
    return make_work();
  }
  void give_work(Work* work) noexcept {
    work->clear();
    if (kept_.get() < kKept) [[likely]] {
      ++kept_;
      work->next = free_;
      free_ = work;
    } else {
      end_work(work);
    }
  }
  void drop_pool() noexcept;  // Works that nobody uses
  // A connection comes. False: there are as many as there may be, here or together. It is let out
  // once, when its Session ends or when it is closed asleep.
  bool let_in() noexcept {
    const std::size_t most = options.limits.connections;
    return count().enter(most != 0 ? most : ~std::size_t{0});
  }
  void let_out() noexcept { count().leave(); }
  // Any thread: how many are at work. Counted where they are made, which is rare.
  std::size_t at_work() const noexcept {
    const std::uint64_t kept = kept_.get();
    const std::uint64_t all = works_.get();
    return static_cast<std::size_t>(all > kept ? all - kept : 0);
  }
  std::int64_t wall_seconds() noexcept {
    const Instant now = Loop::current()->now();
    return now < wall_until_ ? wall_seconds_ : read_wall(now);
  }
  void watch() noexcept;  // something to watch over: keeps the timer going
  bool draining() const noexcept { return options.drain != nullptr && options.drain->begun(); }
  void begin_last_call() noexcept;
  void arm_last_call() noexcept;
  void set_limits(const Limits& limits) noexcept;
  // When a connection that fell idle at this tick did so; not before that.
  Instant when_of(std::uint32_t idle_since) const noexcept;
  Task<Result<>> serve(TcpListener& listener, Drain* accepting, Shortage shortage,
                       ConnectionLimit* limit);

  Handler handler;
  ServerOptions options;
  HeadMemo memo;
  struct {
    Tally requests;
    Tally refused;
    Tally timed_out;
    Tally failures;
    Tally turned_away;
    Counter connections;  // that have a task
    Counter asleep;       // that have none
  } figures;
  Memory memory;
  DateLine date;
  std::uint32_t tick = 0;
  std::size_t turning_away = 0;
  struct List {
    Session* first = nullptr;
    Session* last = nullptr;
  };
  List idle;  // in order of `placed`
  List active;
  Resting* resting = nullptr;  // one for each serve() that goes on

 private:
  // While it drains: ends those that rest, each after its last call.
  struct LastCall : Timer {
    State* state = nullptr;
  };
  static void call_last(Timer& timer) noexcept;
  static void end_sleepers(Timer& timer) noexcept;
  static void end_rest(Session& session) noexcept;

  ConnectionCount& count() noexcept {
    return options.together != nullptr ? *options.together : alone_;
  }
  Work* make_work() noexcept;
  void end_work(Work* work) noexcept;
  static void sweep(Timer& timer) noexcept;
  void sweep_idle() noexcept;
  void sweep_active(Session& session) noexcept;
  void sweep_writing(Session& session) noexcept;
  void sweep_sending(Session& session) noexcept;
  bool too_slow(const Work::Rate& rate) const noexcept;
  std::uint32_t ticks(Nanos span) const noexcept;
  std::int64_t read_wall(Instant now) noexcept;

  static constexpr std::size_t kKept = 64;  // Works that wait for the next request
  ConnectionCount alone_;                   // unless it is counted together with others
  Work* free_ = nullptr;
  Counter kept_;
  Counter works_;  // kept, and at work
  Nanos interval_;
  LastCall last_call_;
  Nanos last_call_span_{};
  LastCall ending_sleepers_;
  Instant sleepers_end_{};  // who has slept since before this
  Instant wall_until_{};
  std::int64_t wall_seconds_ = 0;
};

// What a write still has to send.
std::uint64_t left_of(const Op& op) noexcept;

// The life of a connection, as coroutines.
class SessionRun {
 public:
  class Farewell;

  static Task<> connection(TcpStream stream, Server::State* server, Resting* resting);
  // What there is not enough of to let a connection in.
  enum class Lack : std::uint8_t { connections, memory, descriptors };
  static Task<> turn_away(TcpStream stream, Server::State* server, Lack lack);

  // Waits for more bytes, into `pending`. False: the client has ended its side.
  static Task<Result<bool>> more(Session& session, Phase phase);
  static Task<Result<>> flush(Session& session);

 private:
  class Handling;

  static constexpr std::size_t kOwnLines = 256;  // bytes of lines that a hook may add

  static Task<bool> flush_batch(Session& session, bool ends = false);
  static Task<bool> no_head(Session& session, Progress progress);
  static Task<bool> settle(Session& session);
  static Task<bool> answer_for_handler(Session& session);
  static Task<bool> discard_body(Session& session);
  static Task<> cut_off(Session& session);
  static Task<> refuse(Session& session, unsigned status, std::string_view reason);
  static Task<> linger(Session& session);
  static Task<> discard_rest(TcpStream& stream, Drain* drain);
  static void gather(Session& session);
  static void count_gathered(Session& session) noexcept;
  static void log(Session& session, const RequestHead* request, bool complete) noexcept;
  static FieldLines own_lines(Server::State& server, void*& context, std::span<char> room) noexcept;
};

}  // namespace vigil::http
