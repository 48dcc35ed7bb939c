// One operation after the other: its arguments, and what its result will be held as.
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include <ctime>
#include <utility>

#include "differential/generator.hpp"

namespace vigil::differential {

void Generator::create(Operation& op) noexcept {
  const bool two =
      op.call == Call::pipe || op.call == Call::socketpair || op.call == Call::udp_pair;
  std::size_t open = 0;
  for (const Variable& each : variables_) {
    open += each.open ? 1 : 0;
  }
  if (open >= kMostOpen) {
    op.call = Call::close;
    op.a = target();
    close(op.a);
    return;
  }
  // The next variables that hold nothing.
  for (std::size_t tried = 0; tried < kVariables; ++tried) {
    next_ = (next_ + 1) % (kVariables - 1);
    if (!variables_[next_].open && (!two || !variables_[next_ + 1].open)) {
      break;
    }
  }
  op.out = static_cast<std::uint8_t>(next_);
  ++sockets_;
  Thing thing = Thing::none;
  switch (op.call) {
    case Call::pipe:
      thing = Thing::pipe_out;
      break;
    case Call::socketpair:
      op.n = any_of<std::uint32_t>({SOCK_STREAM, SOCK_STREAM, SOCK_DGRAM});
      thing = op.n == SOCK_STREAM ? Thing::local_stream : Thing::local_packet;
      break;
    case Call::listen_tcp:
      op.n = one_in(4) ? 0 : 16;
      thing = Thing::listener;
      break;
    case Call::connect_tcp:
      op.a = variable(Thing::listener);
      called_ = op.a;
      thing = Thing::tcp;
      break;
    case Call::accept:
      op.a = called_ ? *std::exchange(called_, std::nullopt) : variable(Thing::listener);
      thing = Thing::tcp;
      break;
    case Call::udp_pair:
      thing = Thing::udp;
      break;
    case Call::eventfd:
      op.n = any_of<std::uint32_t>({0, 0, 1, 3});
      op.data = EFD_NONBLOCK | (one_in(3) ? EFD_SEMAPHORE : 0);
      thing = Thing::event;
      break;
    case Call::timerfd:
      op.n = any_of<std::uint32_t>({CLOCK_MONOTONIC, CLOCK_MONOTONIC, CLOCK_REALTIME, 99});
      thing = Thing::timer;
      break;
    case Call::epoll:
      thing = Thing::epoll;
      break;
    case Call::directory:
      thing = Thing::directory;
      break;
    case Call::dup:
    case Call::dup_above:
      op.a = one_in(4) ? any_variable() : target();
      op.n = one_in(10) ? 5000 : below(40);
      op.data = one_in(2) ? F_DUPFD : F_DUPFD_CLOEXEC;
      if (!variables_[op.a].open) {
        return;
      }
      hold(op.out, variables_[op.a].thing, variables_[op.a].socket);
      return;
    default:
      break;
  }
  hold(op.out, thing, sockets_);
  if (two) {
    hold(static_cast<std::uint8_t>(op.out + 1), thing == Thing::pipe_out ? Thing::pipe_in : thing,
         sockets_);
  }
}

void Generator::control(Operation& op) noexcept {
  op.a = variable(Thing::epoll);
  op.b = target();
  bool& watched = watched_[op.a][op.b];
  op.data = watched ? any_of<std::uint32_t>({EPOLL_CTL_MOD, EPOLL_CTL_MOD, EPOLL_CTL_DEL})
                    : std::uint32_t{EPOLL_CTL_ADD};
  if (one_in(12)) {
    op.data = any_of<std::uint32_t>({EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLL_CTL_DEL, 99});
  }
  watched = op.data == EPOLL_CTL_ADD || (watched && op.data != EPOLL_CTL_DEL);
  op.n = interest(variables_[op.b].thing);
  op.tag = ++tags_;
}

void Generator::transfer(Operation& op) noexcept {
  op.a = target();
  const Variable& used = variables_[op.a];
  op.call = input_output(used.thing);
  op.n = size(used.thing);
  op.tag = ++tags_;
  switch (op.call) {
    case Call::accept:
      create(op);
      break;
    case Call::write:
    case Call::send:
    case Call::writev:
      if (!may_send(used)) {
        op.call = Call::read;
      }
      break;
    case Call::recv:
      op.data = any_of<std::uint32_t>({0, 0, MSG_PEEK, MSG_TRUNC});
      if (used.thing == Thing::tcp) {
        op.data &= ~std::uint32_t{MSG_TRUNC};  // throwing a stream's bytes away is not modelled
      }
      break;
    case Call::write_word:
      op.tag = any_of<std::uint64_t>(
          {1, 1, 2, 0, ~std::uint64_t{0}, ~std::uint64_t{0} - 1, ~std::uint64_t{0} - 2});
      break;
    case Call::shutdown:
      op.n = any_of<std::uint32_t>({SHUT_RD, SHUT_WR, SHUT_WR, SHUT_RDWR});
      break;
    case Call::get_option:
      op.n = any_of<std::uint32_t>({SO_ERROR, SO_ERROR, SO_TYPE, SO_ACCEPTCONN});
      break;
    case Call::set_timer:
      op.n = below(static_cast<std::uint64_t>(Setting::invalid) + 1);
      break;
    default:
      break;
  }
}

void Generator::other(Operation& op) noexcept {
  switch (op.call) {
    case Call::dup3:
      op.a = one_in(4) ? any_variable() : target();
      op.b = one_in(3) ? any_variable() : target();
      op.data = one_in(2) ? 0 : O_CLOEXEC;
      if (op.a != op.b && variables_[op.a].open && op.actor == 0) {
        variables_[op.b] = variables_[op.a];
        forget(op.b);
      }
      break;
    case Call::close:
      op.a = one_in(10) ? any_variable() : one_in(8) ? variable(Thing::epoll) : target();
      if (op.actor == 0) {
        close(op.a);
      }
      break;
    case Call::wait:
      op.a = variable(Thing::epoll);
      op.n = one_in(300) ? 0 : one_in(3) ? 1 + below(kRoom) : static_cast<std::uint32_t>(kRoom);
      break;
    case Call::poll:
      op.a = one_in(4) ? variable(Thing::epoll) : target();
      op.n = any_of<std::uint32_t>(
          {EPOLLIN | EPOLLOUT | EPOLLRDHUP, EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLIN | EPOLLPRI});
      break;
    case Call::get_flags:
      op.a = target();
      op.n = one_in(2) ? F_GETFL : F_GETFD;
      break;
    case Call::set_cloexec:
      op.a = target();
      op.n = below(2);
      break;
    case Call::fork:
      if (children_ + 1U < kActors) {
        op.a = ++children_;
        lives_[op.a] = true;
      } else {
        op.call = Call::wait;
        op.a = variable(Thing::epoll);
        op.n = kRoom;
      }
      op.actor = 0;
      break;
    default:  // exit
      for (std::uint8_t child = 1; child <= children_; ++child) {
        if (lives_[child]) {
          lives_[child] = false;
          op.a = child;
          op.actor = 0;
          return;
        }
      }
      op.call = Call::wait;
      op.a = variable(Thing::epoll);
      op.n = kRoom;
      break;
  }
}

Operation Generator::step() noexcept {
  Operation op;
  for (std::uint8_t child = 1; child <= children_; ++child) {
    if (lives_[child] && one_in(6)) {
      op.actor = child;
    }
  }
  op.call = called_ && !one_in(4) ? Call::accept : next_call();
  if (op.call <= Call::dup_above) {
    op.actor = 0;  // what a child makes would be another thing in the parent's variable
    create(op);
  } else if (op.call == Call::ctl) {
    control(op);
  } else if (op.call == Call::read) {
    transfer(op);
    if (op.call <= Call::dup_above) {
      op.actor = 0;
    }
  } else {
    other(op);
  }
  return op;
}

History Generator::run(std::uint64_t seed) {
  History history{.seed = seed,
                  .theme = theme_,
                  .limit = one_in(16) ? static_cast<int>(8 + below(8)) : 100,
                  .operations = {}};
  const std::size_t length = 50 + random_.below(151);
  history.operations.reserve(length);
  // Something to begin with, so that the first steps are not all in vain.
  for (const Call first : {Call::epoll, Call::epoll, creation(), creation()}) {
    Operation op{.call = theme_ == Theme::tcp && first != Call::epoll ? Call::listen_tcp : first};
    create(op);
    history.operations.push_back(op);
  }
  while (history.operations.size() < length) {
    history.operations.push_back(step());
  }
  return history;
}

History generate(std::uint64_t seed, Theme theme) { return Generator(seed, theme).run(seed); }

}  // namespace vigil::differential
