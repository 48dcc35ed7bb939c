// FileCache: the entries used last, within bounds of open files and of memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_map>

#include "serve/entry.hpp"

namespace vigil::app {

struct CacheLimits {
  std::size_t files = 0;   // open ones; an entry without any counts as one
  std::size_t memory = 0;  // bytes of bodies
};

// One thread's. Entries that are in use live on when they leave the cache.
class FileCache {
 public:
  explicit FileCache(CacheLimits limits) noexcept : limits_(limits) {}
  ~FileCache() { clear(); }
  FileCache(const FileCache&) = delete;
  FileCache& operator=(const FileCache&) = delete;

  // The entry of that key, which counts as used now; null if there is none.
  Entry* find(std::string_view key) noexcept;
  // Keeps the entry in place of what had its key; what was used longest ago leaves to make room.
  void keep(const EntryRef& entry);
  void forget(Entry& entry) noexcept;
  // Lets the half that was used longest ago go; false if nothing was there.
  bool shrink() noexcept;
  // The same where memory is scarce, and only of entries that hold some.
  void give_back() noexcept;
  void clear() noexcept;

  std::size_t entries() const noexcept { return by_key_.size(); }
  std::size_t files() const noexcept { return files_; }
  std::size_t memory() const noexcept { return memory_; }

 private:
  static std::size_t weight(const Entry& entry) noexcept {
    return entry.open_files == 0 ? 1 : entry.open_files;
  }
  void link(Entry& entry) noexcept;
  void unlink(Entry& entry) noexcept;

  CacheLimits limits_;
  std::unordered_map<std::string_view, EntryRef> by_key_;  // the key is the entry's own
  Entry* newest_ = nullptr;
  Entry* oldest_ = nullptr;
  std::size_t files_ = 0;
  std::size_t memory_ = 0;
};

}  // namespace vigil::app
