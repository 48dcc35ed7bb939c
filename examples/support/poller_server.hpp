// What the two Poller examples share: their command line, a listening socket, and the line that
// says that it listens. A Poller waits and nothing else, so the sockets here are the system's own.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>

#include "vigil/poll/poller_error.hpp"

namespace example {

struct Options {
  std::string_view engine;  // empty: the best one here
  std::uint16_t port = 0;   // 0: any free one
};

// Ends the program with 0 after --help, with 2 after a wrong use.
inline Options parse(int argc, char** argv, const char* name, const char* what_it_does) {
  Options options;
  if (const char* engine = std::getenv("VIGIL_ENGINE")) {
    options.engine = engine;
  }
  const auto fail = [&](const char* why, std::string_view what) {
    std::fprintf(stderr, "%s: %s: %.*s. See %s --help.\n", name, why, static_cast<int>(what.size()),
                 what.data(), name);
    std::exit(2);
  };
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--help") {
      std::printf(
          "usage: %s [--engine NAME] [PORT]\n%s\n\n"
          "  --engine NAME  epoll, poll or select (default: $VIGIL_ENGINE, or the best one here)\n"
          "  PORT           listen on 127.0.0.1:PORT (default 0: any free port)\n",
          name, what_it_does);
      std::exit(0);
    }
    if (argument == "--engine") {
      if (++i == argc) {
        fail("a name must follow", argument);
      }
      options.engine = argv[i];
      continue;
    }
    const char* end = argument.data() + argument.size();
    const auto parsed = std::from_chars(argument.data(), end, options.port);
    if (parsed.ec != std::errc{} || parsed.ptr != end) {
      fail("neither an option nor a port", argument);
    }
  }
  return options;
}

// A listening socket on 127.0.0.1 that does not block, or -1 after a sentence on standard error.
inline int listen_on(std::uint16_t port, const char* name) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (listener < 0 || ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      ::bind(listener, generic, sizeof address) != 0 || ::listen(listener, SOMAXCONN) != 0) {
    std::fprintf(stderr, "%s: cannot listen on 127.0.0.1:%d: %s. Choose another port.\n", name,
                 int{port}, std::strerror(errno));
    return -1;
  }
  return listener;
}

// Says where it listens, once nothing is in the way of serving any more.
inline void announce(int listener) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  std::printf("listening on 127.0.0.1:%d\n", int{ntohs(address.sin_port)});
  std::fflush(stdout);
}

// Why there is no Poller, on standard error; the exit status: 2 for a wrong name, 1 otherwise.
inline int cannot_wait(const char* name, const Options& options, std::error_code why) {
  std::fprintf(stderr, "%s: cannot use the engine '%.*s': %s.\n", name,
               static_cast<int>(options.engine.size()), options.engine.data(),
               why.message().c_str());
  return why == vigil::PollerErrc::unknown_backend ? 2 : 1;
}

}  // namespace example
