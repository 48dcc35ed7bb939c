// What the rarer operations carry: Op::data points at one of these. Plain data, the same on every
// system.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

#include "vigil/base/handle.hpp"
#include "vigil/base/time.hpp"

namespace vigil {

// The name of a socket: what net::Address wraps, and Syscalls turns into a sockaddr.
struct SocketName {
  enum class Family : std::uint8_t { none, ipv4, ipv6, local };
  Family family = Family::none;
  std::uint8_t path_size = 0;  // local: bytes of `path`; abstract names begin with a zero byte
  std::uint16_t port = 0;      // in the program's byte order
  std::uint32_t zone = 0;      // ipv6: the interface of a link-local address
  std::array<std::uint8_t, 16> ip{};  // network order; ipv4 uses the first four
  std::array<char, 108> path{};
};

// Opcode::open_socket: socket(2), its options, bind(2) and listen(2) as asked. The result is the
// handle.
struct SocketArgs {
  SocketName name;        // bound to it, unless `bind` is false (then only its family counts)
  bool datagram = false;  // else a stream
  bool bind = false;
  bool listen = false;
  bool reuse_address = true;  // bound: SO_REUSEADDR
  bool reuse_port = false;
  bool only_ipv6 = false;
  std::uint32_t mode = 0;  // of a local path that is bound: chmod(2); 0: as the umask says
  int backlog = 4096;      // the system's own limit may be lower (net.core.somaxconn)
};

// Opcode::accept: the new handle is the result; `peer` is filled if it is not null.
struct AcceptArgs {
  SocketName* peer = nullptr;
};

// Opcode::receive_from and send_to. The result is the byte count; a datagram that was cut is told
// by `truncated`.
struct Datagram {
  // Handles in one datagram: what Linux lets pass (SCM_MAX_FD, unix(7)).
  static constexpr std::size_t kMostHandles = 253;

  std::byte* data = nullptr;
  std::size_t size = 0;
  SocketName* peer = nullptr;
  // Of a local socket. send_to: open handles that go with it, and stay the sender's. receive_from:
  // room for such, and afterwards those that came, which are the receiver's to close, and closed
  // on exec.
  std::span<NativeHandle> handles = {};
  bool truncated = false;
  bool handles_lost = false;  // more came than there was room for: they are closed
};

// Opcode::socket_pair: two connected local sockets of messages (SOCK_SEQPACKET), close-on-exec.
struct SocketPairArgs {
  NativeHandle one = kNoHandle;
  NativeHandle other = kNoHandle;
};

// Opcode::send_many: the spans are consumed from the front as they are written.
struct SendMany {
  std::span<std::span<const std::byte>> parts;
};

// What send_file remembers of an open file from one call to the next: which of its bytes it found
// in memory, and when. A whole look costs half of what sending does; for a second after one, the
// first and the last byte are asked for alone, and pages between them that left meanwhile would
// hold up the loop. One for each open file, as long as that; used on its loop's thread.
class Residency {
 public:
  bool covers(std::uint64_t begin, std::uint64_t end, Instant now) const noexcept {
    return begin >= begin_ && end <= end_ && now - seen_ < std::chrono::seconds(1);
  }
  // Bytes that were found by a whole look.
  void found(std::uint64_t begin, std::uint64_t end, Instant now) noexcept {
    if (begin == end_ && now - seen_ < std::chrono::seconds(1)) {
      end_ = end;  // the next share of a large file: as old as the first
      return;
    }
    begin_ = begin;
    end_ = end;
    seen_ = now;
  }

 private:
  std::uint64_t begin_ = 0;
  std::uint64_t end_ = 0;
  Instant seen_{};
};

// Opcode::send_file: `size` bytes from `offset` of an open file; both advance as they are written.
// It never waits for a disk: a share is sent if a read that may not wait (RWF_NOWAIT) finds it in
// memory. Ends with kSent; with kShare if a share was written (2 MiB) and the rest wants another
// call; with kAbsent if what comes next is not in memory, or the file system cannot tell: then
// Opcode::fetch, and the call again. With -ENODATA if the file ended first (it was truncated
// meanwhile).
struct SendFile {
  static constexpr std::int32_t kSent = 0;
  static constexpr std::int32_t kShare = 1;
  static constexpr std::int32_t kAbsent = 2;

  NativeHandle file = kNoHandle;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  Residency* residency = nullptr;  // of `file`; null: every call takes a whole look
  // The operations' own: up to where the file was found in memory, and whether it was just fetched.
  std::uint64_t in_memory = 0;
  bool fetched = false;
};

// Opcode::option: sets one option of a socket. socket(7), tcp(7).
struct SocketOption {
  enum class Name : std::uint8_t {
    no_delay,        // 0 or 1: small packets go out at once (TCP_NODELAY); on from the start
    cork,            // 0 or 1: only full packets go out (TCP_CORK)
    keep_alive,      // 0 or 1: an idle peer is probed (SO_KEEPALIVE)
    receive_buffer,  // bytes, which the system doubles (SO_RCVBUF)
    send_buffer,     // bytes, which the system doubles (SO_SNDBUF)
    linger_reset,    // closing sends a reset (SO_LINGER with no time)
    busy_poll,       // microseconds that the kernel asks the network card before a wait
                     // (SO_BUSY_POLL); more than net.core.busy_poll takes CAP_NET_ADMIN
    refuse,          // a listener takes no new connection; those that are there can be accepted
    steer            // the processor on which a connection comes in chooses the listener of an
                     // SO_REUSEPORT group (SO_ATTACH_REUSEPORT_CBPF), see `processors`
  };
  Name name;
  int value = 0;
  // steer: the nth listener of the group, in the order of their listen(2), is chosen on the nth of
  // these processors; on others, all in turn.
  std::span<const std::uint32_t> processors = {};
};

// Opcode::socket_queues: what the kernel holds of a connected stream socket, and what it knows of
// the other side (tcp(7): SIOCINQ, SIOCOUTQ, TCP_INFO). It changes nothing, and may be asked on any
// thread. Of a local socket `to_read` and `unsent` alone are told, the latter with what the kernel
// needs to keep it. Errors: -ENOTCONN (a listener), -ENOTSOCK, -EOPNOTSUPP (no stream).
struct SocketQueues {
  enum class State : std::uint8_t {  // RFC 9293 section 3.3.2, as seen by who has the socket
    unknown,
    connecting,
    open,
    peer_ended,  // the peer sends no more
    we_ended,    // this side sends no more
    both_ended,
    closed
  };
  static constexpr std::uint32_t kUnknown = ~std::uint32_t{0};

  std::uint32_t to_read = 0;    // bytes that came, and were not received
  std::uint32_t unsent = 0;     // bytes that were sent here, and never went out
  std::uint32_t in_flight = 0;  // bytes that went out, and are not acknowledged
  State state = State::unknown;
  bool is_tcp = false;  // all that follows is known
  // How often in a row what was not acknowledged went out again, or a closed window was asked.
  std::uint8_t tries = 0;
  std::uint32_t peer_window = kUnknown;  // bytes; known since Linux 5.4
  Nanos since_received{};                // how long ago bytes came last
  Nanos round_trip{};
};

// Opcode::adopt: looks at a handle from elsewhere. A shared terminal or pipe is reopened, so that
// making it non-blocking changes nobody else's; `handle` is then the new one.
struct AdoptArgs {
  enum class What : std::uint8_t { stream, datagram, messages, listener, pipe, file };
  NativeHandle handle = kNoHandle;
  What what = What::file;
  bool reopened = false;
  bool duplicate = false;  // asks for a duplicate (dup(2)): `handle` is then that
};

}  // namespace vigil
