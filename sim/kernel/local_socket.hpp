// LocalSocket: AF_UNIX. Streams, datagrams and sequenced packets; what is sent is in the peer's
// queue at once, and counts against the sender's buffer until it is read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "kernel/socket.hpp"
#include "net/segment.hpp"

namespace vigil::sim {

class LocalSocket final : public Socket {
 public:
  LocalSocket(Kernel& kernel, int its_type);
  ~LocalSocket() override;

  // socketpair(2).
  static void join(LocalSocket& one, LocalSocket& other) noexcept;

  std::uint32_t ready() const noexcept override;
  void closed() noexcept override;
  int bind(const sockaddr* name, socklen_t size) override;
  int connect(const sockaddr* name, socklen_t size) override;
  int listen(int backlog) override;
  int accept(Socket*& out) override;
  void accepted(Socket& out, bool taken) noexcept override;
  int shutdown(int how) noexcept override;
  int name(sockaddr_storage& out, NameOf which) const noexcept override;
  std::int64_t send(Parts& from, Message& message) override;
  std::int64_t receive(Parts& to, Message& message) noexcept override;
  int option(int level, int option, void* value) noexcept override;
  int queues(SocketQueues& out) const noexcept override;

  // The machine lost power.
  void vanish() noexcept;
  LocalSocket* next_local = nullptr;  // of the machine's
  LocalSocket* previous_local = nullptr;

 private:
  enum class State : std::uint8_t { closed, listening, established };
  struct Packet;
  int take_error() noexcept override;
  bool is_listening() const noexcept override { return state_ == State::listening; }
  bool keeps_peer() const noexcept { return type != SOCK_DGRAM; }
  int find(std::string_view name, LocalSocket*& out) const;
  int find_by_address(const sockaddr* address, socklen_t size, LocalSocket*& out) const;
  int bind_path(const std::string& path);
  int connect_stream(LocalSocket& listener);
  void set_peer(LocalSocket* other) noexcept;
  void release(bool unaccepted) noexcept;
  void leave_room_queue() noexcept;

  bool writable() const noexcept;
  bool queue_full() const noexcept { return packets_ > queue_limit_; }
  std::int64_t send_stream(Parts& from);
  std::int64_t send_packet(Parts& from, Message& message);
  int target(const Message& message, LocalSocket*& out);
  int hand_over(Parts& from, Message& message);
  void deliver(LocalSocket& to, Parts& from, std::size_t size, PassedFiles files);
  Packet* unlink_first() noexcept;
  void pop() noexcept;
  void give_back(Packet* packet) noexcept;
  void discard_first() noexcept;
  std::int64_t receive_stream(Parts& to, int flags) noexcept;
  std::int64_t receive_packet(Parts& to, Message& message, int flags) noexcept;
  static bool on_room(Waiter& waiter, std::uint32_t bits) noexcept;

  BlockPool& pool_;
  State state_ = State::closed;
  std::uint8_t closed_ways_ = 0;
  int error_ = 0;
  bool dead_ = false;            // its file is closed; who knows it as a peer keeps it
  LocalSocket* peer_ = nullptr;  // held
  std::string name_;             // as getsockname(2) tells it: a path, or 0 and an abstract name
  std::string key_;              // in LocalNames

  Packet* first_ = nullptr;  // to be read
  Packet* last_ = nullptr;
  std::size_t packets_ = 0;
  std::size_t queue_limit_;              // sk_max_ack_backlog: of packets, or of connections
  std::size_t charged_ = 0;              // what it sent and nobody has read yet
  LocalSocket* next_waiting_ = nullptr;  // connections that nobody accepted yet; each held
  LocalSocket* waiting_first_ = nullptr;
  LocalSocket* waiting_last_ = nullptr;
  WaitQueue room_;  // datagram senders that found the queue full
  struct RoomWaiter : Waiter {
    LocalSocket* socket = nullptr;
  };
  mutable RoomWaiter waits_for_room_;
};

}  // namespace vigil::sim
