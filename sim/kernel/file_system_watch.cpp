// The order of events is that of Linux's fsnotify calls; equal neighbours are one.
#include "kernel/file_system_watch.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "kernel/file_system_disk.hpp"
#include "vigil/poll/event.hpp"

namespace vigil::sim {
namespace {

// What add() takes besides events.
constexpr std::uint32_t kOptions =
    IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK | IN_MASK_CREATE | IN_MASK_ADD | IN_ONESHOT;
constexpr std::uint32_t kKept = IN_ALL_EVENTS | IN_EXCL_UNLINK | IN_ONESHOT;

// The name and its padding: a record behind it is aligned.
std::size_t room_for(std::string_view name) noexcept {
  return name.empty() ? 0 : (name.size() / sizeof(inotify_event) + 1) * sizeof(inotify_event);
}

// Telling may end watches (IN_ONESHOT), so the list is walked by its end.
template <class F>
void each_watch(Inode& inode, F tell) {
  if (inode.watches.empty()) {
    return;
  }
  const std::vector<FileWatch*> watches = inode.watches;
  for (FileWatch* watch : watches) {
    tell(*watch);
  }
}

}  // namespace

ChangeQueue::ChangeQueue(Kernel& kernel, Disk& disk) noexcept : File(kernel), disk_(disk) {
  ++disk_.inotify_instances;
}

ChangeQueue::~ChangeQueue() {
  closed();
  --disk_.inotify_instances;
}

void ChangeQueue::closed() noexcept {
  while (!watches_.empty()) {
    forget(*watches_.begin()->second);
  }
  events_.clear();
}

std::uint32_t ChangeQueue::ready() const noexcept {
  return events_.empty() ? 0u : kReadable | kRdNorm;
}

std::int64_t ChangeQueue::write(std::span<const std::byte>) noexcept { return -EBADF; }

std::int64_t ChangeQueue::read(std::span<std::byte> to) noexcept {
  std::size_t used = 0;
  if (events_.empty()) {
    return -EAGAIN;
  }
  while (!events_.empty()) {
    const Event& event = events_.front();
    const std::size_t name_room = room_for(event.name);
    inotify_event record;
    record.wd = event.watch;
    record.mask = event.mask;
    record.cookie = event.cookie;
    record.len = static_cast<std::uint32_t>(name_room);
    if (sizeof record + name_room > to.size() - used) {
      return used == 0 ? -EINVAL : static_cast<std::int64_t>(used);
    }
    std::memcpy(to.data() + used, &record, sizeof record);
    std::memset(to.data() + used + sizeof record, 0, name_room);
    std::memcpy(to.data() + used + sizeof record, event.name.data(), event.name.size());
    used += sizeof record + name_room;
    events_.pop_front();
  }
  return static_cast<std::int64_t>(used);
}

std::int32_t ChangeQueue::add(const InodeRef& inode, std::uint32_t mask) {
  if ((mask & (IN_ALL_EVENTS | kOptions)) == 0 ||
      ((mask & IN_MASK_ADD) != 0 && (mask & IN_MASK_CREATE) != 0)) {
    return -EINVAL;
  }
  if ((mask & IN_ONLYDIR) != 0 && !inode->is(S_IFDIR)) {
    return -ENOTDIR;
  }
  if (!inode->may(4)) {
    return -EACCES;
  }
  for (FileWatch* watch : inode->watches) {
    if (watch->queue == this) {
      if ((mask & IN_MASK_CREATE) != 0) {
        return -EEXIST;
      }
      watch->mask = (mask & kKept) | ((mask & IN_MASK_ADD) != 0 ? watch->mask : 0);
      return watch->number;
    }
  }
  if (disk_.inotify_watches >= kernel_.limits().watches) {
    return -ENOSPC;
  }
  ++disk_.inotify_watches;
  auto watch = std::make_unique<FileWatch>(this, inode, ++last_number_, mask & kKept);
  inode->watches.push_back(watch.get());
  watches_.emplace(last_number_, std::move(watch));
  return last_number_;
}

std::int32_t ChangeQueue::remove(int number) {
  const auto found = watches_.find(number);
  if (found == watches_.end()) {
    return -EINVAL;
  }
  end(*found->second);
  return 0;
}

void ChangeQueue::tell(FileWatch& watch, std::uint32_t event, std::uint32_t cookie,
                       std::string_view name) {
  if ((watch.mask & event & IN_ALL_EVENTS) == 0) {
    return;
  }
  push({.watch = watch.number, .mask = event, .cookie = cookie, .name = std::string(name)});
  if ((watch.mask & IN_ONESHOT) != 0) {
    end(watch);
  }
}

void ChangeQueue::end(FileWatch& watch) {
  push({.watch = watch.number, .mask = IN_IGNORED, .cookie = 0, .name = {}});
  forget(watch);
}

void ChangeQueue::forget(FileWatch& watch) noexcept {
  --disk_.inotify_watches;
  const InodeRef inode = watch.inode;
  std::erase(inode->watches, &watch);
  watches_.erase(watch.number);
}

void ChangeQueue::push(Event event) {
  if (events_.size() >= kMostEvents) {
    if (events_.back().mask == IN_Q_OVERFLOW) {
      return;
    }
    event = {.watch = -1, .mask = IN_Q_OVERFLOW, .cookie = 0, .name = {}};
  } else if (!events_.empty() && event.mask != IN_IGNORED) {
    const Event& last = events_.back();
    if (last.watch == event.watch && last.mask == event.mask && last.name == event.name) {
      return;
    }
  }
  events_.push_back(std::move(event));
  queue().wake(kReadable | kRdNorm);
}

void file_changed(Inode& inode, std::uint32_t event) {
  const std::uint32_t directory = inode.is(S_IFDIR) ? IN_ISDIR : 0;
  if (inode.parent) {
    each_watch(*inode.parent, [&](FileWatch& watch) {
      if (inode.named || (watch.mask & IN_EXCL_UNLINK) == 0) {
        watch.queue->tell(watch, event | directory, 0, inode.name);
      }
    });
  }
  each_watch(inode, [&](FileWatch& watch) { watch.queue->tell(watch, event | directory, 0, {}); });
}

void inode_changed(Inode& inode, std::uint32_t event) {
  each_watch(inode, [&](FileWatch& watch) { watch.queue->tell(watch, event, 0, {}); });
}

void entry_changed(Inode& directory, std::string_view name, const Inode& subject,
                   std::uint32_t event, std::uint32_t cookie) {
  const std::uint32_t kind = subject.is(S_IFDIR) ? IN_ISDIR : 0;
  each_watch(directory,
             [&](FileWatch& watch) { watch.queue->tell(watch, event | kind, cookie, name); });
}

void watched_inode_ended(Inode& inode) {
  inode_changed(inode, IN_DELETE_SELF);
  each_watch(inode, [](FileWatch& watch) { watch.queue->end(watch); });
}

}  // namespace vigil::sim
