// Descriptors for tests: owned, connected in pairs, and without sleeping: what one end does, the
// other sees at once.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <string_view>
#include <utility>

namespace vigil::test {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int handle) : handle_(handle) { EXPECT_GE(handle, 0); }
  Fd(Fd&& other) noexcept : handle_(std::exchange(other.handle_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Fd() { reset(); }

  int get() const { return handle_; }
  int release() { return std::exchange(handle_, -1); }
  void reset() {
    if (handle_ >= 0) {
      ::close(std::exchange(handle_, -1));
    }
  }

 private:
  int handle_ = -1;
};

struct Pair {
  Fd ours;
  Fd theirs;
};

// Unix stream sockets that do not block.
inline Pair socket_pair(int type = SOCK_STREAM) {
  int both[2] = {-1, -1};
  EXPECT_EQ(::socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, both), 0);
  return {Fd(both[0]), Fd(both[1])};
}

struct Pipe {
  Fd reader;
  Fd writer;
};

inline Pipe make_pipe() {
  int both[2] = {-1, -1};
  EXPECT_EQ(::pipe2(both, O_NONBLOCK | O_CLOEXEC), 0);
  return {Fd(both[0]), Fd(both[1])};
}

// A listener on a free port of 127.0.0.1.
inline Fd tcp_listener(sockaddr_in& address) {
  Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::listen(listener.get(), 64), 0);
  EXPECT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  return listener;
}

// A connected client that blocks while it connects, and not afterwards.
inline Fd tcp_connect(const sockaddr_in& address) {
  Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
            0);
  EXPECT_EQ(::fcntl(client.get(), F_SETFL, O_NONBLOCK), 0);
  return client;
}

inline Pair tcp_pair() {
  sockaddr_in address;
  const Fd listener = tcp_listener(address);
  Fd client = tcp_connect(address);
  return {Fd(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)),
          std::move(client)};
}

// close() on it sends a reset.
inline void reset_on_close(const Fd& socket) {
  const linger now{1, 0};
  EXPECT_EQ(::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
}

inline void put(const Fd& to, std::string_view text) {
  EXPECT_EQ(::write(to.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
}

// Reads until it would block or ends.
inline std::string drain(const Fd& from) {
  std::string all;
  char some[4096];
  for (;;) {
    const ssize_t got = ::read(from.get(), some, sizeof some);
    if (got <= 0) {
      return all;
    }
    all.append(some, static_cast<std::size_t>(got));
  }
}

// Writes until it would block; the number of bytes.
inline std::size_t fill(const Fd& to) {
  const std::string block(4096, '.');
  std::size_t all = 0;
  for (;;) {
    const ssize_t put = ::write(to.get(), block.data(), block.size());
    if (put <= 0) {
      return all;
    }
    all += static_cast<std::size_t>(put);
  }
}

// Raises the soft limit of descriptors to `wanted`; false if the hard limit does not allow it.
inline bool allow_descriptors(rlim_t wanted) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur >= wanted) {
    return true;
  }
  if (limit.rlim_max < wanted) {
    return false;
  }
  limit.rlim_cur = wanted;
  return ::setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

}  // namespace vigil::test
