// inotify(7): queues of changes, and the watches that fill them.
#pragma once

#include <sys/inotify.h>

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "kernel/file.hpp"
#include "kernel/file_system_inode.hpp"

namespace vigil::sim {

class ChangeQueue;

// One inode that one queue watches.
struct FileWatch {
  ChangeQueue* queue;
  InodeRef inode;
  int number;
  std::uint32_t mask;
};

class ChangeQueue final : public File {
 public:
  static constexpr std::size_t kMostInstances = 128;  // fs.inotify.max_user_instances
  static constexpr std::size_t kMostEvents = 16384;   // fs.inotify.max_queued_events

  ChangeQueue(Kernel& kernel, Disk& disk) noexcept;
  ~ChangeQueue() override;

  std::uint32_t ready() const noexcept override;
  // Whole records alone: EINVAL if not even the first has room.
  std::int64_t read(std::span<std::byte> to) noexcept override;
  std::int64_t write(std::span<const std::byte>) noexcept override;
  void closed() noexcept override;

  // The watch's number or -errno, as inotify_add_watch(2).
  std::int32_t add(const InodeRef& inode, std::uint32_t mask);
  std::int32_t remove(int watch);

  // From the file system.
  void tell(FileWatch& watch, std::uint32_t event, std::uint32_t cookie, std::string_view name);
  void end(FileWatch& watch);  // IN_IGNORED; the watch is gone after the call

 private:
  struct Event {
    int watch;
    std::uint32_t mask;
    std::uint32_t cookie;
    std::string name;
  };
  void push(Event event);
  void forget(FileWatch& watch) noexcept;

  Disk& disk_;
  std::map<int, std::unique_ptr<FileWatch>> watches_;
  std::deque<Event> events_;
  int last_number_ = 0;
};

// `event` (IN_MODIFY ...) happened to the inode: its own watches hear it, and those of the
// directory it is or last was in, with its name.
void file_changed(Inode& inode, std::uint32_t event);
// To the inode alone: IN_MOVE_SELF, and IN_ATTRIB of a name that went.
void inode_changed(Inode& inode, std::uint32_t event);
// To a directory: IN_CREATE, IN_DELETE, IN_MOVED_FROM, IN_MOVED_TO of `name`, which is `subject`.
void entry_changed(Inode& directory, std::string_view name, const Inode& subject,
                   std::uint32_t event, std::uint32_t cookie = 0);
// The last name and the last description went.
void watched_inode_ended(Inode& inode);

}  // namespace vigil::sim
