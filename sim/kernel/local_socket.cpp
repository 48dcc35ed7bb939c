// The life of an AF_UNIX socket: names, connections, ends (net/unix/af_unix.c).
#include "kernel/local_socket.hpp"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "kernel/file_system.hpp"
#include "kernel/file_system_disk.hpp"
#include "kernel/file_system_path.hpp"
#include "kernel/file_system_watch.hpp"
#include "kernel/local_packet.hpp"
#include "kernel/sockets.hpp"
#include "net/wires.hpp"

namespace vigil::sim {
namespace {

constexpr std::size_t kPath = offsetof(sockaddr_un, sun_path);
constexpr std::size_t kDatagrams = 10;  // net.unix.max_dgram_qlen

// Under which name LocalNames knows the socket of an inode: names may change, inodes stay.
std::string key_of(const Inode& inode) { return "inode " + std::to_string(inode.serial); }

// The name in `out` is a path, or 0 and an abstract name.
int parse(const sockaddr* address, socklen_t size, std::string& out) {
  if (size <= kPath || size > sizeof(sockaddr_un) || address->sa_family != AF_UNIX) {
    return -EINVAL;
  }
  const auto* bytes = reinterpret_cast<const char*>(address) + kPath;
  out.assign(bytes, size - kPath);
  if (out.front() != '\0') {
    out.resize(std::min(out.find('\0'), out.size()));
  }
  return 0;
}

}  // namespace

LocalSocket::LocalSocket(Kernel& kernel, int its_type)
    : Socket(kernel, AF_UNIX, its_type, 0),
      pool_(kernel.network().wires().pool),
      queue_limit_(kDatagrams) {
  kernel_.sockets().add(*this);
}

LocalSocket::~LocalSocket() {
  release(false);
  kernel_.sockets().remove(*this);
}

void LocalSocket::join(LocalSocket& one, LocalSocket& other) noexcept {
  one.set_peer(&other);
  other.set_peer(&one);
  one.state_ = State::established;
  other.state_ = State::established;
}

void LocalSocket::set_peer(LocalSocket* other) noexcept {
  if (other != nullptr) {
    other->hold();
  }
  leave_room_queue();
  if (LocalSocket* before = std::exchange(peer_, other); before != nullptr) {
    before->drop();
  }
}

// ---- Names. ----

int LocalSocket::bind_path(const std::string& path) {
  Disk& disk = kernel_.files().disk();
  Place place;
  if (const int failed = find_place(disk.root(), path, LastLink::keep, place); failed != 0) {
    return failed;
  }
  if (place.inode || place.last != Place::Last::name) {
    return -EADDRINUSE;
  }
  if (place.slash) {
    return -ENOENT;
  }
  const InodeRef made = disk.make(S_IFSOCK | 0755);
  if (!made) {
    return -ENOSPC;
  }
  disk.link(*place.directory, place.name, *made);
  entry_changed(*place.directory, place.name, *made, IN_CREATE);
  key_ = key_of(*made);
  return 0;
}

int LocalSocket::bind(const sockaddr* name, socklen_t size) {
  std::string wanted;
  const bool any = size == sizeof(sa_family_t) && name->sa_family == AF_UNIX;
  if (any) {
    if (!name_.empty()) {
      return 0;
    }
    wanted = kernel_.sockets().names().fresh();
  } else if (const int failed = parse(name, size, wanted); failed != 0) {
    return failed;
  }
  if (!name_.empty()) {
    return -EINVAL;
  }
  if (wanted.front() != '\0') {
    if (const int failed = bind_path(wanted); failed != 0) {
      return failed;
    }
  } else {
    key_ = wanted;
  }
  if (!kernel_.sockets().names().add(key_, *this)) {
    return -EADDRINUSE;
  }
  name_ = std::move(wanted);
  return 0;
}

int LocalSocket::find(std::string_view name, LocalSocket*& out) const {
  std::string key(name);
  if (key.front() != '\0') {
    Place place;
    const int failed = find_place(kernel_.files().disk().root(), name, LastLink::follow, place);
    if (failed != 0) {
      return failed;
    }
    if (!place.inode) {
      return -ENOENT;
    }
    key = place.inode->is(S_IFSOCK) ? key_of(*place.inode) : std::string(1, '\0');
  }
  out = kernel_.sockets().names().find(key);
  if (out == nullptr) {
    return -ECONNREFUSED;
  }
  return out->type == type ? 0 : -EPROTOTYPE;
}

int LocalSocket::find_by_address(const sockaddr* address, socklen_t size, LocalSocket*& out) const {
  std::string name;
  const int failed = parse(address, size, name);
  return failed != 0 ? failed : find(name, out);
}

int LocalSocket::name(sockaddr_storage& out, NameOf which) const noexcept {
  const bool of_peer = which != NameOf::itself;
  if (of_peer && peer_ == nullptr) {
    return -ENOTCONN;
  }
  const std::string& text = of_peer ? peer_->name_ : name_;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, text.data(), std::min(text.size(), sizeof address.sun_path));
  std::memcpy(&out, &address, sizeof address);
  const bool path = !text.empty() && text.front() != '\0';
  return static_cast<int>(text.empty() ? sizeof(sa_family_t)
                                       : kPath + text.size() + (path ? 1 : 0));
}

// ---- Connections. ----

int LocalSocket::listen(int backlog) {
  if (type == SOCK_DGRAM) {
    return -EOPNOTSUPP;
  }
  if (name_.empty() || (state_ != State::closed && state_ != State::listening)) {
    return -EINVAL;
  }
  const auto wanted = static_cast<unsigned>(backlog);
  queue_limit_ = std::min(wanted, static_cast<unsigned>(kernel_.limits().backlog));
  state_ = State::listening;
  return 0;
}

int LocalSocket::connect(const sockaddr* name, socklen_t size) {
  if (type == SOCK_DGRAM && size >= sizeof(sa_family_t) && name->sa_family == AF_UNSPEC) {
    set_peer(nullptr);
    state_ = State::closed;
    return 0;
  }
  LocalSocket* other = nullptr;
  if (const int failed = find_by_address(name, size, other); failed != 0) {
    return failed;
  }
  if (type != SOCK_DGRAM) {
    return connect_stream(*other);
  }
  if (other->peer_ != nullptr && other->peer_ != this) {
    return -EPERM;
  }
  set_peer(other);
  state_ = State::established;
  return 0;
}

// The other end is there at once, and waits to be accepted.
int LocalSocket::connect_stream(LocalSocket& listener) {
  if (listener.state_ != State::listening || (listener.closed_ways_ & 1) != 0) {
    return -ECONNREFUSED;
  }
  if (listener.queue_full()) {
    return -EAGAIN;
  }
  if (state_ != State::closed) {
    return state_ == State::established ? -EISCONN : -EINVAL;
  }
  auto* child = new LocalSocket(kernel_, type);
  child->hold();  // until it is accepted
  child->name_ = listener.name_;
  child->queue_limit_ = listener.queue_limit_;
  join(*this, *child);
  child->next_waiting_ = nullptr;
  (listener.waiting_last_ != nullptr ? listener.waiting_last_->next_waiting_
                                     : listener.waiting_first_) = child;
  listener.waiting_last_ = child;
  ++listener.packets_;
  kernel_.tracer().note(kernel_.id(), "connect", serial(), child->serial());
  listener.queue().wake(kArrived);
  return 0;
}

int LocalSocket::accept(Socket*& out) {
  if (type == SOCK_DGRAM) {
    return -EOPNOTSUPP;
  }
  if (state_ != State::listening) {
    return -EINVAL;
  }
  if (waiting_first_ == nullptr) {
    return (closed_ways_ & 1) != 0 ? -EINVAL : -EAGAIN;
  }
  const bool aborted = kernel_.weather().strikes(Fault::aborted_accept, kernel_.id());
  out = waiting_first_;
  if (aborted) {
    LocalSocket* child = waiting_first_;
    child->hold();
    accepted(*child, true);
    child->release(true);
    child->drop();
    out = nullptr;
    return -ECONNABORTED;
  }
  out->hold();  // the caller's
  return 0;
}

void LocalSocket::accepted(Socket& out, bool taken) noexcept {
  if (!taken) {
    return;
  }
  waiting_first_ = static_cast<LocalSocket&>(out).next_waiting_;
  if (waiting_first_ == nullptr) {
    waiting_last_ = nullptr;
  }
  --packets_;
  out.drop();  // the queue's
}

// ---- Ends. ----

int LocalSocket::shutdown(int how) noexcept {
  if (how < SHUT_RD || how > SHUT_RDWR) {
    return -EINVAL;
  }
  const auto ways = static_cast<std::uint8_t>(how + 1);
  closed_ways_ |= ways;
  queue().wake(0);
  if (peer_ != nullptr && keeps_peer()) {
    peer_->closed_ways_ |= static_cast<std::uint8_t>((ways & 1) << 1 | ways >> 1);
    peer_->queue().wake(0);
  }
  return 0;
}

void LocalSocket::closed() noexcept { release(false); }

// unix_release_sock(). `unaccepted`: nobody ever had it.
void LocalSocket::release(bool unaccepted) noexcept {
  if (std::exchange(dead_, true)) {
    return;
  }
  kernel_.sockets().names().remove(key_, *this);
  const State before = std::exchange(state_, State::closed);
  closed_ways_ = 3;
  room_.wake_all(kWritable | kWrNorm | kWrBand);
  if (peer_ != nullptr && keeps_peer()) {
    peer_->closed_ways_ = 3;
    if (first_ != nullptr || unaccepted) {
      peer_->error_ = ECONNRESET;
    }
    peer_->queue().wake(0);
  }
  set_peer(nullptr);
  while (before == State::listening && waiting_first_ != nullptr) {
    LocalSocket* child = waiting_first_;
    waiting_first_ = child->next_waiting_;
    child->release(true);
    child->drop();
  }
  while (first_ != nullptr) {
    pop();
  }
}

void LocalSocket::vanish() noexcept {
  dead_ = true;
  state_ = State::closed;
  closed_ways_ = 3;
  set_peer(nullptr);
  while (waiting_first_ != nullptr) {
    LocalSocket* child = waiting_first_;
    waiting_first_ = child->next_waiting_;
    child->drop();
  }
  while (first_ != nullptr) {
    discard_first();
  }
}

int LocalSocket::option(int level, int option, void* value) noexcept {
  if (level == SOL_SOCKET && option == SO_PEERCRED) {
    const ucred who{.pid = 0, .uid = 0, .gid = 0};
    std::memcpy(value, &who, sizeof who);
    return sizeof who;
  }
  return Socket::option(level, option, value);
}

}  // namespace vigil::sim
