// Op: one operation, described once for every engine. It lives in its task's promise, so starting
// one allocates nothing.
#pragma once

#include <cstddef>
#include <cstdint>

namespace vigil {

struct Descriptor;

// What an operation does. The order is a contract: see the predicates below.
enum class Opcode : std::uint8_t {
  none,

  // Between tasks: no engine sees these.
  task,    // waits for another task; `data` is its Node
  join,    // waits for a scope to become empty; ends by itself once the scope is cancelled
  wait,    // stands in a WaitList; `data` is the list
  sleep,   // waits for a Timer; `data` is the timer
  letter,  // a word from another loop, which belongs to itself: its complete() lets go of it
  remote,  // runs on another loop; `data` is its Remote
  call,    // a function in a lane; `data` is its Work

  // Waits for a descriptor to become readable.
  receive,       // into a buffer of the loop's pool
  read,          // into `data`, `size` bytes at most
  receive_from,  // one datagram; `data` is a Datagram
  accept,        // `data` is an AcceptArgs or null
  poll_in,       // readiness itself; the result is the Ready bits

  // Waits for a descriptor to become writable.
  send,            // all of `data`, `size`
  send_more,       // the same, and more follows at once
  send_zero_copy,  // as send; ends when the kernel needs the bytes no more
  send_many,       // all of the spans; `data` is a SendMany
  send_to,         // one datagram; `data` is a Datagram
  send_file,       // `data` is a SendFile
  connect,         // `data` is the Address
  poll_out,

  // Never wait: done at once by Syscalls::perform.
  open_socket,  // `data` is a SocketArgs; the result is the handle
  shutdown,     // `detail`: 0 read, 1 write, 2 both
  option,       // `data` is a SocketOption
  local_name,   // `data` is the Address to fill
  peer_name,
  socket_queues,  // `data` is a SocketQueues to fill
  socket_pair,    // `data` is a SocketPairArgs
  pipe,           // `data` is a PipeArgs
  adopt,          // `data` is an AdoptArgs: what kind of handle is this, and can it be watched?
  signal_source,  // `data` is a SignalArgs
  watch_source,   // `data` is a WatchSourceArgs
  watch_change,   // `data` is a WatchChangeArgs
  spawn,          // `data` is a SpawnArgs; the result is a process handle
  kill,           // `detail` is the signal
  reap,           // `data` is a ReapArgs

  // Files: may block on a disk, so they run in the file lane (or natively, where an engine can).
  open,            // `data` is an OpenArgs; the result is the handle
  stat,            // `data` is a FileStatus to fill; without a handle an OpenArgs with one
  read_at,         // `data` is a FileBytes
  write_at,        // `data` is a FileBytes
  read_parts,      // `data` is a FileRoom
  write_parts,     // `data` is a FileParts
  list,            // `data` is a ListArgs
  close,           // `data` is a CloseArgs
  sync,            // `detail`: 1 leaves out times and the like (fdatasync(2))
  allocate,        // `data` is a FileRange, `detail` an Allocation
  truncate,        // `data` is a FileRange: its size becomes the file's
  make_directory,  // `data` is a NameArgs
  unlink,          // `data` is a NameArgs
  rename,          // `data` is a RenameArgs
  fetch,           // `data` is a SendFile: brings what it sends next into memory
  resolve,         // a name to addresses; `data` is a ResolveArgs
};

constexpr bool waits_for_reading(Opcode code) noexcept {
  return code >= Opcode::receive && code <= Opcode::poll_in;
}
constexpr bool waits_for_writing(Opcode code) noexcept {
  return code >= Opcode::send && code <= Opcode::poll_out;
}
constexpr bool may_block(Opcode code) noexcept { return code >= Opcode::open; }

enum class OpState : std::uint8_t {
  idle,
  in_flight,  // an engine, a lane or a list holds it; its memory and buffer are borrowed
  finished,   // `result` is set; its task will be, or was, resumed
  task        // its task waits for another task or for a scope
};

struct Op {
  Op* next = nullptr;  // in one queue at a time: deferred, waiters, starved, a lane's, a mailbox
  Op* prev = nullptr;
  // Set once; called by the loop only, on its thread; lets nothing out.
  void (*complete)(Op&) = nullptr;
  Descriptor* on = nullptr;
  std::byte* data = nullptr;  // the bytes, or the arguments that an opcode names
  std::uint32_t size = 0;
  std::int32_t result = 0;  // >= 0, -errno, or kForked
  std::uint16_t detail = 0;
  Opcode code = Opcode::none;
  OpState state = OpState::idle;
  // When its task was last resumed, as its loop's hand stood (Loop::hand); even: nobody knows.
  std::uint32_t since = 0;
};
static_assert(sizeof(void*) != 8 || sizeof(Op) == 56);

// A queue of operations: first in, first out, linked by `next`.
struct OpQueue {
  Op* head = nullptr;
  Op** tail = &head;

  OpQueue() noexcept = default;
  OpQueue(const OpQueue&) = delete;
  OpQueue& operator=(const OpQueue&) = delete;

  bool empty() const noexcept { return head == nullptr; }
  void push(Op& op) noexcept {
    op.next = nullptr;
    *tail = &op;
    tail = &op.next;
  }
  Op* pop() noexcept {
    Op* first = head;
    if (first != nullptr && (head = first->next) == nullptr) {
      tail = &head;
    }
    return first;
  }
  Op* take_all() noexcept {
    Op* first = head;
    head = nullptr;
    tail = &head;
    return first;
  }
};

// A list that its members can leave from the middle: who waits for an event, a lock, a place in a
// lane, a buffer.
struct WaitList {
  Op* first = nullptr;
  Op* last = nullptr;

  bool empty() const noexcept { return first == nullptr; }
  void push(Op& op) noexcept {
    op.next = nullptr;
    op.prev = last;
    (last != nullptr ? last->next : first) = &op;
    last = &op;
  }
  void remove(Op& op) noexcept {
    (op.prev != nullptr ? op.prev->next : first) = op.next;
    (op.next != nullptr ? op.next->prev : last) = op.prev;
    op.next = op.prev = nullptr;
  }
  Op* pop() noexcept {
    Op* op = first;
    if (op != nullptr) {
      remove(*op);
    }
    return op;
  }
};

}  // namespace vigil
