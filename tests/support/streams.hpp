// Streams for tests: connected pairs, payloads that tell connections and requests apart, and peers
// that are plain blocking sockets of another thread.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <utility>

#include "tests/support/engine_fixture.hpp"
#include "vigil/coro/sleep.hpp"
#include "vigil/net/tcp.hpp"

namespace vigil::test {

// Bytes that no other connection, request or length repeats.
inline std::string payload(unsigned connection, unsigned request, std::size_t size) {
  std::string text = std::to_string(connection) + ":" + std::to_string(request) + ":";
  std::uint32_t state = connection * 2654435761u + request * 40503u + 12345u;
  while (text.size() < size) {
    state = state * 1664525u + 1013904223u;
    text.push_back(static_cast<char>('!' + (state >> 24) % 90));
  }
  text.resize(size);
  return text;
}

// A raw handle that is closed with its owner.
class Handle {
 public:
  explicit Handle(int handle) noexcept : handle_(handle) {}
  Handle(Handle&& other) noexcept : handle_(std::exchange(other.handle_, -1)) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Handle() { close(); }
  int get() const noexcept { return handle_; }
  void close() noexcept {
    if (handle_ >= 0) {
      ::close(std::exchange(handle_, -1));
    }
  }
  // Closing sends a reset.
  void reset() noexcept {
    const linger now{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(handle_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close();
  }
  bool write(const std::string& text) const noexcept {
    return ::send(handle_, text.data(), text.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(text.size());
  }
  // What is there now, at most `most`; blocks for the first byte.
  std::string read(std::size_t most = 65536) const {
    std::string text(most, '\0');
    const ssize_t got = ::recv(handle_, text.data(), most, 0);
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return text;
  }

 private:
  int handle_;
};

// A stream and the blocking socket at its other end.
class Ends {
 public:
  Ends(TcpStream ours, Handle theirs) noexcept : stream(std::move(ours)), peer(std::move(theirs)) {}
  TcpStream stream;
  Handle peer;
};

// Accepted, as servers do: what was adopted takes slower ways. `receive_buffer`: the peer's, where
// it is not to be the system's.
inline Task<Ends> make_ends(int receive_buffer = 0) {
  auto listener = TcpListener::listen(Address::loopback(0));
  EXPECT_TRUE(listener);
  Handle peer(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (receive_buffer != 0) {
    ::setsockopt(peer.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  }
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  at.sin_port = htons(listener->local_address()->port());
  EXPECT_EQ(::connect(peer.get(), reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
  auto stream = co_await listener->accept();
  EXPECT_TRUE(stream);
  co_return Ends(stream ? std::move(*stream) : TcpStream(), std::move(peer));
}

// Two streams of this loop, connected with each other; closed ones if it was cancelled meanwhile.
class Both {
 public:
  Both(TcpStream one, TcpStream other) noexcept : first(std::move(one)), second(std::move(other)) {}
  TcpStream first;
  TcpStream second;
};

inline Task<Both> make_both() {
  auto listener = TcpListener::listen(Address::loopback(0));
  EXPECT_TRUE(listener);
  auto connecting = TcpStream::connect(*listener->local_address());
  auto first = co_await std::move(connecting);
  auto second = co_await listener->accept();
  if (!first || !second) {
    EXPECT_EQ((second ? first : second).error(), std::errc::operation_canceled);
    co_return Both(TcpStream(), TcpStream());
  }
  co_return Both(std::move(*first), std::move(*second));
}

// Receives exactly `size` bytes, or fewer if the peer ends.
inline Task<std::string> receive_exactly(TcpStream& stream, std::size_t size) {
  std::string text;
  while (text.size() < size) {
    auto bytes = co_await stream.receive();
    if (!bytes || bytes->empty()) {
      break;
    }
    text.append(as_text(bytes->bytes()));
  }
  co_return text;
}

}  // namespace vigil::test
