// Bytes between AF_UNIX sockets, and what poll(2) says of them.
#include <algorithm>
#include <bit>
#include <cerrno>
#include <memory>
#include <new>
#include <utility>

#include "kernel/kernel.hpp"
#include "kernel/local_packet.hpp"
#include "kernel/local_socket.hpp"

namespace vigil::sim {
namespace {

constexpr std::uint32_t kWritableBits = kWritable | kWrNorm | kWrBand;
constexpr std::size_t kLargestPiece = 32 * 1024;

// What Linux counts for a packet: its memory as the allocator rounds it, and its head.
std::size_t cost_of(std::size_t size) noexcept {
  return std::bit_ceil(((size + 63) & ~std::size_t{63}) + 320) + 256;
}

}  // namespace

bool LocalSocket::writable() const noexcept {
  return state_ != State::listening && charged_ * 4 <= static_cast<std::size_t>(send_room_);
}

std::uint32_t LocalSocket::ready() const noexcept {
  std::uint32_t bits = 0;
  if (error_ != 0) {
    bits |= kError;
  }
  if (closed_ways_ == 3) {
    bits |= kHungUp;
  }
  if ((closed_ways_ & 1) != 0) {
    bits |= kReadable | kRdNorm | kPeerClosed;
  }
  if (first_ != nullptr || waiting_first_ != nullptr) {
    bits |= kReadable | kRdNorm;
  }
  if (keeps_peer() && state_ == State::closed) {
    bits |= kHungUp;
  }
  if (!writable()) {
    return bits;
  }
  if (!keeps_peer() && peer_ != nullptr && peer_->peer_ != this && peer_->queue_full()) {
    if (waits_for_room_.queue == nullptr) {
      waits_for_room_.socket = const_cast<LocalSocket*>(this);
      waits_for_room_.wake = &LocalSocket::on_room;
      peer_->room_.add(waits_for_room_);
    }
    return bits;
  }
  return bits | kWritableBits;
}

bool LocalSocket::on_room(Waiter& waiter, std::uint32_t bits) noexcept {
  LocalSocket& self = *static_cast<RoomWaiter&>(waiter).socket;
  self.leave_room_queue();
  self.queue().wake(bits);
  return false;
}

void LocalSocket::leave_room_queue() noexcept {
  if (waits_for_room_.queue != nullptr) {
    waits_for_room_.queue->remove(waits_for_room_);
  }
}

int LocalSocket::take_error() noexcept { return std::exchange(error_, 0); }

// ---- Sending. ----

std::int64_t LocalSocket::send(Parts& from, Message& message) {
  if (type == SOCK_STREAM) {
    if (message.to != nullptr && message.to_size != 0) {
      return state_ == State::established ? -EISCONN : -EOPNOTSUPP;
    }
    if (!message.files.all().empty()) {
      return -EOPNOTSUPP;  // not modelled
    }
    return send_stream(from);
  }
  if (type == SOCK_SEQPACKET) {
    if (error_ != 0) {
      return -take_error();
    }
    if (state_ != State::established) {
      return -ENOTCONN;
    }
    message.to = nullptr;
    return send_packet(from, message);
  }
  return send_packet(from, message);
}

std::int64_t LocalSocket::send_stream(Parts& from) {
  if (peer_ == nullptr) {
    return -ENOTCONN;
  }
  if ((closed_ways_ & 2) != 0) {
    return -EPIPE;
  }
  std::size_t most = from.size();
  bool cut_short = false;
  if (most > 1 && kernel_.weather().strikes(Fault::short_write, kernel_.id())) {
    most = 1 + static_cast<std::size_t>(
                   kernel_.weather().below(Fault::short_write, kernel_.id(), most - 1));
    cut_short = true;
  }
  const auto room = static_cast<std::size_t>(send_room_);
  std::size_t sent = 0;
  while (sent != most) {
    const std::size_t size = std::min({most - sent, room / 2 - 64, kLargestPiece});
    std::int64_t failed = 0;
    if (error_ != 0) {
      failed = -take_error();
    } else if (charged_ >= room) {
      failed = -EAGAIN;
    } else if (peer_->dead_ || (peer_->closed_ways_ & 1) != 0) {
      failed = -EPIPE;
    }
    if (failed != 0) {
      return sent != 0 ? static_cast<std::int64_t>(sent) : failed;
    }
    deliver(*peer_, from, size, {});
    sent += size;
  }
  if (cut_short) {
    queue().wake(kWritableBits);
  }
  return static_cast<std::int64_t>(sent);
}

// Who gets it.
int LocalSocket::target(const Message& message, LocalSocket*& out) {
  if (message.to == nullptr || message.to_size == 0) {
    out = peer_;
    return out != nullptr ? 0 : -ENOTCONN;
  }
  return find_by_address(message.to, message.to_size, out);
}

std::int64_t LocalSocket::send_packet(Parts& from, Message& message) {
  const bool named = message.to != nullptr && message.to_size != 0;
  const auto room = static_cast<std::size_t>(send_room_);
  if (!named && peer_ == nullptr && kernel_.limits().linux_version < 614) {
    return -ENOTCONN;  // later, target() finds it out
  }
  if (from.size() > room - 32) {
    return -EMSGSIZE;
  }
  if (error_ != 0) {
    return -take_error();
  }
  if ((closed_ways_ & 2) != 0) {
    return -EPIPE;
  }
  if (charged_ >= room) {
    return -EAGAIN;
  }
  const std::size_t size = from.size();
  const int failed = hand_over(from, message);
  if (failed != 0 && writable()) {
    queue().wake(kWritableBits);  // the packet was made, and is thrown away
  }
  return failed != 0 ? failed : static_cast<std::int64_t>(size);
}

int LocalSocket::hand_over(Parts& from, Message& message) {
  LocalSocket* to = nullptr;
  if (const int failed = target(message, to); failed != 0) {
    return failed;
  }
  if (to->peer_ != nullptr && to->peer_ != this) {
    return -EPERM;
  }
  if (to->dead_) {
    if (keeps_peer()) {
      return -EPIPE;
    }
    set_peer(nullptr);
    state_ = State::closed;
    while (first_ != nullptr) {
      pop();
    }
    return -ECONNREFUSED;
  }
  if ((to->closed_ways_ & 1) != 0) {
    return -EPIPE;
  }
  if (to != this && to->peer_ != this && to->queue_full()) {
    return -EAGAIN;
  }
  const std::size_t size = from.size();
  deliver(*to, from, size, std::move(message.files));
  return 0;
}

void LocalSocket::deliver(LocalSocket& to, Parts& from, std::size_t size, PassedFiles files) {
  const std::size_t cost = cost_of(size);
  std::uint8_t block = 0;
  auto* packet = ::new (pool_.take(sizeof(Packet) + size, block)) Packet;
  packet->block = block;
  packet->sender = this;
  packet->cost = cost;
  packet->end = static_cast<std::uint32_t>(size);
  packet->files = std::move(files);
  from.take(packet->bytes(), size);
  hold();
  charged_ += cost;
  (to.last_ != nullptr ? to.last_->next : to.first_) = packet;
  to.last_ = packet;
  ++to.packets_;
  kernel_.tracer().note(kernel_.id(), "local", to.serial(), size);
  to.queue().wake(kArrived);
}

// ---- Receiving. ----

LocalSocket::Packet* LocalSocket::unlink_first() noexcept {
  Packet* packet = first_;
  first_ = packet->next;
  if (first_ == nullptr) {
    last_ = nullptr;
  }
  --packets_;
  return packet;
}

// The first packet was read, or is thrown away: its sender has the room back, and is told each
// time.
void LocalSocket::pop() noexcept {
  Packet* packet = unlink_first();
  LocalSocket& sender = *packet->sender;
  sender.charged_ -= packet->cost;
  give_back(packet);
  if (!sender.dead_ && sender.writable()) {
    sender.queue().wake(kWritableBits);
  }
  sender.drop();
}

void LocalSocket::give_back(Packet* packet) noexcept {
  const std::uint8_t block = packet->block;
  std::destroy_at(packet);
  pool_.give(packet, block);
}

void LocalSocket::discard_first() noexcept {
  Packet* packet = unlink_first();
  LocalSocket& sender = *packet->sender;
  give_back(packet);
  sender.drop();
}

std::int64_t LocalSocket::receive(Parts& to, Message& message) noexcept {
  const int flags = std::exchange(message.flags, 0);
  message.from_size = 0;
  if (type != SOCK_DGRAM && state_ != State::established) {
    return type == SOCK_STREAM ? -EINVAL : -ENOTCONN;
  }
  if (type == SOCK_STREAM) {
    return receive_stream(to, flags);
  }
  return receive_packet(to, message, flags);
}

std::int64_t LocalSocket::receive_stream(Parts& to, int flags) noexcept {
  if (first_ == nullptr) {
    if (error_ != 0) {
      return -take_error();
    }
    return (closed_ways_ & 1) != 0 ? 0 : -EAGAIN;
  }
  std::size_t most = to.size();
  bool cut_short = false;
  if (most > 1 && kernel_.weather().strikes(Fault::short_read, kernel_.id())) {
    std::size_t there = 0;
    for (Packet* packet = first_; packet != nullptr; packet = packet->next) {
      there += packet->size();
    }
    most = std::min(most, there);
    if (most > 1) {
      most = 1 + static_cast<std::size_t>(
                     kernel_.weather().below(Fault::short_read, kernel_.id(), most - 1));
      cut_short = true;
    }
  }
  std::size_t got = 0;
  const bool peek = (flags & MSG_PEEK) != 0;
  for (Packet* packet = first_; packet != nullptr && got != most;) {
    const std::size_t step = std::min(most - got, packet->size());
    to.put(packet->bytes() + packet->begin, step);
    got += step;
    if (peek) {
      packet = packet->next;
      continue;
    }
    packet->begin += static_cast<std::uint32_t>(step);
    if (packet->size() == 0) {
      pop();
      packet = first_;
    }
  }
  if (cut_short) {
    queue().wake(kArrived);
  }
  return static_cast<std::int64_t>(got);
}

std::int64_t LocalSocket::receive_packet(Parts& to, Message& message, int flags) noexcept {
  if (error_ != 0) {
    return -take_error();
  }
  if (first_ == nullptr) {
    return type == SOCK_SEQPACKET && (closed_ways_ & 1) != 0 ? 0 : -EAGAIN;
  }
  Packet& packet = *first_;
  const std::size_t size = packet.size();
  const std::size_t count = std::min(size, to.size());
  to.put(packet.bytes() + packet.begin, count);
  if (count < size) {
    message.flags |= MSG_TRUNC;
  }
  if (message.from != nullptr && !packet.sender->name_.empty()) {
    message.from_size = static_cast<socklen_t>(packet.sender->name(*message.from, NameOf::itself));
  }
  if ((flags & MSG_PEEK) == 0) {
    message.files = std::move(packet.files);
    pop();
    room_.wake(kWritableBits);
  }
  return static_cast<std::int64_t>((flags & MSG_TRUNC) != 0 ? size : count);
}

}  // namespace vigil::sim
