// Inodes, and the bytes of regular files in two versions: what programs see, and what reached the
// disk.
#pragma once

#include <sys/sysmacros.h>
#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vigil/base/time.hpp"

namespace vigil::sim {

class Disk;
struct Inode;
struct FileWatch;

// A reference to an inode: a name, a description, a watch or a child's "..".
class InodeRef {
 public:
  InodeRef() noexcept = default;
  InodeRef(Inode* inode) noexcept;
  InodeRef(const InodeRef& other) noexcept : InodeRef(other.inode_) {}
  InodeRef(InodeRef&& other) noexcept : inode_(std::exchange(other.inode_, nullptr)) {}
  InodeRef& operator=(InodeRef other) noexcept {
    std::swap(inode_, other.inode_);
    return *this;
  }
  ~InodeRef();

  Inode* get() const noexcept { return inode_; }
  Inode* operator->() const noexcept { return inode_; }
  Inode& operator*() const noexcept { return *inode_; }
  explicit operator bool() const noexcept { return inode_ != nullptr; }
  friend bool operator==(const InodeRef& a, const InodeRef& b) noexcept = default;

 private:
  Inode* inode_ = nullptr;
};

// The bytes of a regular file. A block that was changed since it was last on the disk keeps what is
// there, so that a crash can go back to it.
class Content {
 public:
  static constexpr std::size_t kBlock = 4096;
  static constexpr std::size_t kSector = 512;  // what a disk writes whole
  static constexpr std::uint64_t kLargest = std::uint64_t{1} << 62;

  explicit Content(Inode& inode) noexcept;
  ~Content();
  Content(const Content&) = delete;
  Content& operator=(const Content&) = delete;

  std::uint64_t size() const noexcept { return size_; }
  std::size_t blocks() const noexcept { return held_; }  // on the disk: holes have none
  // Whether none of it is in memory: nobody has read or written it since the caches were dropped.
  bool cold() const noexcept;
  // As a read does: all of it is in memory from now on.
  void warm() const noexcept;
  std::size_t read(std::uint64_t offset, std::span<std::byte> to) const noexcept;
  // How many bytes there was room for on the disk.
  std::size_t write(std::uint64_t offset, std::span<const std::byte> from);
  void resize(std::uint64_t size);
  // Room for all of a range; false: the disk has not so much, and a part may be taken.
  bool reserve(std::uint64_t offset, std::uint64_t size);
  // Gives a range's room back.
  void punch(std::uint64_t offset, std::uint64_t size);

  // What was written and not synced is on the disk now; after a sync that failed it is not, and no
  // later sync brings it there: the pages count as clean (as Linux does, and programs forget).
  void sync() noexcept;
  void sync_failed() noexcept;
  // Back to what is on the disk, and of the rest what the seed leaves.
  void crash();

 private:
  using Bytes = std::array<std::byte, kBlock>;
  struct Block {
    std::unique_ptr<Bytes> seen;     // null: zeros
    std::unique_ptr<Bytes> on_disk;  // of a dirty block
    bool dirty = false;
    bool given_up = false;
    Instant since{};
  };

  Block* writable(std::uint64_t index);
  void changed(std::uint64_t index, Block& block);
  void changes_size(std::uint64_t size);
  void cut(std::uint64_t size);
  bool fill(Block& block, bool forced);
  void empty(Block& block) noexcept;
  void settle(Block& block, bool written);

  Inode& inode_;
  std::map<std::uint64_t, Block> blocks_;
  std::vector<std::uint64_t> dirty_;  // indexes of blocks, in the order of their change
  std::uint64_t size_ = 0;
  std::uint64_t disk_size_ = 0;
  Instant size_since_{};          // when they parted
  std::size_t held_ = 0;          // blocks with `seen`
  mutable std::uint64_t caches_;  // of the disk, when it was read or written last
};

// A name in a directory. The order is by a hash of the name, as ext4's is: a program that relies on
// the order of creation or on sorted names is found out. The hash is the same on every machine.
struct EntryName {
  std::uint64_t hash;
  std::string name;
};
struct EntryKey {
  explicit EntryKey(std::string_view text) noexcept;
  EntryKey(std::uint64_t known, std::string_view text) noexcept : hash(known), name(text) {}
  std::uint64_t hash;
  std::string_view name;
};
struct EntryOrder {
  using is_transparent = void;
  static EntryKey key(const EntryName& a) noexcept { return {a.hash, a.name}; }
  static EntryKey key(const EntryKey& a) noexcept { return a; }
  template <class A, class B>
  bool operator()(const A& a, const B& b) const noexcept {
    const EntryKey one = key(a);
    const EntryKey other = key(b);
    return one.hash != other.hash ? one.hash < other.hash : one.name < other.name;
  }
};

inline const dev_t kNullDevice = makedev(1, 3);
inline const dev_t kFullDevice = makedev(1, 7);

struct Inode {
  Inode(Disk& home, mode_t type_and_permissions);
  ~Inode();
  Inode(const Inode&) = delete;
  Inode& operator=(const Inode&) = delete;

  bool is(mode_t type) const noexcept;            // S_IFDIR ...
  bool may(unsigned permissions) const noexcept;  // 4 read, 2 write, 1 search: as the owner
  Inode* find(std::string_view entry) const noexcept;

  Disk& disk;
  std::uint64_t number;
  std::uint64_t serial;  // never used twice, unlike the number
  mode_t mode;
  std::uint32_t links = 0;
  std::uint32_t opens = 0;  // descriptions
  bool named = false;       // some directory has it; the root counts as named
  dev_t device = 0;         // of a character device
  Nanos modified;           // since 1970, as coarse as the kernel's tick
  Nanos changed;
  Nanos accessed;

  Content content;                                    // regular
  std::string target;                                 // symbolic link
  std::map<EntryName, InodeRef, EntryOrder> entries;  // directory

  // Where its name is or last was. There is one at most: nothing here makes a second.
  InodeRef parent;
  std::string name;

  std::vector<FileWatch*> watches;  // in the order in which they came

 private:
  friend class InodeRef;
  std::uint32_t references_ = 0;
};

}  // namespace vigil::sim
