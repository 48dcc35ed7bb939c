// Socket: what is common to all sockets: the calls as Process makes them, and their options.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "kernel/file.hpp"
#include "kernel/parts.hpp"
#include "vigil/loop/arguments.hpp"

namespace vigil::sim {

// Of the writable bits, what datagrams and AF_UNIX report beside the others.
inline constexpr std::uint32_t kWrBand = 0x200;
// What those who wait are told when something arrived: sock_def_readable().
inline constexpr std::uint32_t kArrived = kReadable | kPriority | kRdNorm | 0x080;

// Open files under way from one process to another (SCM_RIGHTS): each has a handle's reference.
class PassedFiles {
 public:
  PassedFiles() noexcept = default;
  PassedFiles(PassedFiles&& other) noexcept : all_(std::exchange(other.all_, {})) {}
  PassedFiles& operator=(PassedFiles&& other) noexcept {
    all_.swap(other.all_);
    return *this;
  }
  ~PassedFiles() {
    for (File* file : all_) {
      file->drop_handle();
    }
  }

  void add(File& file) {
    all_.push_back(&file);
    file.hold_handle();
  }
  const std::vector<File*>& all() const noexcept { return all_; }

 private:
  std::vector<File*> all_;
};

// A name to send to, or the one that something came from, and what the call says beside its bytes.
struct Message {
  const sockaddr* to = nullptr;  // null: the connected one
  socklen_t to_size = 0;
  sockaddr_storage* from = nullptr;  // null: it is not asked for
  socklen_t from_size = 0;           // 0: it has none
  int flags = 0;                     // MSG_PEEK ...; of a receipt, afterwards: MSG_TRUNC ...
  PassedFiles files;                 // that go with it, or came
};

// Whose name is asked for. That of an accepted connection's peer is known though it was reset.
enum class NameOf : std::uint8_t { itself, peer, accepted };

// Results are >= 0 or -errno.
class Socket : public File {
 public:
  Socket(Kernel& kernel, int its_family, int its_type, int its_protocol) noexcept;

  virtual int bind(const sockaddr* name, socklen_t size) = 0;
  virtual int connect(const sockaddr* name, socklen_t size) = 0;
  virtual int listen(int /*backlog*/) { return -EOPNOTSUPP; }
  // The socket of the first connection that waits, which waits on until accepted() says that it has
  // a number; with a reference for the caller.
  virtual int accept(Socket*& /*out*/) { return -EOPNOTSUPP; }
  virtual void accepted(Socket& /*out*/, bool /*taken*/) noexcept {}
  virtual int shutdown(int how) noexcept = 0;
  // The name's size.
  virtual int name(sockaddr_storage& out, NameOf which) const noexcept = 0;
  virtual std::int64_t send(Parts& from, Message& message) = 0;
  virtual std::int64_t receive(Parts& to, Message& message) noexcept = 0;
  virtual int set_option(int level, int option, const void* value, socklen_t size) noexcept;
  // Into `value`, which has room for 16 bytes; the size, or -errno.
  virtual int option(int level, int option, void* value) noexcept;
  // What SIOCINQ, SIOCOUTQ and TCP_INFO tell.
  virtual int queues(SocketQueues& /*out*/) const noexcept { return -EOPNOTSUPP; }

  Socket* socket() noexcept final { return this; }
  std::int64_t read(std::span<std::byte> to) noexcept override;
  std::int64_t write(std::span<const std::byte> from) noexcept override;

  const int family;
  const int type;
  const int protocol;

 protected:
  virtual int take_error() noexcept { return 0; }
  virtual bool is_listening() const noexcept { return false; }
  // The options changed; Linux doubles the sizes that were asked for.
  virtual void options_changed() {}

  int send_room_;  // SO_SNDBUF as getsockopt tells it; 0: never set
  int receive_room_;
  bool reuse_address_ = false;
  bool reuse_port_ = false;
  bool keep_alive_ = false;
  bool broadcast_ = false;
  bool lingers_ = false;
  int linger_seconds_ = 0;
};

}  // namespace vigil::sim
