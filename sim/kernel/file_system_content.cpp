// The bytes of regular files: blocks, dirty from their first change until they are synced.
#include <algorithm>
#include <cstring>

#include "kernel/file_system_disk.hpp"
#include "kernel/file_system_inode.hpp"

namespace vigil::sim {

Content::Content(Inode& inode) noexcept : inode_(inode), caches_(inode.disk.caches()) {}

Content::~Content() {
  inode_.disk.clean(inode_);
  inode_.disk.give_room(held_ * kBlock);
}

bool Content::cold() const noexcept { return caches_ != inode_.disk.caches(); }

void Content::warm() const noexcept { caches_ = inode_.disk.caches(); }

std::size_t Content::read(std::uint64_t offset, std::span<std::byte> to) const noexcept {
  if (offset >= size_) {
    return 0;
  }
  warm();
  const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(to.size(), size_ - offset));
  auto block = blocks_.lower_bound(offset / kBlock);
  for (std::size_t done = 0; done < count;) {
    const std::uint64_t index = (offset + done) / kBlock;
    const auto begin = static_cast<std::size_t>((offset + done) % kBlock);
    const std::size_t part = std::min(kBlock - begin, count - done);
    const bool here = block != blocks_.end() && block->first == index;
    if (here && block->second.seen) {
      std::memcpy(to.data() + done, block->second.seen->data() + begin, part);
    } else {
      std::memset(to.data() + done, 0, part);
    }
    if (here) {
      ++block;
    }
    done += part;
  }
  return count;
}

// Bytes for a block that has none, zeroed; false: the disk is full.
bool Content::fill(Block& block, bool forced) {
  if (!block.seen) {
    if (!inode_.disk.take_room(kBlock, forced)) {
      return false;
    }
    block.seen = std::make_unique<Bytes>();
    ++held_;
  }
  return true;
}

void Content::empty(Block& block) noexcept {
  if (block.seen) {
    block.seen.reset();
    inode_.disk.give_room(kBlock);
    --held_;
  }
}

// To be called before the block changes.
void Content::changed(std::uint64_t index, Block& block) {
  block.given_up = false;
  if (block.dirty) {
    return;
  }
  block.dirty = true;
  block.since = inode_.disk.uptime();
  if (block.seen) {
    block.on_disk = std::make_unique<Bytes>(*block.seen);
  }
  dirty_.push_back(index);
  inode_.disk.dirty(inode_);
}

Content::Block* Content::writable(std::uint64_t index) {
  Block& block = blocks_[index];
  changed(index, block);
  return fill(block, false) ? &block : nullptr;
}

void Content::changes_size(std::uint64_t size) {
  if (size == size_) {
    return;
  }
  if (size_ == disk_size_) {
    size_since_ = inode_.disk.uptime();
  }
  size_ = size;
  inode_.disk.dirty(inode_);
}

bool Content::reserve(std::uint64_t offset, std::uint64_t size) {
  for (std::uint64_t index = offset / kBlock; index * kBlock < offset + size; ++index) {
    if (writable(index) == nullptr) {
      return false;
    }
  }
  return true;
}

void Content::punch(std::uint64_t offset, std::uint64_t size) {
  const std::uint64_t end = offset + size;
  for (auto block = blocks_.lower_bound(offset / kBlock);
       block != blocks_.end() && block->first * kBlock < end; ++block) {
    if (!block->second.seen) {
      continue;
    }
    changed(block->first, block->second);
    const std::uint64_t begin = block->first * kBlock;
    if (offset <= begin && end >= begin + kBlock) {
      empty(block->second);
      continue;
    }
    const std::uint64_t from = std::max(offset, begin) - begin;
    const std::uint64_t to = std::min(end - begin, std::uint64_t{kBlock});
    std::memset(block->second.seen->data() + from, 0, static_cast<std::size_t>(to - from));
  }
}

std::size_t Content::write(std::uint64_t offset, std::span<const std::byte> from) {
  warm();
  std::size_t done = 0;
  while (done < from.size()) {
    Block* block = writable((offset + done) / kBlock);
    if (block == nullptr) {
      break;
    }
    const auto begin = static_cast<std::size_t>((offset + done) % kBlock);
    const std::size_t part = std::min(kBlock - begin, from.size() - done);
    std::memcpy(block->seen->data() + begin, from.data() + done, part);
    done += part;
  }
  if (done != 0) {
    changes_size(std::max(size_, offset + done));
  }
  return done;
}

void Content::resize(std::uint64_t size) {
  if (size < size_) {
    cut(size);
  }
  changes_size(size);
}

// Takes away what is behind `size`; the disk has it still.
void Content::cut(std::uint64_t size) {
  auto block = blocks_.lower_bound(size / kBlock);
  if (const auto kept = static_cast<std::size_t>(size % kBlock); kept != 0) {
    if (block != blocks_.end() && block->first == size / kBlock) {
      if (block->second.seen) {
        changed(block->first, block->second);
        std::memset(block->second.seen->data() + kept, 0, kBlock - kept);
      }
      ++block;
    }
  }
  for (; block != blocks_.end(); ++block) {
    changed(block->first, block->second);
    empty(block->second);
  }
}

// The block is clean as it is seen, if `written`, or stays as one that will never be written.
void Content::settle(Block& block, bool written) {
  block.dirty = !written;
  block.given_up = !written;
  if (written) {
    block.on_disk.reset();
  }
}

void Content::sync() noexcept {
  std::erase_if(dirty_, [this](std::uint64_t index) {
    const auto block = blocks_.find(index);
    if (block->second.given_up) {
      return false;
    }
    settle(block->second, true);
    if (!block->second.seen) {
      blocks_.erase(block);
    }
    return true;
  });
  disk_size_ = size_;
  if (dirty_.empty()) {
    inode_.disk.clean(inode_);
  }
}

void Content::sync_failed() noexcept {
  for (const std::uint64_t index : dirty_) {
    settle(blocks_.find(index)->second, false);
  }
}

void Content::crash() {
  Disk& disk = inode_.disk;
  const Instant written_before = disk.uptime() - Disk::kContentAfter;
  std::uint64_t size = size_;
  if (size_ != disk_size_ && size_since_ > written_before) {
    const std::uint64_t choice = disk.draw(3);
    const std::uint64_t low = std::min(size_, disk_size_);
    size = choice == 0   ? disk_size_
           : choice == 1 ? size_
                         : low + disk.draw(std::max(size_, disk_size_) - low + 1);
  }
  for (const std::uint64_t index : dirty_) {
    Block& block = blocks_.find(index)->second;
    std::size_t new_bytes = kBlock;
    if (block.given_up || block.since > written_before) {
      const std::uint64_t choice = block.given_up ? 0 : disk.draw(3);
      new_bytes = choice == 0   ? 0
                  : choice == 1 ? kBlock
                                : static_cast<std::size_t>(disk.draw(kBlock / kSector)) * kSector;
    }
    if (new_bytes == 0 && !block.on_disk) {
      empty(block);
    } else if (new_bytes != kBlock) {
      fill(block, true);
      const std::size_t old_bytes = kBlock - new_bytes;
      if (block.on_disk) {
        std::memcpy(block.seen->data() + new_bytes, block.on_disk->data() + new_bytes, old_bytes);
      } else {
        std::memset(block.seen->data() + new_bytes, 0, old_bytes);
      }
    }
    settle(block, true);
  }
  dirty_.clear();
  size_ = size;
  cut(size);  // blocks behind the end may have survived
  sync();
}

}  // namespace vigil::sim
