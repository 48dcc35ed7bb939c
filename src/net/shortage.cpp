// Refusing with the descriptor that is kept: all of it between two waits, so that nobody else on
// this loop takes the one that is free for a moment.
#include "vigil/net/shortage.hpp"

#include <array>
#include <utility>

#include "loop/perform_now.hpp"
#include "vigil/net/serve.hpp"

namespace vigil::detail {
namespace {

// Nobody had to wait for so long: they are short no more.
constexpr Nanos kEased = std::chrono::seconds(1);
// In one look. A full backlog of 4,096 is told within seven seconds; and a look stays some
// hundred system calls, ten times a second.
constexpr unsigned kRefusedAtOnce = 64;
constexpr std::size_t kRoom = 4096;  // bytes that are read at once, or told
constexpr unsigned kReadings = 16;   // of what one had to say

bool lacks_descriptors(const std::error_code& why) noexcept {
  return why == std::errc::too_many_files_open || why == std::errc::too_many_files_open_in_system;
}

void count(std::atomic<std::uint64_t>& of) noexcept {
  of.store(of.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

}  // namespace

Reserve::Reserve(TcpListener& listener, const Shortage& shortage, ServeFigures& figures) noexcept
    : Reserve(listener, shortage, figures, listener.share_) {}

Reserve::Reserve(TcpListener& listener, const Shortage& shortage, ServeFigures& figures,
                 ListenerShare* share) noexcept
    : listener_(listener), shortage_(shortage), figures_(figures), share_(share) {
  refill();
}

Reserve::~Reserve() {
  if (spare_ != kNoHandle) {
    Loop::current()->syscalls().close(spare_);
  }
}

void Reserve::refill() noexcept {
  if (shortage_.patience > Nanos::zero() && listener_.has_socket()) {
    static_cast<void>(keep());
  }
}

bool Reserve::keep() noexcept {
  if (spare_ == kNoHandle) {
    SocketArgs least{.name = {.family = SocketName::Family::local}, .datagram = true};
    const std::int32_t opened = perform_now(Opcode::open_socket, nullptr, &least);
    spare_ = opened >= 0 ? opened : kNoHandle;
  }
  return spare_ != kNoHandle;
}

void Reserve::ran_out(const std::error_code& why) noexcept {
  ++figures_.exhausted;
  if (share_ != nullptr) {
    count(share_->exhausted);
  }
  const Instant now = Loop::current()->engine().now();
  const bool over = last_ == kNever || now - last_ >= kEased;
  refusing_ = refusing_ && !over;
  // While somebody is let in at a look now and then, those who wait are on their way.
  if (over || (!refusing_ && figures_.accepted != accepted_)) {
    since_ = now;
  }
  accepted_ = figures_.accepted;
  last_ = now;
  if (shortage_.patience <= Nanos::zero() || now - since_ < shortage_.patience) {
    return;
  }
  refusing_ = true;
  if (shortage_.told != nullptr) {
    shortage_.told(shortage_.context, why);
  }
  if (lacks_descriptors(why) && listener_.has_socket()) {
    refuse_who_waits();
  }
}

// Another thread may take the one that is free for a moment, and then serves somebody with it.
void Reserve::refuse_who_waits() noexcept {
  for (unsigned refused = 0; refused != kRefusedAtOnce && keep(); ++refused) {
    Loop::current()->syscalls().close(std::exchange(spare_, kNoHandle));
    SocketName peer;
    AcceptArgs who{.peer = &peer};
    const std::int32_t accepted = perform_now(Opcode::accept, listener_.descriptor_, &who);
    if (accepted < 0) {
      break;  // nobody waits any more
    }
    refuse(accepted, peer);
    Loop::current()->syscalls().close(accepted);
  }
  static_cast<void>(keep());
}

// What it said is read first: closing would be a reset otherwise, which may take what it is told
// away from it.
void Reserve::refuse(NativeHandle who, const SocketName& peer) noexcept {
  Syscalls& syscalls = Loop::current()->syscalls();
  ++figures_.refused;
  if (share_ != nullptr) {
    count(share_->refused);
  }
  std::array<std::byte, kRoom> room;
  for (unsigned i = 0; i != kReadings; ++i) {
    if (syscalls.recv(who, room.data(), room.size()) < static_cast<std::int32_t>(room.size())) {
      break;
    }
  }
  if (shortage_.farewell != nullptr) {
    const std::size_t size = shortage_.farewell(
        shortage_.context, Address(peer), {reinterpret_cast<char*>(room.data()), room.size()});
    static_cast<void>(syscalls.send(who, room.data(), size));
  }
}

}  // namespace vigil::detail
