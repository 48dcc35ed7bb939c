// Dump: what every task of a loop waits for, taken where the loop is, whether it turns or not.
//
// Taking one is a walk forwards over the loop's lists into memory that was made beforehand. It
// allocates nothing and calls nobody, so it runs in a signal handler on the loop's thread, too: who
// changes a list does it by one store, so that the list is whole at every instruction. Reading it
// is for any thread, later.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <source_location>
#include <span>
#include <string>
#include <vector>

#include "vigil/base/handle.hpp"
#include "vigil/base/result.hpp"
#include "vigil/base/time.hpp"
#include "vigil/loop/op.hpp"

namespace vigil {

class Loop;
class Scope;
struct Node;

enum class TaskState : std::uint8_t {
  running,  // right now
  ready,    // about to go on, or it runs and another one that it started is in front of it
  waiting,  // for an operation
  awaiting  // another task
};

// A scope, or a task: one record each. The pointers are names, to be compared only.
struct DumpRecord {
  bool is_scope = false;
  bool spawned = false;  // a task: in its scope's list; else awaited by the record before it
  bool cancelled = false;
  TaskState state = TaskState::ready;
  Opcode code = Opcode::none;  // waiting: for what
  const void* self = nullptr;
  const void* scope = nullptr;  // a task's; a scope's parent
  const void* owner = nullptr;  // a scope: the task that opened it
  std::source_location where;   // of the task's last await; line 0: it never awaited
  NativeHandle handle = kNoHandle;
  std::uint32_t since = 0;    // see Op::since
  std::uint32_t tag = 0;      // see Node::tag
  Instant deadline = kNever;  // a scope's own; of a sleep
};

// The memory of a dump. One at a time writes it.
class DumpRoom {
 public:
  // Errors: not_enough_memory.
  static Result<DumpRoom> make(std::size_t records) noexcept;
  DumpRoom(DumpRoom&& other) noexcept;
  DumpRoom& operator=(DumpRoom&&) = delete;
  ~DumpRoom();

  std::span<const DumpRecord> records() const noexcept { return {first_, size_}; }
  // Tasks and scopes that found no room. Of more than kMost the rest is not counted.
  std::uint64_t left_out() const noexcept { return left_out_; }
  // Where the loop's hand and pulse stood.
  std::uint32_t hand() const noexcept { return hand_; }
  std::uint64_t pulse() const noexcept { return pulse_; }

  static constexpr std::uint64_t kMost = std::uint64_t{1} << 20;  // that a walk looks at

 private:
  friend class DumpWalk;
  DumpRoom(DumpRecord* first, std::size_t room) noexcept : first_(first), room_(room) {}

  DumpRecord* first_;
  std::size_t room_;
  std::size_t size_ = 0;
  std::uint64_t left_out_ = 0;
  std::uint64_t pulse_ = 0;
  std::uint32_t hand_ = 0;
};

// ---- Taking one: on the loop's thread, also in a signal handler. ----

// All tasks of the loop, by their scopes.
void take_dump(const Loop& loop, DumpRoom& into) noexcept;
// All tasks in a scope and in those inside it.
void take_dump(const Loop& loop, const Scope& root, DumpRoom& into) noexcept;
// The task that runs, from the one that was spawned down to the innermost; nothing if none does.
void take_running(const Loop& loop, DumpRoom& into) noexcept;

// ---- Reading one. ----

struct Dump {
  static constexpr std::size_t kNone = ~std::size_t{0};

  // One that was spawned, with those that it awaits.
  struct Task {
    // Where it awaits, and where what it awaits does, down to what it waits for. A task that has
    // not awaited yet has line 0.
    std::vector<std::source_location> awaits;
    // Where each of these is in memory, by which something in its frame can be told to be its:
    // numbers, to be compared only.
    std::vector<std::uintptr_t> frames;
    TaskState state = TaskState::ready;  // of the innermost; never `awaiting` but where room ended
    Opcode code = Opcode::none;
    bool cancelled = false;
    NativeHandle handle = kNoHandle;  // it waits for this descriptor
    std::string on;                   // which is called so, if anybody knows
    std::uint32_t tag = 0;
    std::string work;                  // what the tag stands for, if anybody knows
    std::optional<Nanos> waits_since;  // how long ago it ran last, if the loop is watched
    std::optional<Nanos> goes_on_in;   // a sleep
    std::optional<Nanos> deadline_in;  // the earliest around it
  };
  struct Group {                 // a scope
    std::size_t inside = kNone;  // of which group
    std::size_t of = kNone;      // the task that opened it
    std::optional<Nanos> deadline_in;
    std::vector<std::size_t> tasks;  // the newest first
  };

  std::vector<Group> groups;
  std::vector<Task> tasks;
  std::uint64_t left_out = 0;
};

// What a descriptor is called, for who reads a dump: "127.0.0.1:80"; empty: nobody knows. `code` is
// what is waited for. It may be another one's by then: descriptors are used again.
using HandleName = std::function<std::string(NativeHandle handle, Opcode code)>;

// What a tag (this_task::set_tag) stands for, for who reads a dump or a report: "request 4711";
// empty: nobody knows. Never asked for the tag 0. Called on the thread that reads.
using TagName = std::function<std::string(std::uint32_t tag)>;

// `now` of the monotonic clock, `hand` of the loop's: at once, or the spans are too long by what
// passed since.
Dump read_dump(const DumpRoom& room, Instant now, const HandleName& name_of = {},
               const TagName& name_of_tag = {});

// "chat.cpp:20 > session.cpp:7 waits for receive on 127.0.0.1:4000, for 3.2 s, deadline in 27 s,
// request 4711". A tag that nobody has a name for is "tag 4711".
// Places in vigil's own headers are left out.
std::string text_of(const Dump::Task& task);
// The tree, a line for each task, each line with its newline, indented by `margin` and more. Beyond
// `most` tasks a last line counts the others.
std::string text_of(const Dump& dump, std::size_t margin = 0, std::size_t most = ~std::size_t{0});
// "chat.cpp:20 > session.cpp:7", without what is vigil's own.
std::string places_text(std::span<const std::source_location> places);
// What a task with this tag and this name of it works at: the name, else "tag 4711"; empty for 0.
std::string work_text(std::uint32_t tag, const std::string& work);
// "3.2 s".
std::string span_text(Nanos span);

}  // namespace vigil
