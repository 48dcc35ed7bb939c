// Disk: all of a machine's inodes, the room they take, and the journal of the changes of names that
// a crash may still undo.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/file_system_inode.hpp"
#include "kernel/kernel.hpp"

namespace vigil::sim {

class Disk {
 public:
  // When the write-back daemon has brought a change to the disk by itself: ext4's commit interval,
  // and vm.dirty_expire_centisecs.
  static constexpr Nanos kNamesAfter = std::chrono::seconds(5);
  static constexpr Nanos kContentAfter = std::chrono::seconds(30);
  static constexpr std::uint64_t kInodeBytes = 256;
  static constexpr Nanos kTick = std::chrono::milliseconds(4);  // of file times (HZ=250)

  explicit Disk(Kernel& kernel);
  ~Disk();
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;

  Kernel& kernel() noexcept { return kernel_; }
  const InodeRef& root() const noexcept { return root_; }
  Nanos now() const noexcept;  // of file times
  Instant uptime() const noexcept;

  // A fresh inode without a name; null: the disk is full.
  InodeRef make(mode_t mode);
  // Changes of names, not on the disk yet. What a name named before is not released() by them.
  void link(Inode& directory, std::string_view name, Inode& inode);
  void unlink(Inode& directory, std::string_view name);
  void rename(Inode& from, std::string_view old_name, Inode& to, std::string_view new_name);

  // The directory's names reach the disk.
  void sync_names(Inode& directory);
  void crash();

  // A name or a description of `inode` went: it ends with the last of them.
  void released(Inode& inode);

  // False: the disk is full. What is `forced` is there already.
  bool take_room(std::uint64_t bytes, bool forced);
  void give_room(std::uint64_t bytes) noexcept { used_ -= bytes; }
  std::uint64_t used() const noexcept { return used_; }

  std::uint32_t next_cookie() noexcept { return ++cookies_; }  // of IN_MOVED_*
  // A number below `limit` for what a crash leaves.
  std::uint64_t draw(std::uint64_t limit) noexcept;

  // The inode has content that is not on the disk; or no more.
  void dirty(Inode& inode) { dirty_.emplace(inode.serial, &inode); }
  void clean(Inode& inode) noexcept { dirty_.erase(inode.serial); }

  // The page cache: what was read or written before this number changed is not in memory.
  std::uint64_t caches() const noexcept { return caches_; }
  void drop_caches() noexcept { ++caches_; }
  // A loop's thread stood still until the disk had answered, which no lane's does.
  void waited() noexcept { ++waits_; }
  std::uint64_t waits() const noexcept { return waits_; }

  std::size_t inotify_instances = 0;
  std::size_t inotify_watches = 0;

 private:
  friend struct Inode;
  // One change: what a name named before and after, in one directory or, moved, in two.
  struct Half {
    InodeRef directory;
    std::string name;
    InodeRef before;
    InodeRef after;
  };
  struct Change {
    Instant at;
    std::vector<Half> halves;
  };

  static void detach(const Half& half, const InodeRef& inode) noexcept;
  static void attach(const Half& half, const InodeRef& inode);
  void apply(Change change);
  void undo(const Change& change);
  std::vector<Change> lost_changes();
  std::uint64_t take_number();

  Kernel& kernel_;
  std::uint64_t used_ = 0;
  std::uint64_t last_number_ = 1;
  std::uint64_t serials_ = 0;
  std::uint32_t cookies_ = 0;
  std::uint64_t caches_ = 0;
  std::uint64_t waits_ = 0;
  std::set<std::uint64_t> free_numbers_;
  std::deque<Change> journal_;
  std::map<std::uint64_t, Inode*> dirty_;
  InodeRef root_;
};

}  // namespace vigil::sim
