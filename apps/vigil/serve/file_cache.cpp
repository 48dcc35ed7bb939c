// The entries used last.
#include "serve/file_cache.hpp"

namespace vigil::app {

void FileCache::link(Entry& entry) noexcept {
  entry.newer_ = nullptr;
  entry.older_ = newest_;
  (newest_ != nullptr ? newest_->newer_ : oldest_) = &entry;
  newest_ = &entry;
}

void FileCache::unlink(Entry& entry) noexcept {
  (entry.newer_ != nullptr ? entry.newer_->older_ : newest_) = entry.older_;
  (entry.older_ != nullptr ? entry.older_->newer_ : oldest_) = entry.newer_;
}

Entry* FileCache::find(std::string_view key) noexcept {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) {
    return nullptr;
  }
  Entry& entry = *found->second;
  if (newest_ != &entry) {
    unlink(entry);
    link(entry);
  }
  return &entry;
}

void FileCache::keep(const EntryRef& entry) {
  if (const auto old = by_key_.find(entry->key); old != by_key_.end()) {
    forget(*old->second);
  }
  if (weight(*entry) > limits_.files || entry->memory > limits_.memory) {
    return;
  }
  while (files_ + weight(*entry) > limits_.files || memory_ + entry->memory > limits_.memory) {
    forget(*oldest_);
  }
  by_key_.emplace(entry->key, entry);
  link(*entry);
  files_ += weight(*entry);
  memory_ += entry->memory;
}

void FileCache::forget(Entry& entry) noexcept {
  const auto found = by_key_.find(entry.key);
  if (found == by_key_.end() || found->second.get() != &entry) {
    return;
  }
  unlink(entry);
  files_ -= weight(entry);
  memory_ -= entry.memory;
  const EntryRef last = std::move(found->second);  // the map's key must outlive its node
  by_key_.erase(found);
}

bool FileCache::shrink() noexcept {
  std::size_t count = (by_key_.size() + 1) / 2;
  const bool some = count > 0;
  for (; count > 0; --count) {
    forget(*oldest_);
  }
  return some;
}

void FileCache::give_back() noexcept {
  const std::size_t most = memory_ / 2;
  for (Entry* entry = oldest_; entry != nullptr && memory_ > most;) {
    Entry* newer = entry->newer_;
    if (entry->memory != 0) {
      forget(*entry);
    }
    entry = newer;
  }
}

void FileCache::clear() noexcept {
  while (oldest_ != nullptr) {
    forget(*oldest_);
  }
}

}  // namespace vigil::app
