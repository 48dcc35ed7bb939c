// What time does to a connection: arrivals, sending again, giving up, what is held, and keep-alive.
#include <algorithm>
#include <cerrno>

#include "kernel/sockets.hpp"
#include "kernel/stream.hpp"
#include "net/tcp.hpp"

namespace vigil::sim {
namespace {

constexpr Nanos kFirstTimeout = std::chrono::milliseconds(200);
constexpr Nanos kLongestTimeout = std::chrono::seconds(120);

}  // namespace

void Tcp::arm(Timer& timer, void (*fire)(Alarm&) noexcept) noexcept {
  timer.tcp = this;
  timer.fire = fire;
}

// The first segment on the wire has arrived, or would have.
void Tcp::on_arrival(Alarm& alarm) noexcept {
  Tcp& self = *static_cast<Timer&>(alarm).tcp;
  Wires& wires = self.wires_;
  Tcp* peer = self.peer_;
  ++self.busy_;
  if (peer != nullptr) {
    ++peer->busy_;
  }
  while (!self.wire_.empty() && self.wire_.first->arrives <= wires.clock.now()) {
    Segment* next = self.wire_.first;
    if (next->lost || !wires.passes(*self.out_)) {
      if (self.state == State::closed) {
        self.wire_.clear(wires.pool);
        self.reset_lost();
        break;
      }
      if (next->kind == Segment::Kind::data || next->kind == Segment::Kind::end ||
          next->kind == Segment::Kind::open_ack || next->kind == Segment::Kind::opened) {
        self.note("stalled", next->size());
        self.stalled_ = true;
        self.stall();
        break;
      }
      Segment::give(wires.pool, self.wire_.pop());
      continue;
    }
    self.wire_.pop();
    if (next->kind == Segment::Kind::open) {
      Kernel* kernel = wires.kernel(self.out_->to);
      Tcp* listener = kernel != nullptr ? listener_for(*kernel, self.peer, self.local) : nullptr;
      if (listener != nullptr) {
        listener->open_arrived(self);
      } else if (self.state == State::opening && self.peer_ == nullptr) {
        self.answered_by_nobody();
      }
      Segment::give(wires.pool, next);
    } else if (self.peer_ != nullptr && !self.peer_->vanished_) {
      self.peer_->arrive(next, self);
    } else {
      if (next->kind != Segment::Kind::reset) {
        self.answered_by_nobody();
      }
      Segment::give(wires.pool, next);
    }
  }
  if (!self.wire_.empty() && !self.stalled_ && !self.arrival_.set()) {
    wires.clock.set(self.arrival_, self.wire_.first->arrives);
  }
  --self.busy_;
  if (peer != nullptr) {
    --peer->busy_;
    peer->settle();
  }
  self.settle();
}

void Tcp::on_news(Alarm& alarm) noexcept {
  Tcp& self = *static_cast<Timer&>(alarm).tcp;
  self.apply_acks();
  self.expect_news();
  self.settle();
}

// The other machine knows of no such connection, and says so.
void Tcp::answered_by_nobody() noexcept {
  if (state == State::closed || doom_.set()) {
    return;
  }
  if (wires_.passes(*back_)) {
    arm(doom_, &Tcp::on_doom);
    wires_.clock.set(doom_, wires_.clock.now() + back_->link.latency);
  } else if (accepted_ != acked_) {
    ack_lost_ = true;  // so is the reset
    stall();
  }
}

// Our reset did not come through: the peer asks again if it waits for an answer.
void Tcp::reset_lost() noexcept {
  if (peer_ != nullptr && peer_->state != State::closed && peer_->accepted_ != peer_->acked_) {
    peer_->ack_lost_ = true;
    peer_->stall();
  }
}

void Tcp::on_doom(Alarm& alarm) noexcept {
  Tcp& self = *static_cast<Timer&>(alarm).tcp;
  self.was_reset();
  self.settle();
}

// ---- Sending again. ----

Nanos Tcp::patience() const noexcept {
  return options.user_timeout > Nanos::zero() ? options.user_timeout
                                              : kernel_.limits().retransmit_limit;
}

// Something, or the word that it came, was lost: it is sent again after a while.
void Tcp::stall() noexcept {
  if (retry_.set() || state == State::opening) {
    return;
  }
  if (stalled_since_ == kNever) {
    stalled_since_ = wires_.clock.now();
    timeout_ = kFirstTimeout;
  }
  arm(retry_, &Tcp::on_retry);
  wires_.clock.set(retry_, wires_.clock.now() + timeout_);
}

void Tcp::on_retry(Alarm& alarm) noexcept {
  Tcp& self = *static_cast<Timer&>(alarm).tcp;
  ++self.busy_;
  if (self.state == State::opening) {
    self.retry_open();
  } else {
    self.retry();
  }
  --self.busy_;
  self.settle();
}

void Tcp::retry() noexcept {
  const Instant now = wires_.clock.now();
  if (!wires_.passes(*out_) || (!stalled_ && !wires_.passes(*back_))) {
    if (now - stalled_since_ >= patience()) {
      give_up();
      return;
    }
    timeout_ = std::min(2 * timeout_, kLongestTimeout);
    wires_.clock.set(retry_, std::min(now + timeout_, stalled_since_ + patience()));
    return;
  }
  note("sent again", 0);
  send_again();
}

void Tcp::send_again() noexcept {
  const bool asked = std::exchange(ack_lost_, false);
  if (std::exchange(stalled_, false)) {
    for (Segment* next = wire_.first; next != nullptr; next = next->next) {
      next->lost = false;
      last_arrival_ = std::max(last_arrival_, wires_.depart(*out_, next->size() + 40));
      next->arrives = last_arrival_;
    }
    if (!wire_.empty()) {
      arm(arrival_, &Tcp::on_arrival);
      wires_.clock.set(arrival_, wire_.first->arrives);
    }
  }
  if (asked) {
    if (cut_ || peer_ == nullptr || peer_->state == State::closed) {
      answered_by_nobody();
    } else {
      acknowledged(wires_.clock.now() + out_->link.latency + back_->link.latency, peer_->arrived_,
                   peer_->told_edge_);
    }
  }
}

// The SYN, for the first time and again: after 1 s, 2 s, 4 s ... as tcp_syn_retries has it.
void Tcp::retry_open() noexcept {
  Nanos wait = std::chrono::seconds(std::int64_t{1} << opens_);
  if (nowhere_) {
    if (opens_ != 0) {
      become_closed(EHOSTUNREACH);
      return;
    }
    wait = std::chrono::seconds(3);  // neighbour discovery fails
  } else if (opens_ > kernel_.limits().open_retries) {
    give_up();
    return;
  } else if (out_ == nullptr) {
    if (connect_locally()) {
      return;
    }
  } else if (peer_ == nullptr) {
    put(segment(Segment::Kind::open));
  }
  ++opens_;
  arm(retry_, &Tcp::on_retry);
  wires_.clock.set(retry_, wires_.clock.now() + wait);
}

void Tcp::give_up() noexcept {
  note("timed out", 0);
  become_closed(ETIMEDOUT);
}

// ---- What is held for more. ----

void Tcp::set_cork(bool on) {
  options.corked = on;
  if (!on && std::exchange(held_, false)) {
    const InUse in_use(*this);
    push();
  }
}

void Tcp::on_held(Alarm& alarm) noexcept {
  Tcp& self = *static_cast<Timer&>(alarm).tcp;
  const InUse in_use(self);
  self.held_ = false;
  self.push();
}

// ---- Keep-alive. ----

void Tcp::set_keep_alive(bool on) {
  options.keep_alive = on;
  if (!on) {
    wires_.clock.stop(keep_);
  } else if (!local_peer() && (state == State::established || state == State::close_wait ||
                               state == State::fin_wait_2)) {
    arm(keep_, &Tcp::on_keep);
    wires_.clock.set(keep_, heard_ + options.keep_idle);
  }
}

void Tcp::on_keep(Alarm& alarm) noexcept {
  Tcp& self = *static_cast<Timer&>(alarm).tcp;
  Clock& clock = self.wires_.clock;
  if (self.owner_ == nullptr) {
    self.become_closed(0);
    self.settle();
    return;
  }
  const Instant due = self.heard_ + self.options.keep_idle;
  if (self.probes_ == 0 && due > clock.now()) {
    clock.set(self.keep_, due);
    return;
  }
  if (self.accepted_ != self.acked_by_now() || !self.wire_.empty()) {
    // What is under way finds out by itself.
    clock.set(self.keep_, clock.now() + self.options.keep_idle);
    return;
  }
  if (self.probes_ >= self.options.keep_count) {
    self.give_up();
    self.settle();
    return;
  }
  ++self.probes_;
  self.put(self.segment(Segment::Kind::probe));
  clock.set(self.keep_, clock.now() + self.options.keep_interval);
}

}  // namespace vigil::sim
