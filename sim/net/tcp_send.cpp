// From the program to the wire: the send buffer, the peer's window, and acknowledgements.
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "kernel/stream.hpp"
#include "net/tcp.hpp"

namespace vigil::sim {
namespace {

constexpr std::size_t kSegment = 1448;  // what is held for more is less
constexpr std::size_t kSmallestWindow =
    16 * 1024;  // no less is sent of more while some is under way

}  // namespace

// As sk_stream_is_writeable(): a third of the buffer is free.
bool Tcp::writable() const noexcept {
  const auto waiting = static_cast<std::size_t>(accepted_ - acked_by_now());
  return options.send_room >= waiting + waiting / 2 && options.send_room > waiting;
}

// 0, or why nothing can be sent.
std::int64_t Tcp::may_send() noexcept {
  if (state != State::established && state != State::close_wait) {
    if (error != 0) {
      return -take_error();
    }
    return state == State::opening || state == State::answered ? -EAGAIN : -EPIPE;
  }
  if (error != 0) {
    return -take_error();
  }
  return (closed_ways & kNoSend) != 0 ? -EPIPE : 0;
}

std::int64_t Tcp::send(Parts& from, int flags) {
  apply_acks();
  if (const std::int64_t failed = may_send(); failed != 0) {
    return failed;
  }
  if (from.size() == 0) {
    return 0;
  }
  if (wires_.weather.strikes(Fault::no_memory, kernel_.id())) {
    return -ENOBUFS;
  }
  std::size_t count = std::min(send_space(), from.size());
  if (count == 0) {
    no_space_ = true;
    expect_news();
    return -EAGAIN;
  }
  bool cut_short = false;
  if (count > 1 && wires_.weather.strikes(Fault::short_write, kernel_.id())) {
    count = 1 + static_cast<std::size_t>(
                    wires_.weather.below(Fault::short_write, kernel_.id(), count - 1));
    cut_short = true;
  }
  const InUse in_use(*this);
  held_ = options.corked || (flags & MSG_MORE) != 0;
  const std::size_t before = from.size();
  const bool urgent = (flags & MSG_OOB) != 0;
  if (urgent || send_directly(from, count) == 0) {
    // Within the machine the peer takes it at once, and there is room for more.
    for (; count != 0 && may_send_more(); count = std::min(send_space(), from.size())) {
      const bool last = urgent && count == from.size();
      buffer(from, last ? count - 1 : count);
      if (last) {
        buffer_urgent(from);
      }
      push();
      if (cut_short) {
        break;
      }
    }
  }
  if (cut_short) {
    wake(kWritable | kWrNorm);
  } else if (from.size() != 0) {
    no_space_ = true;
    expect_news();
  }
  return static_cast<std::int64_t>(before - from.size());
}

void Tcp::buffer(Parts& from, std::size_t count) {
  accepted_ += count;
  while (count != 0) {
    Segment* last = unsent_.last;
    if (last == nullptr || last->room == last->end || last->urgent) {
      last = segment(Segment::Kind::data, std::min(count, Segment::kLargest));
      unsent_.push(last);
    }
    const std::size_t step = std::min<std::size_t>(count, last->room - last->end);
    from.take(last->bytes() + last->end, step);
    last->end += static_cast<std::uint32_t>(step);
    count -= step;
  }
}

// Within the machine, and with nothing before them, bytes go straight into the peer's last segment.
std::size_t Tcp::send_directly(Parts& from, std::size_t count) noexcept {
  if (out_ != nullptr || held_ || !unsent_.empty() || peer_ == nullptr || peer_->refuses_data()) {
    return 0;
  }
  Segment* last = peer_->received_.last;
  const std::size_t window = static_cast<std::size_t>(edge_ - sent_);
  if (last == nullptr || last->kind != Segment::Kind::data || last->room - last->end < count ||
      window < count) {
    return 0;
  }
  from.take(last->bytes() + last->end, count);
  last->end += static_cast<std::uint32_t>(count);
  accepted_ += count;
  sent_ += count;
  note("segment", count);
  peer_->buffered_ += count;
  peer_->arrived_ += count;
  peer_->acknowledge();
  peer_->wake(kArrived);
  return count;
}

// Sends what the peer has room for.
void Tcp::push() noexcept {
  while (!unsent_.empty()) {
    Segment* next = unsent_.first;
    if (held_ && next == unsent_.last && next->size() < kSegment && !next->urgent) {
      arm(hold_, &Tcp::on_held);
      wires_.clock.set(hold_, wires_.clock.now() + std::chrono::milliseconds(200));
      return;
    }
    const std::uint64_t window = edge_ > sent_ ? edge_ - sent_ : 0;
    if (window < next->size()) {
      if (window == 0 || (sent_ != acked_ && window < kSmallestWindow)) {
        expect_news();
        return;
      }
      Segment* head = segment(Segment::Kind::data, window);
      std::memcpy(head->bytes(), next->bytes() + next->begin, window);
      head->end = static_cast<std::uint32_t>(window);
      next->begin += head->end;
      put(head);
      continue;
    }
    put(unsent_.pop());
  }
  if (end_wanted_ && !end_sent_) {
    end_sent_ = true;
    ++accepted_;
    put(segment(Segment::Kind::end));
    if (local_peer()) {
      finish_if_acknowledged();
    }
  }
}

// On the way.
void Tcp::put(Segment* next) noexcept {
  const std::size_t size = next->size();
  sent_ += next->kind == Segment::Kind::end ? 1 : size;
  note("segment", size);
  if (local_peer()) {
    if (peer_ == nullptr) {
      Segment::give(wires_.pool, next);
      was_reset();
      return;
    }
    peer_->arrive(next, *this);
    return;
  }
  Instant at = wires_.depart(*out_, size + 40);
  if (!weather_on(*next, at)) {
    Segment::give(wires_.pool, next);
    return;
  }
  last_arrival_ = std::max(last_arrival_, at);
  next->arrives = last_arrival_;
  next->lost = !wires_.passes(*out_);
  const bool first = wire_.empty();
  wire_.push(next);
  if (first && !stalled_) {
    arm(arrival_, &Tcp::on_arrival);
    wires_.clock.set(arrival_, next->arrives);
  }
}

// False: a middlebox ended the connection instead, or a segment that is not sent again was lost.
bool Tcp::weather_on(Segment& next, Instant& at) noexcept {
  Weather& weather = wires_.weather;
  const HostId here = kernel_.id();
  const bool again = next.kind == Segment::Kind::data || next.kind == Segment::Kind::end ||
                     next.kind == Segment::Kind::open_ack || next.kind == Segment::Kind::opened;
  Nanos timeout = weather.faults()[Fault::lost_segment].longest;
  if (timeout <= Nanos::zero()) {
    timeout = std::chrono::milliseconds(200);
  }
  while (weather.strikes(Fault::lost_segment, here)) {
    note("lost", next.size());
    if (!again) {
      if (next.kind == Segment::Kind::reset) {
        reset_lost();
      }
      return false;
    }
    at += timeout;
    timeout = std::min<Nanos>(2 * timeout, std::chrono::seconds(120));
    if (timeout > std::chrono::seconds(60)) {
      break;
    }
  }
  at += weather.lasts(Fault::delayed_segment, here);
  const bool data = next.kind == Segment::Kind::data;
  if (data && weather.strikes(Fault::reset_stream, here)) {
    note("reset by the network", next.size());
    cut_ = true;
  }
  if (cut_ && (data || next.kind == Segment::Kind::end)) {
    next.kind = Segment::Kind::reset;
    next.begin = next.end;
    answered_by_nobody();
  }
  return true;
}

// ---- Acknowledgements. ----

std::uint64_t Tcp::acked_by_now() const noexcept {
  std::uint64_t acked = acked_;
  for (std::size_t i = first_ack_; i != acks_.size() && acks_[i].at <= wires_.clock.now(); ++i) {
    acked = std::max(acked, acks_[i].taken);
  }
  return acked;
}

void Tcp::apply_acks() noexcept {
  if (first_ack_ == acks_.size() || acks_[first_ack_].at > wires_.clock.now()) {
    return;
  }
  do {
    acked_ = std::max(acked_, acks_[first_ack_].taken);
    edge_ = std::max(edge_, acks_[first_ack_].edge);
    ++first_ack_;
  } while (first_ack_ != acks_.size() && acks_[first_ack_].at <= wires_.clock.now());
  if (first_ack_ == acks_.size()) {
    acks_.clear();
    first_ack_ = 0;
  } else if (first_ack_ > 64) {
    acks_.erase(acks_.begin(), acks_.begin() + static_cast<std::ptrdiff_t>(first_ack_));
    first_ack_ = 0;
  }
  heard_ = wires_.clock.now();
  if (!stalled_ && !ack_lost_) {
    stalled_since_ = kNever;
  }
  push();
  finish_if_acknowledged();
  told_room();
}

// The peer's word comes at `at`; within the machine it is here.
void Tcp::acknowledged(Instant at, std::uint64_t taken, std::uint64_t edge) noexcept {
  if (!acks_.empty() && acks_.back().at == at) {
    acks_.back().taken = std::max(acks_.back().taken, taken);
    acks_.back().edge = std::max(acks_.back().edge, edge);
  } else {
    acks_.push_back({acks_.empty() ? at : std::max(at, acks_.back().at), taken, edge});
  }
  expect_news();
}

void Tcp::told_room() noexcept {
  if (no_space_ && state != State::closed && writable()) {
    no_space_ = false;
    wake(kWritable | kWrNorm);
  }
}

// An alarm for the next acknowledgement, if somebody or something waits for it.
void Tcp::expect_news() const noexcept {
  const bool wanted = no_space_ || owner_ == nullptr || !unsent_.empty() || end_sent_;
  if (wanted && first_ack_ != acks_.size() && !news_.set() && state != State::closed) {
    news_.tcp = const_cast<Tcp*>(this);
    news_.fire = &Tcp::on_news;
    wires_.clock.set(news_, acks_[first_ack_].at);
  }
}

}  // namespace vigil::sim
