// What a server does with those who come while it has no descriptor for them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <system_error>

#include "vigil/base/handle.hpp"
#include "vigil/base/time.hpp"
#include "vigil/loop/arguments.hpp"
#include "vigil/net/address.hpp"

namespace vigil {

class TcpListener;
struct ServeFigures;

// Out of descriptors, who comes waits in the listener's backlog, and is let in as soon as one is
// free: ten times a second is looked. With a patience nobody waits for ever: one descriptor is kept
// for each listener from the start, and with it those who still wait are accepted, told and closed.
struct Shortage {
  // Descriptors have been short, and nobody was let in, for so long: who then waits is refused at
  // each look, until for a second nobody had to wait. Zero: nobody is refused, and none is kept.
  Nanos patience{};
  // Writes what one who is refused is told into `room`, and answers with its size in bytes; `peer`
  // is empty if the system does not tell it any more. Null: they are told nothing.
  std::size_t (*farewell)(void* context, const Address& peer,
                          std::span<char> room) noexcept = nullptr;
  // Called at each look once the patience is over, also for want of memory: why accepting failed.
  void (*told)(void* context, std::error_code why) noexcept = nullptr;
  void* context = nullptr;  // handed back to both
};

namespace detail {

struct ListenerShare;

// The descriptor that is kept for one listener, and how long they have been short. On its loop.
class Reserve {
 public:
  Reserve(TcpListener& listener, const Shortage& shortage, ServeFigures& figures) noexcept;
  // Counted at `share`, if it is not null.
  Reserve(TcpListener& listener, const Shortage& shortage, ServeFigures& figures,
          ListenerShare* share) noexcept;
  ~Reserve();
  Reserve(const Reserve&) = delete;
  Reserve& operator=(const Reserve&) = delete;

  // Accepting failed so, and can succeed later. Nothing waits; the caller does.
  void ran_out(const std::error_code& why) noexcept;
  // Before the next look: where another thread took the one that was kept, the first that comes
  // free is kept again, and those behind it are for connections.
  void refill() noexcept;

 private:
  bool keep() noexcept;
  void refuse_who_waits() noexcept;
  void refuse(NativeHandle who, const SocketName& peer) noexcept;

  TcpListener& listener_;
  const Shortage shortage_;
  ServeFigures& figures_;
  ListenerShare* const share_;
  NativeHandle spare_ = kNoHandle;
  Instant since_ = kNever;      // when they began to be short, and nobody was let in any more
  Instant last_ = kNever;       // when they last were
  std::uint64_t accepted_ = 0;  // until then
  bool refusing_ = false;
};

}  // namespace detail
}  // namespace vigil
