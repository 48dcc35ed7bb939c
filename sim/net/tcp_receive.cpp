// From the wire to the program: the receive buffer, its end, and what poll(2) says.
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "kernel/stream.hpp"
#include "net/tcp.hpp"

namespace vigil::sim {

// tcp_poll().
std::uint32_t Tcp::ready() const noexcept {
  if (state == State::listening) {
    return queue_first_ != nullptr ? kReadable | kRdNorm : 0;
  }
  std::uint32_t bits = 0;
  if (closed_ways == kNeither || state == State::closed) {
    bits |= kHungUp;
  }
  if ((closed_ways & kNoReceive) != 0) {
    bits |= kReadable | kRdNorm | kPeerClosed;
  }
  if (state != State::opening && state != State::answered) {
    if (buffered_ != 0) {
      bits |= kReadable | kRdNorm;
    }
    if ((closed_ways & kNoSend) != 0 || writable()) {
      bits |= kWritable | kWrNorm;
    } else {
      no_space_ = true;
      expect_news();
    }
  }
  if (urgent_ == Urgent::there) {
    bits |= kPriority;
  }
  if (error != 0) {
    bits |= kError;
  }
  return bits;
}

std::int64_t Tcp::receive(Parts& to, int flags) noexcept {
  if (state == State::listening) {
    return -ENOTCONN;
  }
  if (buffered_ == 0) {
    if (end_seen) {
      return 0;
    }
    if (error != 0) {
      return -take_error();
    }
    if ((closed_ways & kNoReceive) != 0) {
      return 0;
    }
    return state == State::closed ? -ENOTCONN : -EAGAIN;
  }
  std::size_t count = std::min(buffered_, to.size());
  bool cut_short = false;
  if (count > 1 && wires_.weather.strikes(Fault::short_read, kernel_.id())) {
    count = 1 + static_cast<std::size_t>(
                    wires_.weather.below(Fault::short_read, kernel_.id(), count - 1));
    cut_short = true;
  }
  const bool peek = (flags & MSG_PEEK) != 0;
  const bool discard = (flags & MSG_TRUNC) != 0;
  std::size_t left = count;
  for (Segment* next = received_.first; left != 0;) {
    const std::size_t step = std::min<std::size_t>(left, next->size());
    if (!discard) {
      to.put(next->bytes() + next->begin, step);
    }
    left -= step;
    if (peek) {
      next = next->next;
      continue;
    }
    next->begin += static_cast<std::uint32_t>(step);
    if (next->size() == 0) {
      Segment::give(wires_.pool, received_.pop());
      next = received_.first;
    }
  }
  if (!peek) {
    buffered_ -= count;
    passed_urgent();
    consumed();
  }
  if (cut_short) {
    wake(kArrived);
  }
  return static_cast<std::int64_t>(count);
}

std::size_t Tcp::room() const noexcept {
  return options.receive_room > buffered_ ? options.receive_room - buffered_ : 0;
}

// The window that opened is told when it is worth a segment.
void Tcp::consumed() noexcept {
  const std::uint64_t edge = arrived_ + room();
  if (edge < told_edge_ + options.receive_room / 2 || peer_ == nullptr) {
    return;
  }
  const InUse in_use(*this);
  acknowledge();
  if (local_peer()) {
    peer_->push();
    if (peer_ != nullptr) {
      peer_->told_room();
    }
  }
}

// Tells the peer what is here and what there is room for.
void Tcp::acknowledge() noexcept {
  told_edge_ = std::max(told_edge_, arrived_ + room());
  if (local_peer()) {
    peer_->acked_ = std::max(peer_->acked_, arrived_);
    peer_->edge_ = std::max(peer_->edge_, told_edge_);
    return;
  }
  if (wires_.passes(*out_)) {
    peer_->acknowledged(wires_.clock.now() + out_->link.latency, arrived_, told_edge_);
  } else {
    peer_->ack_lost_ = true;
    peer_->stall();
  }
}

// ---- Arrivals. ----

// What comes after the program said that it reads no more is refused with a reset.
bool Tcp::refuses_data() const noexcept {
  switch (state) {
    case State::established:
      return false;
    case State::fin_wait_1:
    case State::fin_wait_2:
      return (closed_ways & kNoReceive) != 0;
    default:
      return true;
  }
}

void Tcp::arrive(Segment* next, Tcp& from) noexcept {
  apply_acks();
  heard_ = wires_.clock.now();
  probes_ = 0;
  switch (next->kind) {
    case Segment::Kind::data:
      take_data(next);
      return;
    case Segment::Kind::end:
      if (state == State::closed) {
        send_reset();
      } else {
        take_end();
      }
      break;
    case Segment::Kind::open_ack:
      if (state == State::opening) {
        edge_ = from.options.receive_room;
        put(segment(Segment::Kind::opened));
        opened();
      } else {
        send_reset();
      }
      break;
    case Segment::Kind::opened:
      if (state == State::answered) {
        Tcp* listener = listener_;
        if (listener == nullptr) {
          send_reset();
          become_closed(0);
        } else {
          std::erase(listener->answered_, this);
          opened();
          listener->enqueue(*this);
        }
      } else if (state == State::closed) {
        send_reset();
      }
      break;
    case Segment::Kind::reset:
      was_reset();
      break;
    case Segment::Kind::probe:
      if (state == State::closed) {
        send_reset();
      } else {
        put(segment(Segment::Kind::probe_ack));
      }
      break;
    case Segment::Kind::probe_ack:
    case Segment::Kind::open:
      break;
  }
  Segment::give(wires_.pool, next);
}

void Tcp::take_data(Segment* next) noexcept {
  if (refuses_data()) {
    note("data refused", next->size());
    Segment::give(wires_.pool, next);
    ++busy_;
    was_reset();
    send_reset();
    --busy_;
    return;
  }
  if (next->urgent) {
    take_urgent(next);
    return;
  }
  const std::uint32_t size = next->size();
  arrived_ += size;
  buffered_ += size;
  Segment* last = received_.last;
  if (last != nullptr && last->room - last->end >= size) {
    std::memcpy(last->bytes() + last->end, next->bytes() + next->begin, size);
    last->end += size;
    Segment::give(wires_.pool, next);
  } else {
    received_.push(next);
  }
  acknowledge();
  wake(kArrived);
}

// tcp_fin().
void Tcp::take_end() noexcept {
  if (end_seen) {
    return;
  }
  note("eof", arrived_);
  ++arrived_;
  closed_ways |= kNoReceive;
  end_seen = true;
  acknowledge();
  switch (state) {
    case State::answered:
    case State::established:
      state = State::close_wait;
      break;
    case State::fin_wait_1:
      state = State::closing;
      finish_if_acknowledged();
      break;
    case State::fin_wait_2:
      become_closed(0);  // TIME-WAIT is not kept
      break;
    default:
      break;
  }
  wake(0);
}

}  // namespace vigil::sim
