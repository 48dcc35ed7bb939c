// Tcp: one end of a TCP connection, or a listener: what Linux keeps as struct sock. It outlives the
// socket's file until its last bytes are through, and it is there before accept(2) makes a file.
//
//   tcp.cpp             its life: ports, close, reset, shutdown
//   tcp_listen.cpp      listeners, and the handshake
//   tcp_send.cpp        from the program to the wire
//   tcp_receive.cpp     from the wire to the program
//   tcp_urgent.cpp      a byte out of band, both ways
//   tcp_timers.cpp      sending again, giving up, keep-alive
//
// Within a machine all of it happens at once, inside of the call, as on Linux's loopback device:
// the peer has the bytes, and the sender their acknowledgement, when send(2) returns. Between
// machines segments travel in order, one alarm each, and acknowledgements are entries in a ring
// that are looked at when somebody wants to know, or are waited for by an alarm if somebody does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "kernel/clock.hpp"
#include "kernel/parts.hpp"
#include "kernel/ports.hpp"
#include "net/segment.hpp"
#include "net/wires.hpp"
#include "vigil/loop/arguments.hpp"

namespace vigil::sim {

class StreamSocket;

class Tcp : public PortUser {
 public:
  enum class State : std::uint8_t {
    closed,
    listening,
    opening,   // SYN-SENT
    answered,  // SYN-RECEIVED
    established,
    fin_wait_1,
    fin_wait_2,
    closing,
    close_wait,
    last_ack
  };
  static constexpr std::uint8_t kNoReceive = 1;  // RCV_SHUTDOWN
  static constexpr std::uint8_t kNoSend = 2;
  static constexpr std::uint8_t kNeither = 3;

  struct Options {
    std::size_t send_room;
    std::size_t receive_room;
    bool keep_alive = false;
    bool corked = false;
    bool no_delay = false;
    Nanos keep_idle = std::chrono::hours(2);
    Nanos keep_interval = std::chrono::seconds(75);
    int keep_count = 9;
    Nanos user_timeout{};  // TCP_USER_TIMEOUT; zero: the kernel's
  };

  // `owner`: the socket whose file is told of what happens; null: none yet.
  Tcp(Kernel& kernel, int its_family, StreamSocket* its_owner);
  Tcp(const Tcp&) = delete;
  Tcp& operator=(const Tcp&) = delete;

  // ---- For the socket. Results as system calls give them. ----
  int bind(const Endpoint& name);
  int listen(int backlog);
  // The first connection of the queue, which stays in it until taken(); null: none.
  Tcp* waiting() const noexcept { return queue_first_; }
  Tcp* take_waiting(StreamSocket& its_owner) noexcept;
  void refuse_waiting() noexcept;  // the first one is reset
  // Starts: 0, or why not. Within the machine the outcome is there when it returns.
  int connect(const Endpoint& to);
  int shutdown(std::uint8_t how) noexcept;
  std::int64_t send(Parts& from, int flags);
  std::int64_t receive(Parts& to, int flags) noexcept;
  std::int64_t receive_urgent(Parts& to, int flags) noexcept;  // MSG_OOB
  // The file is gone: what was sent goes on, and `this` ends itself. `reset`: SO_LINGER of no time.
  void close(bool reset) noexcept;
  std::uint32_t ready() const noexcept;
  void queues(SocketQueues& out) const noexcept;
  int take_error() noexcept { return std::exchange(error, 0); }
  void set_keep_alive(bool on);
  void set_cork(bool on);

  // The machine lost power.
  void vanish() noexcept;

  State state = State::closed;
  std::uint8_t closed_ways = 0;  // sk_shutdown
  int error = 0;                 // sk_err
  bool end_seen = false;         // SOCK_DONE
  bool refuses_new = false;      // listening: who asks for a connection is not heard
  Options options;

  Kernel& kernel() noexcept { return kernel_; }
  Tcp* next_end = nullptr;  // of the machine's
  Tcp* previous_end = nullptr;

 private:
  struct Timer : Alarm {
    Tcp* tcp = nullptr;
  };
  struct Ack {
    Instant at;
    std::uint64_t taken;  // the peer has everything before
    std::uint64_t edge;   // and room up to here
  };

  // While one lives, the end and its peer within the machine are not deleted; then they may be.
  class InUse {
   public:
    explicit InUse(Tcp& self) noexcept
        : self_(self), peer_(self.local_peer() ? self.peer_ : nullptr) {
      ++self_.busy_;
      if (peer_ != nullptr) {
        ++peer_->busy_;
      }
    }
    ~InUse() {
      --self_.busy_;
      if (peer_ != nullptr) {
        --peer_->busy_;
        peer_->settle();
      }
      self_.settle();
    }
    InUse(const InUse&) = delete;
    InUse& operator=(const InUse&) = delete;

   private:
    Tcp& self_;
    Tcp* peer_;
  };

  ~Tcp();

  // ---- tcp.cpp ----
  void wake(std::uint32_t bits) noexcept;
  void note(std::string_view what, std::uint64_t number) noexcept;
  bool local_peer() const noexcept { return out_ == nullptr; }
  void attach_peer(Tcp& other) noexcept;
  void choose_source(const Endpoint& to) noexcept;
  int take_port_for_peer();
  void become_closed(int why) noexcept;  // tcp_done
  void was_reset() noexcept;             // a RST came
  void send_reset() noexcept;
  void finish_sending() noexcept;
  void finish_if_acknowledged() noexcept;
  void expect_end() noexcept;
  void settle() noexcept;  // deletes what nobody can see any more; the last thing a caller does
  bool finished() const noexcept;
  Segment* segment(Segment::Kind kind, std::size_t size = 0) {
    return Segment::make(wires_.pool, kind, size);
  }

  // ---- tcp_listen.cpp ----
  static Tcp* listener_for(Kernel& kernel, const Endpoint& to, const Endpoint& from) noexcept;
  Tcp* make_child(Tcp& client, const Endpoint& to);
  bool full() const noexcept { return queue_size_ > backlog_; }
  void enqueue(Tcp& child) noexcept;
  void dequeue() noexcept;
  void stop_listening() noexcept;
  bool connect_locally();
  void open_arrived(Tcp& client);
  void opened() noexcept;

  // ---- tcp_send.cpp ----
  std::size_t queued() const noexcept { return static_cast<std::size_t>(accepted_ - acked_); }
  bool writable() const noexcept;
  std::size_t send_space() const noexcept {
    return options.send_room > queued() ? options.send_room - queued() : 0;
  }
  std::int64_t may_send() noexcept;
  bool may_send_more() const noexcept {
    return (state == State::established || state == State::close_wait) && error == 0;
  }
  std::size_t send_directly(Parts& from, std::size_t count) noexcept;
  void buffer(Parts& from, std::size_t count);
  void push() noexcept;
  void put(Segment* segment) noexcept;
  bool weather_on(Segment& segment, Instant& at) noexcept;
  void apply_acks() noexcept;
  std::uint64_t acked_by_now() const noexcept;
  void acknowledged(Instant at, std::uint64_t taken, std::uint64_t edge) noexcept;
  void told_room() noexcept;
  void expect_news() const noexcept;

  // ---- tcp_receive.cpp ----
  std::size_t room() const noexcept;
  void arrive(Segment* segment, Tcp& from) noexcept;
  void take_data(Segment* segment) noexcept;
  void take_end() noexcept;
  bool refuses_data() const noexcept;
  void acknowledge() noexcept;
  void consumed() noexcept;

  // ---- tcp_urgent.cpp ----
  void buffer_urgent(Parts& from);
  void take_urgent(Segment* segment) noexcept;
  void passed_urgent() noexcept;

  // ---- tcp_timers.cpp ----
  static void on_arrival(Alarm& alarm) noexcept;
  static void on_news(Alarm& alarm) noexcept;
  static void on_retry(Alarm& alarm) noexcept;
  static void on_keep(Alarm& alarm) noexcept;
  static void on_doom(Alarm& alarm) noexcept;
  static void on_held(Alarm& alarm) noexcept;
  void arm(Timer& timer, void (*fire)(Alarm&) noexcept) noexcept;
  void stall() noexcept;
  void retry() noexcept;
  void retry_open() noexcept;
  void send_again() noexcept;
  void answered_by_nobody() noexcept;
  void reset_lost() noexcept;
  void give_up() noexcept;
  Nanos patience() const noexcept;

  Kernel& kernel_;
  Wires& wires_;
  StreamSocket* owner_;
  Tcp* peer_ = nullptr;      // null: it is gone
  Tcp* listener_ = nullptr;  // of a child that nobody accepted yet
  Route* out_ = nullptr;     // null: within the machine
  Route* back_ = nullptr;
  std::uint64_t id_ = 0;  // of the connection, for the trace
  bool vanished_ = false;
  mutable bool no_space_ = false;  // SOCK_NOSPACE: somebody was told that there is no room
  bool in_queue_ = false;          // of the listener
  unsigned busy_ = 0;              // calls on the stack that use it

  // Sending: counts of bytes since the connection began; FIN counts for one.
  std::uint64_t accepted_ = 0;  // from the program
  std::uint64_t sent_ = 0;      // to the wire
  std::uint64_t acked_ = 0;
  std::uint64_t edge_ = 0;   // the peer has room up to here
  bool held_ = false;        // less than a segment waits for more (MSG_MORE, TCP_CORK)
  bool end_wanted_ = false;  // FIN follows what is unsent
  bool end_sent_ = false;
  bool cut_ = false;  // something on the way ended the connection: no more arrives
  SegmentList unsent_;
  SegmentList wire_;
  Instant last_arrival_{};
  std::vector<Ack> acks_;  // on their way back; those before first_ack_ came
  std::size_t first_ack_ = 0;

  // Receiving.
  SegmentList received_;
  std::size_t buffered_ = 0;
  std::uint64_t arrived_ = 0;
  std::uint64_t told_edge_ = 0;  // the edge that the peer knows of, or will
  enum class Urgent : std::uint8_t { none, there, taken };
  Urgent urgent_ = Urgent::none;
  std::byte urgent_byte_{};
  std::uint64_t urgent_at_ = 0;  // what came before it, and it

  // Listening.
  Tcp* queue_first_ = nullptr;
  Tcp* queue_last_ = nullptr;
  Tcp* next_queued_ = nullptr;
  std::size_t queue_size_ = 0;
  std::size_t backlog_ = 0;
  std::vector<Tcp*> answered_;  // children whose handshake is not over

  // Time.
  Timer arrival_;       // of wire_.first
  mutable Timer news_;  // of the next acknowledgement
  Timer retry_;
  Timer keep_;
  Timer doom_;            // a reset from a machine that does not know this connection
  Timer hold_;            // what is held goes after a while
  bool stalled_ = false;  // wire_.first was lost
  bool ack_lost_ = false;
  Instant stalled_since_ = kNever;
  Nanos timeout_{};
  int opens_ = 0;         // SYNs sent
  bool nowhere_ = false;  // no machine has the address
  Instant heard_{};
  int probes_ = 0;
};

}  // namespace vigil::sim
