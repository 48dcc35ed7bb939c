// File: an open file description, and who waits for it.
//
// The structure is Linux's: a handle table holds references to descriptions; whatever watches one
// hangs an entry into its wait queue and is called when it changes, so that nobody ever scans.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "vigil/poll/event.hpp"

namespace vigil::sim {

class EventPoll;
class Kernel;
class Socket;
class WaitQueue;
struct Interest;

// Who is called when a file's readiness may have changed. An entry of one queue at a time, in the
// order in which they came.
struct Waiter {
  Waiter* next = nullptr;
  Waiter* previous = nullptr;
  // `bits`: what became true (Ready bits); 0 where the file does not say. True: this waiter took
  // the wake-up, which counts where it is an exclusive one.
  bool (*wake)(Waiter& self, std::uint32_t bits) noexcept = nullptr;
  // As a task in epoll_wait(2) is, or EPOLLEXCLUSIVE: a wake-up ends at the first that takes it.
  bool exclusive = false;
  WaitQueue* queue = nullptr;  // where it waits; null once that is gone
};

class WaitQueue {
 public:
  ~WaitQueue();  // who waits still is taken out, uncalled
  WaitQueue() noexcept = default;
  WaitQueue(const WaitQueue&) = delete;
  WaitQueue& operator=(const WaitQueue&) = delete;

  void add(Waiter& waiter) noexcept;  // exclusive ones go to the end, others to the front
  void remove(Waiter& waiter) noexcept;
  // Calls each that waits, up to the first exclusive waiter that takes it; true if there was one.
  // A waiter may leave the queue, and be added anew, while it is called. The bits are those of
  // poll(2) that the system passes along (with kRdNorm and kWrNorm where it does), or 0.
  bool wake(std::uint32_t bits) noexcept { return first_ != nullptr && call(first_, bits, true); }
  // Calls each that waits, exclusive or not: for what concerns everybody, as an end.
  void wake_all(std::uint32_t bits) noexcept {
    if (first_ != nullptr) {
      call(first_, bits, false);
    }
  }
  // Calls only exclusive waiters, up to the first that takes it.
  void wake_exclusive(std::uint32_t bits) noexcept;
  bool empty() const noexcept { return first_ == nullptr; }

 private:
  // Where a walk along the queue is; removals step it on. Walks nest.
  struct Walk {
    Waiter* next;
    Walk* outer;
  };
  bool call(Waiter* from, std::uint32_t bits, bool until_taken) noexcept;

  Waiter* first_ = nullptr;
  Waiter* last_ = nullptr;
  Walk* walks_ = nullptr;
};

// Bits that Linux reports beside kReadable and kWritable for most files, to those who ask.
inline constexpr std::uint32_t kRdNorm = 0x040;
inline constexpr std::uint32_t kWrNorm = 0x100;

// Made with `new` and given to Process::install, which takes a handle's reference. Who makes one
// holds it meanwhile: hold(), install(), drop() frees it if it could not be installed.
class File {
 public:
  explicit File(Kernel& kernel) noexcept;
  virtual ~File();
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  // Ready bits (poll(2)'s values) that hold now.
  virtual std::uint32_t ready() const noexcept = 0;
  // Whether it can be watched at all: EPERM for regular files and directories.
  virtual bool watchable() const noexcept { return true; }

  // Byte streams: the count, or -errno (-EAGAIN where a call would wait). What the weather cuts
  // short is told anew as readiness, as if the rest had come, or its room, a moment later: a
  // program may take a short count for the end of what there is (epoll(7)).
  virtual std::int64_t read(std::span<std::byte> to) noexcept;
  virtual std::int64_t write(std::span<const std::byte> from) noexcept;

  // The last handle of the description was closed. The object may live on (a socket's bytes still
  // on their way); it goes when the last reference does. Not called when the machine crashes.
  virtual void closed() noexcept {}

  virtual bool is_terminal() const noexcept { return false; }
  // Itself if it is an epoll's.
  virtual EventPoll* event_poll() noexcept { return nullptr; }
  // Itself if it is a socket.
  virtual Socket* socket() noexcept { return nullptr; }

  WaitQueue& queue() noexcept { return queue_; }
  Kernel& kernel() noexcept { return kernel_; }
  // In the order of their making: what orders by it orders by no address.
  std::uint64_t serial() const noexcept { return serial_; }

  // References: handles, and what is on its way to it.
  void hold() noexcept { ++references_; }
  void drop() noexcept {
    if (--references_ == 0) {
      delete this;
    }
  }
  // Of these, handles: at zero every interest list is left, and closed() is called.
  void hold_handle() noexcept {
    ++references_;
    ++handles_;
  }
  void drop_handle() noexcept;
  std::uint32_t handles() const noexcept { return handles_; }

  bool nonblocking = false;  // O_NONBLOCK: only the shim of blocking calls asks
  int access = 0;            // O_RDONLY, O_WRONLY, O_RDWR, O_APPEND, O_PATH
  // Whether there is a read(2), a write(2) at all: EINVAL, even for nothing.
  bool has_read = true;
  bool has_write = true;
  bool writes_parts_singly = false;  // writev(2) is a write(2) a part

 protected:
  Kernel& kernel_;

 private:
  friend class EventPoll;
  friend struct Interest;
  WaitQueue queue_;
  std::uint64_t serial_;
  std::uint32_t references_ = 0;
  std::uint32_t handles_ = 0;
  Interest* interests_ = nullptr;  // the latest that an epoll has in this description
};

}  // namespace vigil::sim
