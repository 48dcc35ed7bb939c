// Machine: carries operations out with the calls of one kernel, the model's or the real one. There
// is one text for both: what an operation means cannot differ.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>

#include <netinet/tcp.h>

#include "differential/linux_calls.hpp"
#include "differential/operation.hpp"

namespace vigil::differential {

inline constexpr std::size_t kMostBytes = 70'000;
inline constexpr std::uint32_t kSmall = 1000;  // bytes that a socket's buffers hold many times

// Bytes whose order shows: no stretch of them repeats.
std::span<const std::byte> pattern() noexcept;
std::uint64_t hash(std::span<const std::byte> bytes) noexcept;

// `Calls` has sim::Process's calls; `base` is the first number that the history may use.
template <class Calls>
class Machine {
 public:
  Machine(Calls& calls, int base, std::uint32_t loopback) noexcept
      : calls_(&calls), base_(base), loopback_(loopback) {
    variables_.fill(-1);
  }
  // For a forked child: it has the same variables in a table of its own.
  Machine(Calls& calls, const Machine& parent) noexcept
      : calls_(&calls),
        base_(parent.base_),
        loopback_(parent.loopback_),
        variables_(parent.variables_) {}

  Outcome run(const Operation& op) noexcept;
  // The raw number of a variable, -1 if it has none.
  int raw(std::uint8_t variable) const noexcept {
    const int number = variables_[variable];
    return number < 0 ? -1 : number + base_;
  }

 private:
  static constexpr int kFlags = SOCK_NONBLOCK | SOCK_CLOEXEC;

  Outcome one(std::uint8_t out, std::int32_t raw) noexcept {
    variables_[out] = raw < 0 ? -1 : raw - base_;
    return {.result = raw < 0 ? raw : raw - base_};
  }
  Outcome two(std::uint8_t out, std::int32_t result, const int ends[2]) noexcept {
    const std::size_t next = out + 1U;
    variables_[out] = result < 0 ? -1 : ends[0] - base_;
    variables_[next] = result < 0 ? -1 : ends[1] - base_;
    if (result < 0) {
      return {.result = result};
    }
    return {.result = result,
            .detail = static_cast<std::uint64_t>((ends[0] - base_) * 1000 + ends[1] - base_)};
  }
  // Time does not pass here: what Nagle's algorithm holds back would never come.
  void send_at_once(std::int32_t fd) noexcept {
    const int on = 1;
    calls_->setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  sockaddr_in anywhere() const noexcept {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(loopback_);
    return address;
  }
  std::int32_t bound(int type, sockaddr_in& address) noexcept;
  Outcome listen_tcp(const Operation& op) noexcept;
  Outcome connect_tcp(const Operation& op) noexcept;
  Outcome udp_pair(const Operation& op) noexcept;
  Outcome create(const Operation& op) noexcept;
  Outcome transfer(const Operation& op) noexcept;
  Outcome wait(const Operation& op) noexcept;
  Outcome set_timer(const Operation& op) noexcept;
  Outcome option(const Operation& op) noexcept;

  Calls* calls_;
  int base_;
  std::uint32_t loopback_;
  std::array<int, kVariables> variables_;
};

template <class Calls>
std::int32_t Machine<Calls>::bound(int type, sockaddr_in& address) noexcept {
  const std::int32_t fd = calls_->socket(AF_INET, type | kFlags, 0);
  if (fd < 0) {
    return fd;
  }
  address = anywhere();
  socklen_t size = sizeof address;
  std::int32_t done = calls_->bind(fd, reinterpret_cast<sockaddr*>(&address), size);
  if (done == 0) {
    done = calls_->getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  }
  if (done < 0) {
    calls_->close(fd);
    return done;
  }
  return fd;
}

template <class Calls>
Outcome Machine<Calls>::listen_tcp(const Operation& op) noexcept {
  sockaddr_in address;
  const std::int32_t fd = bound(SOCK_STREAM, address);
  if (fd < 0) {
    return one(op.out, fd);
  }
  const std::int32_t done = calls_->listen(fd, static_cast<int>(op.n));
  Outcome outcome = one(op.out, fd);
  outcome.detail = static_cast<std::uint64_t>(done);
  return outcome;
}

template <class Calls>
Outcome Machine<Calls>::connect_tcp(const Operation& op) noexcept {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  const std::int32_t fd = calls_->socket(AF_INET, SOCK_STREAM | kFlags, 0);
  Outcome outcome = one(op.out, fd);
  if (fd < 0) {
    return outcome;
  }
  send_at_once(fd);
  std::int32_t done = calls_->getsockname(raw(op.a), reinterpret_cast<sockaddr*>(&address), &size);
  if (done == 0 && (size != sizeof address || address.sin_port == 0)) {
    done = -EADDRNOTAVAIL;  // not an internet socket that has a port
  }
  if (done == 0) {
    done = calls_->connect(fd, reinterpret_cast<sockaddr*>(&address), size);
  }
  outcome.detail = static_cast<std::uint64_t>(done);
  return outcome;
}

template <class Calls>
Outcome Machine<Calls>::udp_pair(const Operation& op) noexcept {
  sockaddr_in first{};
  sockaddr_in second{};
  int ends[2] = {bound(SOCK_DGRAM, first), -1};
  if (ends[0] < 0) {
    return two(op.out, ends[0], ends);
  }
  ends[1] = bound(SOCK_DGRAM, second);
  if (ends[1] < 0) {
    calls_->close(ends[0]);
    return two(op.out, ends[1], ends);
  }
  std::int32_t done = calls_->connect(ends[0], reinterpret_cast<sockaddr*>(&second), sizeof second);
  if (done == 0) {
    done = calls_->connect(ends[1], reinterpret_cast<sockaddr*>(&first), sizeof first);
  }
  return two(op.out, done, ends);
}

template <class Calls>
Outcome Machine<Calls>::create(const Operation& op) noexcept {
  int ends[2] = {-1, -1};
  std::int32_t done = 0;
  switch (op.call) {
    case Call::pipe:
      done = calls_->pipe2(ends, O_NONBLOCK | O_CLOEXEC);
      return two(op.out, done, ends);
    case Call::socketpair:
      done = calls_->socketpair(AF_UNIX, static_cast<int>(op.n) | kFlags, 0, ends);
      return two(op.out, done, ends);
    case Call::listen_tcp:
      return listen_tcp(op);
    case Call::connect_tcp:
      return connect_tcp(op);
    case Call::udp_pair:
      return udp_pair(op);
    case Call::accept:
      done = calls_->accept4(raw(op.a), nullptr, nullptr, kFlags);
      if (done >= 0) {
        send_at_once(done);
      }
      return one(op.out, done);
    case Call::eventfd:
      return one(op.out, calls_->eventfd(op.n, static_cast<int>(op.data)));
    case Call::timerfd:
      return one(op.out, calls_->timerfd_create(static_cast<int>(op.n), TFD_NONBLOCK));
    case Call::epoll:
      return one(op.out, calls_->epoll_create1(0));
    case Call::directory:
      return one(op.out, calls_->openat2(AT_FDCWD, "/", O_RDONLY | O_DIRECTORY, 0, 0));
    case Call::dup:
      return one(op.out, calls_->dup(raw(op.a)));
    default:  // dup_above
      return one(op.out, calls_->fcntl(raw(op.a), static_cast<int>(op.data),
                                       static_cast<int>(op.n) + base_));
  }
}

template <class Calls>
Outcome Machine<Calls>::transfer(const Operation& op) noexcept {
  static std::array<std::byte, kMostBytes> room;
  const int fd = raw(op.a);
  // Only what a pipe holds is the same everywhere; a number may mean something else than it did.
  const bool much = op.n > kSmall && calls_->fcntl(fd, F_GETPIPE_SZ, 0) < 0;
  const std::size_t size = std::min<std::size_t>(much ? op.n % kSmall : op.n, kMostBytes);
  const std::size_t half = size / 2;
  const std::span<std::byte> to(room.data(), size);
  const std::span<const std::byte> from = pattern().subspan(op.tag % 4096, size);
  iovec parts[2] = {{room.data(), half}, {room.data() + half, size - half}};
  Outcome outcome;
  switch (op.call) {
    case Call::read:
      outcome.result = calls_->read(fd, to);
      break;
    case Call::recv:
      std::ranges::fill(to, std::byte{0});  // MSG_TRUNC may leave it as it was
      outcome.result = calls_->recv(fd, to, static_cast<int>(op.data));
      break;
    case Call::readv:
      outcome.result = calls_->readv(fd, parts);
      break;
    case Call::write:
      outcome.result = calls_->write(fd, from);
      return outcome;
    case Call::send:
      outcome.result = calls_->send(fd, from, static_cast<int>(op.data) | MSG_NOSIGNAL);
      return outcome;
    case Call::write_word:
      outcome.result = calls_->write(fd, std::as_bytes(std::span(&op.tag, 1)));
      return outcome;
    default: {  // writev
      auto* bytes = const_cast<std::byte*>(from.data());
      parts[0].iov_base = bytes;
      parts[1].iov_base = bytes + half;
      outcome.result = calls_->writev(fd, parts);
      return outcome;
    }
  }
  if (outcome.result > 0) {
    const std::size_t got = std::min(size, static_cast<std::size_t>(outcome.result));
    outcome.detail = hash(to.first(got));
  }
  return outcome;
}

template <class Calls>
Outcome Machine<Calls>::wait(const Operation& op) noexcept {
  epoll_event events[kRoom];
  Outcome outcome{.result = calls_->epoll_wait(
                      raw(op.a), std::span(events).first(std::min<std::size_t>(op.n, kRoom)))};
  for (std::int64_t i = 0; i < outcome.result; ++i) {
    outcome.events[outcome.told++] = {events[i].events, events[i].data.u64};
  }
  return outcome;
}

template <class Calls>
Outcome Machine<Calls>::set_timer(const Operation& op) noexcept {
  constexpr timespec kFar{3600, 0};
  constexpr timespec kSoon{0, 1};
  itimerspec value{};
  itimerspec old{};
  int flags = 0;
  switch (static_cast<Setting>(op.n)) {
    case Setting::off:
      break;
    case Setting::at_once:
      value.it_value = kSoon;
      break;
    case Setting::in_the_past:
      value.it_value = kSoon;
      flags = TFD_TIMER_ABSTIME;
      break;
    case Setting::far:
      value.it_value = kFar;
      break;
    case Setting::far_periodic:
      value = {kFar, kFar};
      break;
    case Setting::at_once_far_periodic:
      value = {kFar, kSoon};
      break;
    case Setting::invalid:
      value.it_value = {0, 2'000'000'000};
      break;
  }
  Outcome outcome{.result = calls_->timerfd_settime(raw(op.a), flags, &value, &old)};
  // How much of an hour is left differs by what the calls took.
  outcome.detail = static_cast<std::uint64_t>(old.it_interval.tv_sec) * 2 +
                   (old.it_value.tv_sec != 0 || old.it_value.tv_nsec != 0 ? 1 : 0);
  return outcome;
}

template <class Calls>
Outcome Machine<Calls>::option(const Operation& op) noexcept {
  const int fd = raw(op.a);
  int value = 0;
  socklen_t size = sizeof value;
  Outcome outcome;
  switch (op.call) {
    case Call::linger: {
      const struct linger now{1, 0};
      outcome.result = calls_->setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
      return outcome;
    }
    case Call::get_option:
      outcome.result = calls_->getsockopt(fd, SOL_SOCKET, static_cast<int>(op.n), &value, &size);
      outcome.detail = static_cast<std::uint64_t>(value);
      return outcome;
    case Call::get_flags:
      outcome.result = calls_->fcntl(fd, static_cast<int>(op.n), 0);
      return outcome;
    case Call::set_cloexec:
      outcome.result = calls_->fcntl(fd, F_SETFD, static_cast<int>(op.n));
      return outcome;
    default: {  // get_timer
      itimerspec now{};
      outcome.result = calls_->timerfd_gettime(fd, &now);
      outcome.detail = static_cast<std::uint64_t>(now.it_interval.tv_sec) * 2 +
                       (now.it_value.tv_sec != 0 || now.it_value.tv_nsec != 0 ? 1 : 0);
      return outcome;
    }
  }
}

template <class Calls>
Outcome Machine<Calls>::run(const Operation& op) noexcept {
  if (op.call <= Call::dup_above) {
    return create(op);
  }
  switch (op.call) {
    case Call::dup3: {
      const std::int32_t fd = calls_->dup3(raw(op.a), raw(op.b), static_cast<int>(op.data));
      return {.result = fd < 0 ? fd : fd - base_};
    }
    case Call::close:
      return {.result = calls_->close(raw(op.a))};
    case Call::ctl: {
      epoll_event event{};
      event.events = op.n;
      event.data.u64 = op.tag;
      return {.result = calls_->epoll_ctl(raw(op.a), static_cast<int>(op.data), raw(op.b), &event)};
    }
    case Call::wait:
      return wait(op);
    case Call::poll:
      return {.result = calls_->poll_one(raw(op.a), op.n)};
    case Call::shutdown:
      return {.result = calls_->shutdown(raw(op.a), static_cast<int>(op.n))};
    case Call::set_timer:
      return set_timer(op);
    case Call::linger:
    case Call::get_option:
    case Call::get_flags:
    case Call::set_cloexec:
    case Call::get_timer:
      return option(op);
    default:
      return transfer(op);
  }
}

}  // namespace vigil::differential
