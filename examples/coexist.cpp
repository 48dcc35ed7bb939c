// A vigil loop inside a loop that is not vigil's: here poll(2), in your program GLib, Qt or a game.
// The foreign loop waits for everything; vigil adds one descriptor to it and says when to look
// again.
//
// It serves echo, and counts seconds by itself; the line "quit" on standard input ends it.
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <string_view>

#include "support/command_line.hpp"
#include "vigil/vigil.hpp"

namespace {

vigil::Task<> echo(vigil::TcpStream peer) {
  while (auto bytes = co_await peer.receive()) {
    if (bytes->empty() || !co_await peer.send(bytes->bytes())) {
      break;
    }
  }
}

vigil::Task<> serve(vigil::TcpListener* listener) {
  auto serving = vigil::serve(*listener, {}, echo);
  static_cast<void>(co_await std::move(serving));
}

// Milliseconds for poll(2), rounded up: vigil's timers are never early.
int time_left(const vigil::Loop& loop) {
  return vigil::ceil_milliseconds(vigil::until(loop.next(), loop.engine().now()));
}

// The foreign loop. Its own affairs are standard input and a signal.
void poll_until_told_to_end(vigil::Loop& loop, int signals) {
  std::array<pollfd, 3> watched{{{loop.handle(), POLLIN, 0}, {signals, POLLIN, 0}, {0, POLLIN, 0}}};
  for (;;) {
    if (::poll(watched.data(), watched.size(), time_left(loop)) < 0) {
      return;
    }
    loop.turn(vigil::Instant{});  // does what is ready, and does not wait
    if (watched[1].revents != 0) {
      return;
    }
    if (watched[2].revents != 0) {
      std::array<char, 256> line{};
      const ssize_t got = ::read(0, line.data(), line.size());
      if (got <= 0) {
        watched[2].fd = -1;  // nobody types any more
      } else if (std::string_view(line.data(), static_cast<std::size_t>(got)).starts_with("quit")) {
        return;
      }
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const auto line =
      example::parse(argc, argv, "coexist", "Serves echo from inside a poll(2) loop.");
  auto options = line.program.loop;
  if (const char* engine = std::getenv("VIGIL_ENGINE");
      engine != nullptr && options.engine == "auto") {
    options.engine = engine;
  }
  sigset_t ends;
  ::sigemptyset(&ends);
  ::sigaddset(&ends, SIGTERM);
  ::sigaddset(&ends, SIGINT);
  ::sigprocmask(SIG_BLOCK, &ends, nullptr);
  const int signals = ::signalfd(-1, &ends, SFD_CLOEXEC);

  auto loop = vigil::Loop::create(options);
  if (!loop && loop.error() == std::errc::invalid_argument) {
    std::fprintf(stderr, "coexist: there is no engine \"%s\". Choose one of: auto, %s.\n",
                 options.engine.c_str(), vigil::engines().c_str());
    return 2;
  }
  if (!loop || !(*loop)->engine().traits().pollable) {
    std::fprintf(stderr, "coexist: the engine \"%s\" cannot live in another loop: %s.\n",
                 options.engine.c_str(),
                 loop ? "it is no descriptor; choose epoll" : vigil::reason(loop.error()).c_str());
    return 1;
  }
  const auto address = vigil::Address::loopback(line.port);
  auto listener = vigil::TcpListener::listen(address);
  if (!listener) {
    std::fprintf(stderr, "coexist: %s\n", vigil::cannot_listen(address, listener.error()).c_str());
    return 1;
  }
  std::printf("listening on %s\n", listener->local_address()->text().c_str());
  std::fflush(stdout);

  vigil::Scope tasks(nullptr);
  if (tasks.spawn(serve, &*listener)) {
    poll_until_told_to_end(**loop, signals);
  }
  tasks.cancel();
  while (tasks.live() != 0) {
    (*loop)->turn();
  }
  listener->close();
  ::close(signals);
  return 0;
}
