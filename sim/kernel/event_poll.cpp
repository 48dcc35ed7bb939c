// The tree of interests, the ready list, and the search for loops of epolls that watch each other.
// The order of steps is that of Linux's fs/eventpoll.c where a program can see it.
#include "kernel/event_poll.hpp"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>
#include <tuple>
#include <utility>

#include "kernel/kernel.hpp"

namespace vigil::sim {
namespace {

// How an interest is told, as against what.
constexpr std::uint32_t kModes = EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE;
constexpr std::uint32_t kAlways = EPOLLERR | EPOLLHUP;
// Epolls over epolls: four edges deep, counted through the new one.
constexpr int kDeepest = 4;
// By how many ways, of so many epolls beyond the first, a file may wake who waits.
constexpr int kMostWays[kDeepest + 1] = {1000, 500, 100, 50, 10};

}  // namespace

Interest::Interest(EventPoll& poll, File& watched, int number, const epoll_event& wanted) noexcept
    : owner(poll), file(watched), fd(number), event(wanted) {
  event.events |= kAlways;
  exclusive = (event.events & EPOLLEXCLUSIVE) != 0;
  next_of_file = file.interests_;
  if (next_of_file != nullptr) {
    next_of_file->previous_of_file = this;
  }
  file.interests_ = this;
}

EventPoll::EventPoll(Kernel& kernel) noexcept : File(kernel) {
  access = O_RDWR;
  has_read = false;
  has_write = false;
}

EventPoll::~EventPoll() { clear(); }

std::int32_t EventPoll::add(File& file, int fd, const epoll_event& event) noexcept {
  EventPoll* inner = file.event_poll();
  if (inner != nullptr && nests_too_deep(*inner)) {
    return -ELOOP;
  }
  // New descriptions have the highest serials: mostly it is known at once to be the last.
  const Interests::key_type key{file.serial(), fd};
  const bool last = tree_.empty() || tree_.rbegin()->first < key;
  const auto next = last ? tree_.end() : tree_.lower_bound(key);
  if (next != tree_.end() && next->first == key) {
    return -EEXIST;
  }
  if (kernel_.weather().strikes(Fault::no_memory, kernel_.id())) {
    return -ENOMEM;
  }
  Interests::iterator place;
  try {
    place = tree_.emplace_hint(next, std::piecewise_construct, std::forward_as_tuple(key),
                               std::forward_as_tuple(*this, file, fd, event));
  } catch (const std::bad_alloc&) {
    return -ENOMEM;
  }
  Interest& interest = place->second;
  interest.place = place;
  if ((inner != nullptr || interests_ != nullptr) && too_many_ways(file, kernel_.next_serial())) {
    take(interest);
    return -EINVAL;
  }
  // First the queue, then the question: what comes in between is not lost.
  interest.wake = &EventPoll::called;
  file.queue().add(interest);
  if (interest.told() != 0) {
    make_ready(interest);
  }
  return 0;
}

std::int32_t EventPoll::modify(File& file, int fd, const epoll_event& event) noexcept {
  Interest* interest = find(file, fd);
  if (interest == nullptr) {
    return -ENOENT;
  }
  if ((interest->event.events & EPOLLEXCLUSIVE) != 0) {
    return -EINVAL;
  }
  interest->event = event;
  interest->event.events |= kAlways;
  if (interest->told() != 0) {
    make_ready(*interest);
  }
  return 0;
}

std::int32_t EventPoll::remove(File& file, int fd) noexcept {
  Interest* interest = find(file, fd);
  if (interest == nullptr) {
    return -ENOENT;
  }
  take(*interest);
  return 0;
}

std::int32_t EventPoll::collect(std::span<epoll_event> room) noexcept {
  // What is put back goes behind the last one of now, and waits for the next call.
  const Interest* const last = last_ready_;
  std::size_t count = 0;
  for (bool more = last != nullptr; more && count < room.size();) {
    Interest& interest = *first_ready_;
    more = &interest != last;
    unlink(interest);
    const std::uint32_t told = interest.told();
    if (told == 0) {
      continue;
    }
    room[count].events = told;
    room[count].data = interest.event.data;
    ++count;
    if ((interest.event.events & EPOLLONESHOT) != 0) {
      interest.event.events &= kModes;
    } else if ((interest.event.events & EPOLLET) == 0) {
      link(interest);
    }
  }
  if (first_ready_ != nullptr) {
    queue().wake_exclusive(EPOLLIN);  // there is more: the next of several waiters may take it
  }
  return static_cast<std::int32_t>(count);
}

std::uint32_t EventPoll::ready() const noexcept {
  while (first_ready_ != nullptr && first_ready_->told() == 0) {
    unlink(*first_ready_);
  }
  if (first_ready_ == nullptr) {
    return 0;
  }
  const_cast<EventPoll*>(this)->queue().wake_exclusive(EPOLLIN);
  return EPOLLIN | EPOLLRDNORM;
}

void EventPoll::forget(File& file) noexcept {
  while (file.interests_ != nullptr) {
    file.interests_->owner.take(*file.interests_);
  }
}

bool EventPoll::called(Waiter& waiter, std::uint32_t bits) noexcept {
  Interest& interest = static_cast<Interest&>(waiter);
  const std::uint32_t wanted = interest.event.events;
  if ((wanted & ~kModes) == 0 || (bits != 0 && (bits & wanted) == 0)) {
    return false;  // disarmed, or nothing that was asked for
  }
  EventPoll& owner = interest.owner;
  if (!interest.linked) {
    owner.link(interest);
  }
  if (owner.queue().empty() || !owner.queue().wake(EPOLLIN)) {
    return false;
  }
  // An exclusive wake-up was taken if a task was woken for what this interest asked for.
  const std::uint32_t direction = bits & (EPOLLIN | EPOLLOUT);
  return direction == 0 || (direction != (EPOLLIN | EPOLLOUT) && (direction & wanted) != 0);
}

Interest* EventPoll::find(const File& file, int fd) noexcept {
  // Most descriptions are watched once.
  Interest* latest = file.interests_;
  if (latest == nullptr || (&latest->owner == this && latest->fd == fd)) {
    return latest;
  }
  const auto place = tree_.find({file.serial(), fd});
  return place == tree_.end() ? nullptr : &place->second;
}

void EventPoll::take(Interest& interest) noexcept {
  if (interest.queue != nullptr) {
    interest.queue->remove(interest);
  }
  if (interest.linked) {
    unlink(interest);
  }
  (interest.previous_of_file != nullptr ? interest.previous_of_file->next_of_file
                                        : interest.file.interests_) = interest.next_of_file;
  if (interest.next_of_file != nullptr) {
    interest.next_of_file->previous_of_file = interest.previous_of_file;
  }
  tree_.erase(interest.place);
}

void EventPoll::clear() noexcept {
  while (!tree_.empty()) {
    take(tree_.begin()->second);
  }
}

void EventPoll::make_ready(Interest& interest) noexcept {
  if (!interest.linked) {
    link(interest);
    queue().wake(EPOLLIN);
  }
}

void EventPoll::link(Interest& interest) const noexcept {
  interest.linked = true;
  interest.ready_next = nullptr;
  interest.ready_previous = last_ready_;
  (last_ready_ != nullptr ? last_ready_->ready_next : first_ready_) = &interest;
  last_ready_ = &interest;
}

void EventPoll::unlink(Interest& interest) const noexcept {
  interest.linked = false;
  (interest.ready_previous != nullptr ? interest.ready_previous->ready_next : first_ready_) =
      interest.ready_next;
  (interest.ready_next != nullptr ? interest.ready_next->ready_previous : last_ready_) =
      interest.ready_previous;
}

// Whether watching `inner` would make a loop or stack epolls too high: how far down it goes from
// there, one more for the new edge, and how far up from here.
bool EventPoll::nests_too_deep(EventPoll& inner) noexcept {
  const std::uint64_t round = kernel_.next_serial();
  const int below = inner.depth_below(*this, round, 0);
  return below > kDeepest || below + 1 + depth_above(round) > kDeepest;
}

int EventPoll::depth_below(const EventPoll& stop, std::uint64_t round, int depth) noexcept {
  if (round_ == round) {
    return depth_;
  }
  round_ = round;
  int deepest = 0;
  for (auto& [key, interest] : tree_) {
    if (EventPoll* inner = interest.file.event_poll(); inner != nullptr) {
      deepest = inner == &stop || depth > kDeepest
                    ? kDeepest + 1
                    : std::max(deepest, inner->depth_below(stop, round, depth + 1) + 1);
      if (deepest > kDeepest) {
        break;
      }
    }
  }
  depth_ = deepest;
  return deepest;
}

// Whether one of the files that are watched through `from` would wake too many.
bool EventPoll::too_many_ways(File& from, std::uint64_t round) noexcept {
  EventPoll* poll = from.event_poll();
  if (poll == nullptr) {
    std::array<int, kDeepest + 1> ways{};
    return count_ways(from, 0, ways);
  }
  if (std::exchange(poll->round_, round) == round) {
    return false;
  }
  return std::any_of(poll->tree_.begin(), poll->tree_.end(),
                     [&](auto& row) { return too_many_ways(row.second.file, round); });
}

bool EventPoll::count_ways(const File& from, std::size_t depth, std::span<int> ways) noexcept {
  if (depth >= ways.size()) {
    return true;
  }
  for (const Interest* outer = from.interests_; outer != nullptr; outer = outer->next_of_file) {
    if (outer->owner.interests_ != nullptr) {
      if (count_ways(outer->owner, depth + 1, ways)) {
        return true;
      }
    } else if (depth != 0 && ++ways[depth] > kMostWays[depth]) {
      return true;
    }
  }
  return false;
}

int EventPoll::depth_above(std::uint64_t round) noexcept {
  if (round_ == round) {
    return depth_;
  }
  int highest = 0;
  for (Interest* outer = interests_; outer != nullptr; outer = outer->next_of_file) {
    highest = std::max(highest, outer->owner.depth_above(round) + 1);
  }
  round_ = round;
  depth_ = highest;
  return highest;
}

}  // namespace vigil::sim
