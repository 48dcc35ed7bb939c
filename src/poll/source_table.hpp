// The sources of a Poller by slot: an index into a dense table, and the generation of the tenant.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "vigil/base/handle.hpp"
#include "vigil/poll/event.hpp"

namespace vigil {

struct SourceEntry {
  // The generation that wait() may pass through with nothing but its cookie; 0 (no generation) if
  // the source needs more: another kind than descriptor, an emulated trigger, paused, audited,
  // gone.
  std::uint32_t plain = 0;
  std::uint32_t generation = 0;
  std::uint64_t cookie = 0;
  NativeHandle handle =
      kNoHandle;  // what the selector watches: the program's, or ours; none for vnode and user
  std::uint32_t interest = 0;  // what the program asked for
  std::uint32_t armed = 0;     // what the selector watches for now
  Kind kind = Kind::descriptor;
  Trigger trigger = Trigger::level;
  bool exclusive = false;
  bool present = false;
};

class SourceTable {
 public:
  // A new tenant. Throws std::bad_alloc.
  Slot take() {
    if (free_.empty()) {
      entries_.emplace_back();
      free_.reserve(entries_.size());  // so that give() does not allocate
      free_.push_back(static_cast<std::uint32_t>(entries_.size() - 1));
    }
    const std::uint32_t index = free_.back();
    free_.pop_back();
    const std::uint32_t last = entries_[index].generation;
    entries_[index] = {};
    entries_[index].generation = last == std::numeric_limits<std::uint32_t>::max() ? 1 : last + 1;
    entries_[index].present = true;
    ++size_;
    return {index, entries_[index].generation};
  }

  void give(Slot slot) noexcept {
    SourceEntry& entry = entries_[slot.index];
    entry.present = false;
    entry.plain = 0;
    free_.push_back(slot.index);
    --size_;
  }

  SourceEntry* find(Slot slot) noexcept {
    if (slot.index >= entries_.size()) {
      return nullptr;
    }
    SourceEntry& entry = entries_[slot.index];
    return entry.present && entry.generation == slot.generation ? &entry : nullptr;
  }

  // What selectors hand back was given out by take().
  SourceEntry* data() noexcept { return entries_.data(); }
  std::size_t size() const noexcept { return size_; }

 private:
  std::vector<SourceEntry> entries_;
  std::vector<std::uint32_t> free_;
  std::size_t size_ = 0;
};

}  // namespace vigil
