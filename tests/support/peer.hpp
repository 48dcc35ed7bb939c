// A client on a plain socket, byte by byte: what it sends, when it stops, how it leaves is the
// test's choice. Every wait has a deadline.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace vigil::test {

class Peer {
 public:
  // What came of one answer.
  struct Answer {
    int status = 0;  // 0: the head is not whole
    std::string head;
    std::string body;
    bool whole = false;  // as long as Content-Length says
  };

  explicit Peer(std::uint16_t port, int receive_buffer = 0)
      : handle_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    EXPECT_GE(handle_, 0) << std::strerror(errno);
    if (receive_buffer != 0) {
      ::setsockopt(handle_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(handle_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    const int on = 1;
    ::setsockopt(handle_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  // Of a Unix socket.
  explicit Peer(const std::string& path)
      : handle_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    EXPECT_GE(handle_, 0) << std::strerror(errno);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    connected_ = ::connect(handle_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  Peer(Peer&& other) noexcept
      : handle_(std::exchange(other.handle_, -1)),
        connected_(other.connected_),
        text_(std::move(other.text_)) {}
  Peer& operator=(Peer&&) = delete;
  ~Peer() { close(); }

  bool connected() const { return connected_; }
  int handle() const { return handle_; }
  void close() {
    if (handle_ >= 0) {
      ::close(std::exchange(handle_, -1));
    }
  }
  // Leaves with a reset.
  void reset() {
    const linger hard{1, 0};
    ::setsockopt(handle_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close();
  }
  void end_writing() const { ::shutdown(handle_, SHUT_WR); }

  // False if the connection is over.
  bool send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(handle_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno != EINTR) {
        return false;
      }
      bytes.remove_prefix(sent > 0 ? static_cast<std::size_t>(sent) : 0);
    }
    return true;
  }
  // As much as there is room for now.
  std::size_t send_some(std::string_view bytes) const {
    const ssize_t sent = ::send(handle_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent > 0 ? static_cast<std::size_t>(sent) : 0;
  }

  // Exactly `size` bytes, or what came of them before the end or the deadline.
  std::string read(std::size_t size, std::chrono::milliseconds at_most = std::chrono::seconds(20)) {
    const auto until = Clock::now() + at_most;
    while (text_.size() < size && more(until)) {
    }
    std::string taken = text_.substr(0, size);
    text_.erase(0, taken.size());
    return taken;
  }
  // All until the connection ends; `ended` says whether it did, by whatever means.
  std::string read_to_end(bool* ended = nullptr,
                          std::chrono::milliseconds at_most = std::chrono::seconds(20)) {
    const auto until = Clock::now() + at_most;
    while (more(until)) {
    }
    if (ended != nullptr) {
      *ended = over_;
    }
    return std::exchange(text_, {});
  }
  Answer answer(std::chrono::milliseconds at_most = std::chrono::seconds(20)) {
    const auto until = Clock::now() + at_most;
    Answer answer;
    std::size_t end = 0;
    while ((end = text_.find("\r\n\r\n")) == std::string::npos) {
      if (!more(until)) {
        return answer;
      }
    }
    answer.head = text_.substr(0, end + 4);
    text_.erase(0, end + 4);
    answer.status = std::atoi(answer.head.c_str() + 9);
    const std::size_t at = answer.head.find("Content-Length: ");
    const std::size_t size =
        at == std::string::npos ? 0 : std::strtoull(answer.head.c_str() + at + 16, nullptr, 10);
    while (text_.size() < size && more(until)) {
    }
    answer.whole = text_.size() >= size;
    answer.body = text_.substr(0, size);
    text_.erase(0, answer.body.size());
    return answer;
  }
  Answer get(std::string_view target, std::string_view fields = {}) {
    send("GET " + std::string(target) + " HTTP/1.1\r\nHost: test\r\n" + std::string(fields) +
         "\r\n");
    return answer();
  }
  // Sends `text` to an echo, and compares what comes back.
  bool echoes(const std::string& text,
              std::chrono::milliseconds at_most = std::chrono::seconds(20)) {
    return send(text) && read(text.size(), at_most) == text;
  }

 private:
  using Clock = std::chrono::steady_clock;

  bool more(Clock::time_point until) {
    pollfd entry{handle_, POLLIN, 0};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    if (over_ || ::poll(&entry, 1, static_cast<int>(std::max<std::int64_t>(left, 0))) <= 0) {
      return false;
    }
    char buffer[65536];
    const ssize_t size = ::recv(handle_, buffer, sizeof buffer, 0);
    over_ = size <= 0;
    text_.append(buffer, size > 0 ? static_cast<std::size_t>(size) : 0);
    return !over_;
  }

  int handle_;
  bool connected_ = false;
  bool over_ = false;
  std::string text_;
};

}  // namespace vigil::test
