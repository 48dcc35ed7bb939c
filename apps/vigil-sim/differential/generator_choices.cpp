// What a history does next, and to what.
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include <ctime>
#include <utility>

#include "differential/generator.hpp"

namespace vigil::differential {

Call Generator::pick(std::initializer_list<Weight> weights) noexcept {
  unsigned sum = 0;
  for (const Weight& each : weights) {
    sum += each.weight;
  }
  auto at = static_cast<unsigned>(random_.below(sum));
  for (const Weight& each : weights) {
    if (at < each.weight) {
      return each.call;
    }
    at -= each.weight;
  }
  return Call::wait;
}

Call Generator::creation() noexcept {
  switch (theme_) {
    case Theme::pipes:
      return Call::pipe;
    case Theme::local_sockets:
      return Call::socketpair;
    case Theme::tcp:
      return pick({{Call::listen_tcp, 1}, {Call::connect_tcp, 8}, {Call::accept, 1}});
    case Theme::udp:
      return Call::udp_pair;
    case Theme::events:
      return Call::eventfd;
    case Theme::timers:
      return Call::timerfd;
    case Theme::nesting:
      return pick({{Call::epoll, 6}, {Call::eventfd, 2}, {Call::pipe, 1}, {Call::socketpair, 1}});
    case Theme::mixed:
      break;
  }
  return pick({{Call::pipe, 3},
               {Call::socketpair, 3},
               {Call::listen_tcp, 1},
               {Call::connect_tcp, 1},
               {Call::accept, 2},
               {Call::udp_pair, 1},
               {Call::eventfd, 3},
               {Call::timerfd, 2},
               {Call::directory, 1}});
}

Call Generator::next_call() noexcept {
  const Call call =
      pick({{Call::epoll, theme_ == Theme::nesting ? 4U : 2U},
            {Call::pipe, 7},  // stands for what the theme creates
            {Call::dup, 2},
            {Call::dup_above, 1},
            {Call::dup3, 2},
            {Call::close, 6},
            {Call::ctl, 26},
            {Call::wait, 24},
            {Call::poll, 4},
            {Call::read, 24},  // stands for input and output
            {Call::get_flags, 1},
            {Call::set_cloexec, 1},
            {Call::fork, theme_ == Theme::mixed || theme_ == Theme::nesting ? 1U : 0U},
            {Call::exit, 1}});
  return call == Call::pipe ? creation() : call;
}

Call Generator::input_output(Thing thing) noexcept {
  switch (thing) {
    case Thing::event:
      return pick({{Call::read, 5}, {Call::write_word, 8}, {Call::write, 1}});
    case Thing::timer:
      return pick({{Call::read, 6}, {Call::set_timer, 10}, {Call::get_timer, 2}, {Call::write, 1}});
    case Thing::pipe_out:
      return pick({{Call::read, 16}, {Call::readv, 3}, {Call::write, 1}});
    case Thing::pipe_in:
      return pick({{Call::write, 16}, {Call::writev, 3}, {Call::read, 1}});
    case Thing::local_stream:
    case Thing::local_packet:
    case Thing::tcp:
    case Thing::udp:
      return pick({{Call::read, 3},
                   {Call::write, 4},
                   {Call::recv, 4},
                   {Call::send, 4},
                   {Call::readv, 1},
                   {Call::writev, 1},
                   {Call::shutdown, 1},
                   {Call::linger, 1},
                   {Call::get_option, 1}});
    case Thing::listener:
      return pick({{Call::accept, 3}, {Call::read, 1}, {Call::shutdown, 1}, {Call::get_option, 1}});
    default:
      return pick({{Call::read, 2}, {Call::write, 2}, {Call::recv, 1}});
  }
}

std::uint8_t Generator::any_variable() noexcept {
  return static_cast<std::uint8_t>(random_.below(kVariables));
}

std::uint8_t Generator::variable(Thing thing) noexcept {
  if (!one_in(30)) {
    std::array<std::uint8_t, kVariables> fitting{};
    std::size_t count = 0;
    for (std::uint8_t i = 0; i < kVariables; ++i) {
      if (variables_[i].open && variables_[i].thing == thing) {
        fitting[count++] = i;
      }
    }
    if (count != 0) {
      return fitting[random_.below(count)];
    }
  }
  return any_variable();
}

// Something to watch or to use: open, mostly, and no queue, mostly.
std::uint8_t Generator::target() noexcept {
  std::array<std::uint8_t, kVariables> fitting{};
  std::size_t count = 0;
  const bool queues = one_in(theme_ == Theme::nesting ? 2 : 16);
  for (std::uint8_t i = 0; i < kVariables; ++i) {
    if (variables_[i].open && (variables_[i].thing == Thing::epoll) == queues) {
      fitting[count++] = i;
    }
  }
  return count == 0 || one_in(25) ? any_variable() : fitting[random_.below(count)];
}

std::uint32_t Generator::interest(Thing thing) noexcept {
  std::uint32_t events = 0;
  for (const std::uint32_t bit : {EPOLLIN, EPOLLOUT, EPOLLRDHUP}) {
    events |= one_in(2) ? bit : 0;
  }
  for (const std::uint32_t bit : {EPOLLPRI, EPOLLERR, EPOLLHUP}) {
    events |= one_in(12) ? bit : 0;
  }
  if (thing == Thing::epoll || thing == Thing::listener || thing == Thing::timer) {
    events |= one_in(8) ? 0U : EPOLLIN;
  }
  events |= one_in(3) ? std::uint32_t{EPOLLET} : 0;
  events |= one_in(5) ? std::uint32_t{EPOLLONESHOT} : 0;
  if (one_in(8)) {
    events |= EPOLLEXCLUSIVE;
    events &= one_in(6) ? ~0U : ~static_cast<std::uint32_t>(EPOLLONESHOT | EPOLLPRI | EPOLLRDHUP);
  }
  return events;
}

std::uint32_t Generator::size(Thing thing) noexcept {
  if (thing == Thing::pipe_out || thing == Thing::pipe_in) {
    return one_in(4) ? any_of<std::uint32_t>({0, 4095, 4096, 4097, 8192, 10'000, 65'536, 70'000})
                     : 1 + below(200);
  }
  if (thing == Thing::event || thing == Thing::timer) {
    return one_in(300) ? 16 : any_of<std::uint32_t>({8, 8, 8, 8, 8, 7, 0});
  }
  return one_in(12) ? any_of<std::uint32_t>({0, 1, 900}) : 1 + below(100);
}

void Generator::hold(std::uint8_t variable, Thing thing, std::uint16_t socket) noexcept {
  variables_[variable] = {thing, true, socket};
  forget(variable);
}

void Generator::forget(std::uint8_t variable) noexcept {
  for (std::size_t i = 0; i < kVariables; ++i) {
    watched_[variable][i] = false;
    watched_[i][variable] = false;
  }
}

void Generator::close(std::uint8_t variable) noexcept {
  variables_[variable].open = false;
  forget(variable);
}

// Whether one more send leaves the buffers of what it goes through small.
bool Generator::may_send(const Variable& from) noexcept {
  switch (from.thing) {
    case Thing::local_stream:
    case Thing::tcp:
      return ++sent_[from.socket % sent_.size()] <= kMostSends;
    case Thing::local_packet:
    case Thing::udp:
      return ++sent_[from.socket % sent_.size()] <= kMostPackets;
    default:
      return true;
  }
}

}  // namespace vigil::differential
