// The life of an end: its ports, and its ways to be over.
#include "net/tcp.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "kernel/sockets.hpp"
#include "kernel/stream.hpp"

namespace vigil::sim {

Tcp::Tcp(Kernel& kernel, int its_family, StreamSocket* its_owner)
    : options{.send_room = kernel.limits().send_buffer,
              .receive_room = kernel.limits().receive_buffer},
      kernel_(kernel),
      wires_(kernel.network().wires()),
      owner_(its_owner) {
  family = its_family;
  local = family == AF_INET ? Endpoint::v4(0, 0, 0, 0) : Endpoint{};
  kernel_.sockets().add(*this);
}

Tcp::~Tcp() {
  for (Timer* timer : {&arrival_, &news_, &retry_, &keep_, &doom_, &hold_}) {
    wires_.clock.stop(*timer);
  }
  unsent_.clear(wires_.pool);
  wire_.clear(wires_.pool);
  received_.clear(wires_.pool);
  if (peer_ != nullptr) {
    peer_->peer_ = nullptr;
  }
  kernel_.sockets().tcp().leave(*this);
  kernel_.sockets().remove(*this);
}

void Tcp::wake(std::uint32_t bits) noexcept {
  if (owner_ != nullptr) {
    owner_->queue().wake(bits);
  }
}

void Tcp::note(std::string_view what, std::uint64_t number) noexcept {
  wires_.tracer.note(kernel_.id(), what, id_, number);
}

void Tcp::attach_peer(Tcp& other) noexcept {
  peer_ = &other;
  if (&other.kernel_ != &kernel_) {
    out_ = &wires_.route(kernel_.id(), other.kernel_.id());
    back_ = &wires_.route(other.kernel_.id(), kernel_.id());
  }
}

// ---- Ports. ----

int Tcp::bind(const Endpoint& name) {
  const Endpoint before = local;
  local.ip = name.ip;
  if (const int failed = kernel_.sockets().tcp().bind(*this, name.port); failed != 0) {
    local = before;
    return failed;
  }
  bound_by_name = name.port != 0;
  bound_to_address = !name.is_any();
  return 0;
}

// As the routing table has it: loopback from loopback, itself from the address that is meant.
void Tcp::choose_source(const Endpoint& to) noexcept {
  if (!local.is_any()) {
    return;
  }
  const std::uint16_t port = local.port;
  if (to.is_loopback()) {
    local = Endpoint::loopback(to.is_v4());
  } else {
    local = to.is_v4() ? Endpoint::host_v4(kernel_.id()) : Endpoint::host_v6(kernel_.id());
  }
  local.port = port;
}

int Tcp::take_port_for_peer() {
  Ports& ports = kernel_.sockets().tcp();
  if (local.port == 0) {
    return ports.bind_for_peer(*this);
  }
  if (ports.connected(*this)) {
    return -EADDRNOTAVAIL;
  }
  ports.moved(*this);
  return 0;
}

// ---- Ends. ----

// tcp_done() with the error before it: the end is over, whatever was under way.
void Tcp::become_closed(int why) noexcept {
  if (why != 0) {
    error = why;
  }
  unsent_.clear(wires_.pool);
  for (Timer* timer : {&news_, &retry_, &keep_, &doom_, &hold_}) {
    wires_.clock.stop(*timer);
  }
  if (std::exchange(stalled_, false)) {
    wire_.clear(wires_.pool);  // what is lost is not sent again; the rest is on its way
  }
  if (state == State::answered && listener_ != nullptr) {
    std::erase(listener_->answered_, this);
    listener_ = nullptr;
  }
  state = State::closed;
  closed_ways = kNeither;
  if (!bound_by_name) {
    kernel_.sockets().tcp().leave(*this);
  }
  wake(0);
  if (why != 0) {
    wake(kError);
  }
}

void Tcp::was_reset() noexcept {
  if (state == State::closed) {
    return;
  }
  note(state == State::opening ? "refused" : "reset", 0);
  become_closed(state == State::opening      ? ECONNREFUSED
                : state == State::close_wait ? EPIPE
                                             : ECONNRESET);
}

// The peer is told that the connection is no more; what was sent before comes first.
void Tcp::send_reset() noexcept {
  unsent_.clear(wires_.pool);
  if (peer_ == nullptr || peer_->vanished_) {
    return;
  }
  if (local_peer()) {
    peer_->was_reset();
  } else if (!stalled_) {
    put(segment(Segment::Kind::reset));
  } else {
    reset_lost();
  }
}

int Tcp::shutdown(std::uint8_t how) noexcept {
  const InUse in_use(*this);
  const bool fresh = state == State::closed;
  closed_ways |= how;
  if ((how & kNoSend) != 0 && (state == State::established || state == State::close_wait)) {
    finish_sending();
  }
  wake(0);
  return fresh ? -ENOTCONN : 0;
}

void Tcp::finish_sending() noexcept {
  held_ = false;
  state = state == State::established ? State::fin_wait_1 : State::last_ack;
  end_wanted_ = true;
  push();
}

// What follows when the peer has our FIN.
void Tcp::finish_if_acknowledged() noexcept {
  if (!end_sent_ || acked_ != sent_) {
    return;
  }
  if (state == State::fin_wait_1) {
    state = State::fin_wait_2;
    expect_end();
  } else if (state == State::closing || state == State::last_ack) {
    become_closed(0);
  }
}

// Nobody reads what the peer may still say: its end is waited for no longer than tcp_fin_timeout.
void Tcp::expect_end() noexcept {
  if (owner_ == nullptr && state == State::fin_wait_2) {
    arm(keep_, &Tcp::on_keep);
    wires_.clock.set(keep_, wires_.clock.now() + std::chrono::seconds(60));
  }
}

void Tcp::close(bool reset) noexcept {
  const InUse in_use(*this);
  owner_ = nullptr;
  wires_.clock.stop(keep_);
  if (bound_by_name) {
    bound_by_name = false;  // the port goes with the connection
    if (state == State::closed) {
      kernel_.sockets().tcp().leave(*this);
    }
  }
  if (state == State::listening) {
    stop_listening();
  } else if (state == State::opening) {
    become_closed(0);
  } else if (state != State::closed && (buffered_ != 0 || reset)) {
    note("reset sent", buffered_);
    send_reset();
    become_closed(0);
  } else if (state != State::closed) {
    closed_ways = kNeither;
    if (state == State::established || state == State::close_wait) {
      finish_sending();
    } else {
      expect_end();
    }
  }
  received_.clear(wires_.pool);
  buffered_ = 0;
  expect_news();
}

void Tcp::vanish() noexcept {
  if (peer_ != nullptr && !local_peer()) {
    // The peer hears of it when it sends, or sends again: what waits for room does so by itself.
    Tcp& other = *peer_;
    if (other.state != State::closed && other.state != State::opening &&
        (other.accepted_ != other.acked_ || other.ack_lost_)) {
      other.ack_lost_ = true;
      other.stall();
    }
  }
  vanished_ = true;
  if (owner_ != nullptr) {
    owner_->lost();
    owner_ = nullptr;
  }
  listener_ = nullptr;
  in_queue_ = false;
  queue_first_ = nullptr;
  answered_.clear();
  state = State::closed;
  closed_ways = kNeither;
  for (Timer* timer : {&arrival_, &news_, &retry_, &keep_, &doom_, &hold_}) {
    wires_.clock.stop(*timer);
  }
  unsent_.clear(wires_.pool);
  wire_.clear(wires_.pool);
  received_.clear(wires_.pool);
  stalled_ = false;
  kernel_.sockets().tcp().leave(*this);
  settle();
}

bool Tcp::finished() const noexcept {
  return state == State::closed && owner_ == nullptr && !in_queue_ && busy_ == 0 && wire_.empty();
}

void Tcp::settle() noexcept {
  if (finished()) {
    delete this;
  }
}

}  // namespace vigil::sim
