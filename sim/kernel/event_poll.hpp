// EventPoll: what epoll_create1(2) makes, built as the literature describes Linux's.
//
// The interests stand in a tree, ordered by description and number: a change costs O(log N). Each
// hangs in the wait queue of what it watches and is called when that changes: in O(1) it puts
// itself on the ready list and wakes who waits here. Collecting asks each file on that list, and no
// other, what holds now: what became false meanwhile is not told. A level-triggered interest goes
// back to the end of the list, so that it is asked again the next time.
#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <map>
#include <span>
#include <utility>

#include "kernel/file.hpp"

namespace vigil::sim {

struct Interest;
// Ordered by the description's serial: what an address orders differs from run to run.
using Interests = std::map<std::pair<std::uint64_t, int>, Interest>;

// One (description, number) in one epoll's tree.
struct Interest : Waiter {
  Interest(EventPoll& poll, File& watched, int number, const epoll_event& wanted) noexcept;
  // What was asked for and holds now.
  std::uint32_t told() const noexcept { return file.ready() & event.events; }

  EventPoll& owner;
  File& file;
  const int fd;
  epoll_event event;
  Interests::iterator place{};
  bool linked = false;  // in the owner's ready list
  Interest* ready_next = nullptr;
  Interest* ready_previous = nullptr;
  Interest* next_of_file = nullptr;  // of those in the same description
  Interest* previous_of_file = nullptr;
};

class EventPoll final : public File {
 public:
  explicit EventPoll(Kernel& kernel) noexcept;
  ~EventPoll() override;

  // epoll_ctl(2), once it is known that `file` can be watched and is not this one. 0 or -errno.
  std::int32_t add(File& file, int fd, const epoll_event& event) noexcept;
  std::int32_t modify(File& file, int fd, const epoll_event& event) noexcept;
  std::int32_t remove(File& file, int fd) noexcept;
  // epoll_wait(2) with no time: how many there were.
  std::int32_t collect(std::span<epoll_event> room) noexcept;

  // kReadable while something that was asked for holds: an epoll can watch another one.
  std::uint32_t ready() const noexcept override;
  void closed() noexcept override { clear(); }
  EventPoll* event_poll() noexcept override { return this; }

  // The last handle of `file` was closed: it leaves every tree.
  static void forget(File& file) noexcept;

 private:
  static bool called(Waiter& waiter, std::uint32_t bits) noexcept;
  Interest* find(const File& file, int fd) noexcept;
  void take(Interest& interest) noexcept;
  void clear() noexcept;
  void make_ready(Interest& interest) noexcept;
  void link(Interest& interest) const noexcept;
  void unlink(Interest& interest) const noexcept;

  bool nests_too_deep(EventPoll& inner) noexcept;
  int depth_below(const EventPoll& stop, std::uint64_t round, int depth) noexcept;
  int depth_above(std::uint64_t round) noexcept;
  static bool too_many_ways(File& from, std::uint64_t round) noexcept;
  static bool count_ways(const File& from, std::size_t depth, std::span<int> ways) noexcept;

  Interests tree_;
  // Asking whether something is ready drops what is not.
  mutable Interest* first_ready_ = nullptr;
  mutable Interest* last_ready_ = nullptr;
  // Of the search for loops that came by last.
  std::uint64_t round_ = 0;
  int depth_ = 0;
};

}  // namespace vigil::sim
