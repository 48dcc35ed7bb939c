// How operations and outcomes read: as the lines of a C program and what it printed.
#include "differential/operation.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include <cstring>
#include <utility>

#include "differential/text.hpp"

namespace vigil::differential {
namespace {

using Names = std::initializer_list<std::pair<std::uint32_t, std::string_view>>;

// The names of the bits in `value` that are known, the rest as a number.
std::string bits(std::uint32_t value, Names names, const std::string& prefix) {
  std::string text;
  for (const auto& [bit, name] : names) {
    if ((value & bit) == bit) {
      value &= ~bit;
      text += (text.empty() ? "" : "|") + prefix + std::string(name);
    }
  }
  if (value != 0 || text.empty()) {
    text += (text.empty() ? "" : "|") + (value == 0 ? "0" : hex(value));
  }
  return text;
}

std::string events(std::uint32_t value, const std::string& prefix) {
  return bits(value,
              {{EPOLLIN, "IN"},
               {EPOLLPRI, "PRI"},
               {EPOLLOUT, "OUT"},
               {EPOLLERR, "ERR"},
               {EPOLLHUP, "HUP"},
               {EPOLLRDHUP, "RDHUP"},
               {EPOLLEXCLUSIVE, "EXCLUSIVE"},
               {EPOLLONESHOT, "ONESHOT"},
               {EPOLLET, "ET"}},
              prefix);
}

std::string flags(std::uint32_t value) {
  return bits(value, {{MSG_PEEK, "PEEK"}, {MSG_TRUNC, "TRUNC"}}, "MSG_");
}

std::string_view name_of(Setting setting) {
  constexpr std::string_view kNames[] = {"OFF",
                                         "AT_ONCE",
                                         "IN_THE_PAST",
                                         "IN_AN_HOUR",
                                         "EVERY_HOUR",
                                         "AT_ONCE_THEN_EVERY_HOUR",
                                         "TWO_BILLION_NANOSECONDS"};
  return kNames[static_cast<std::size_t>(setting)];
}

std::string error(std::int64_t code) {
  const char* name = ::strerrorname_np(static_cast<int>(code));
  return name != nullptr ? name : std::to_string(code);
}

std::string creation(const Operation& op) {
  switch (op.call) {
    case Call::pipe:
      return fill("pipe2({&v{}, &v{}}, O_NONBLOCK|O_CLOEXEC)", {op.out, op.out + 1});
    case Call::socketpair:
      return fill("socketpair(AF_UNIX, {}, {&v{}, &v{}})",
                  {op.n == SOCK_STREAM ? "SOCK_STREAM" : "SOCK_DGRAM", op.out, op.out + 1});
    case Call::listen_tcp:
      return fill("v{} = listening_tcp_socket(\"127.0.0.1:0\", backlog {})", {op.out, op.n});
    case Call::connect_tcp:
      return fill("v{} = connecting_tcp_socket(address of v{})", {op.out, op.a});
    case Call::accept:
      return fill("v{} = accept4(v{}, SOCK_NONBLOCK)", {op.out, op.a});
    case Call::udp_pair:
      return fill("connected_udp_sockets({&v{}, &v{}})", {op.out, op.out + 1});
    case Call::eventfd:
      return fill("v{} = eventfd({}, EFD_NONBLOCK{})",
                  {op.out, op.n, (op.data & EFD_SEMAPHORE) != 0 ? "|EFD_SEMAPHORE" : ""});
    case Call::timerfd:
      return fill("v{} = timerfd_create({}, TFD_NONBLOCK)", {op.out, op.n});
    case Call::epoll:
      return fill("v{} = epoll_create1(0)", {op.out});
    case Call::directory:
      return fill("v{} = open(\"/\", O_RDONLY|O_DIRECTORY)", {op.out});
    case Call::dup:
      return fill("v{} = dup(v{})", {op.out, op.a});
    default:
      return fill("v{} = fcntl(v{}, {}, first + {})",
                  {op.out, op.a, op.data == F_DUPFD ? "F_DUPFD" : "F_DUPFD_CLOEXEC", op.n});
  }
}

std::string control(const Operation& op) {
  if (op.data == EPOLL_CTL_DEL) {
    return fill("epoll_ctl(v{}, EPOLL_CTL_DEL, v{})", {op.a, op.b});
  }
  return fill("epoll_ctl(v{}, {}, v{}, {{}, {}})", {op.a,
                                                    op.data == EPOLL_CTL_ADD   ? "EPOLL_CTL_ADD"
                                                    : op.data == EPOLL_CTL_MOD ? "EPOLL_CTL_MOD"
                                                                               : "99",
                                                    op.b, events(op.n, "EPOLL"), hex(op.tag)});
}

std::string body(const Operation& op) {
  const std::string bytes = "bytes + " + std::to_string(op.tag % 4096);
  const std::string halves = fill("{{}, {}}", {op.n / 2, op.n - op.n / 2});
  switch (op.call) {
    case Call::dup3:
      return fill("dup3(v{}, v{}, {})", {op.a, op.b, op.data == 0 ? "0" : "O_CLOEXEC"});
    case Call::close:
      return fill("close(v{})", {op.a});
    case Call::ctl:
      return control(op);
    case Call::wait:
      return fill("epoll_wait(v{}, room for {}, 0)", {op.a, op.n});
    case Call::poll:
      return fill("poll(v{}, {}, 0)", {op.a, events(op.n, "POLL")});
    case Call::read:
      return fill("read(v{}, {})", {op.a, op.n});
    case Call::write:
      return fill("write(v{}, {}, {})", {op.a, bytes, op.n});
    case Call::readv:
      return fill("readv(v{}, {})", {op.a, halves});
    case Call::writev:
      return fill("writev(v{}, {}, {})", {op.a, bytes, halves});
    case Call::recv:
      return fill("recv(v{}, {}, {})", {op.a, op.n, flags(op.data)});
    case Call::send:
      return fill("send(v{}, {}, {}, {})", {op.a, bytes, op.n, flags(op.data)});
    case Call::write_word:
      return fill("write(v{}, &(uint64_t){{}}, 8)", {op.a, hex(op.tag)});
    case Call::shutdown:
      return fill("shutdown(v{}, {})", {op.a, op.n == SHUT_RD   ? "SHUT_RD"
                                              : op.n == SHUT_WR ? "SHUT_WR"
                                                                : "SHUT_RDWR"});
    case Call::linger:
      return fill("setsockopt(v{}, SO_LINGER, {1, 0})", {op.a});
    case Call::get_option:
      return fill("getsockopt(v{}, {})", {op.a, op.n == SO_ERROR  ? "SO_ERROR"
                                                : op.n == SO_TYPE ? "SO_TYPE"
                                                                  : "SO_ACCEPTCONN"});
    case Call::get_flags:
      return fill("fcntl(v{}, {})", {op.a, op.n == F_GETFL ? "F_GETFL" : "F_GETFD"});
    case Call::set_cloexec:
      return fill("fcntl(v{}, F_SETFD, {})", {op.a, op.n});
    case Call::set_timer:
      return fill("timerfd_settime(v{}, {})", {op.a, name_of(static_cast<Setting>(op.n))});
    case Call::get_timer:
      return fill("timerfd_gettime(v{})", {op.a});
    case Call::fork:
      return fill("child{} = fork()", {op.a});
    case Call::exit:
      return fill("child{} ends", {op.a});
    default:
      return creation(op);
  }
}

std::string told(const Outcome& outcome) {
  std::string text = fill("{} event{}", {outcome.result, outcome.result == 1 ? "" : "s"});
  for (std::uint32_t i = 0; i < outcome.told; ++i) {
    text += (i == 0 ? ": " : ", ") + events(outcome.events[i].events, "") + " " +
            hex(outcome.events[i].tag);
  }
  return text;
}

}  // namespace

std::string_view name_of(Theme theme) noexcept {
  constexpr std::string_view kNames[] = {"pipes",  "local_sockets", "tcp",     "udp",
                                         "events", "timers",        "nesting", "mixed"};
  return kNames[static_cast<std::size_t>(theme)];
}

std::string to_text(const Operation& operation) {
  return operation.actor == 0 ? body(operation)
                              : fill("child{}: {}", {operation.actor, body(operation)});
}

std::string to_text(const Operation& operation, const Outcome& outcome) {
  if (outcome.result < 0) {
    return "-1 " + error(-outcome.result);
  }
  const auto beside = static_cast<std::int64_t>(outcome.detail);
  switch (operation.call) {
    case Call::wait:
      return told(outcome);
    case Call::poll:
      return events(static_cast<std::uint32_t>(outcome.result), "");
    case Call::pipe:
    case Call::socketpair:
    case Call::udp_pair:
      return fill("first + {}, first + {}", {beside / 1000, beside % 1000});
    case Call::connect_tcp:
    case Call::listen_tcp:
      return fill("first + {}, {}", {outcome.result, beside < 0 ? error(-beside) : "done"});
    case Call::get_option:
      return operation.n == SO_ERROR && beside != 0 ? error(beside) : std::to_string(beside);
    case Call::get_timer:
    case Call::set_timer:
      return fill("{}, every {} s", {beside % 2 != 0 ? "armed" : "not armed", beside / 2});
    case Call::read:
    case Call::recv:
    case Call::readv:
      return outcome.detail == 0 ? std::to_string(outcome.result)
                                 : fill("{} (hash {})", {outcome.result, hex(outcome.detail)});
    default:
      return (operation.call <= Call::dup3 ? "first + " : "") + std::to_string(outcome.result);
  }
}

}  // namespace vigil::differential
