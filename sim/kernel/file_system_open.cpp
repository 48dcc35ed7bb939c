// Reading, writing and listing through a description.
#include "kernel/file_system_open.hpp"

#include <dirent.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "kernel/file_system.hpp"
#include "kernel/file_system_disk.hpp"
#include "kernel/file_system_watch.hpp"
#include "vigil/poll/event.hpp"

namespace vigil::sim {
namespace {

constexpr std::size_t kMostBytes = 0x7fff'f000;  // of one call (MAX_RW_COUNT)

std::uint8_t entry_type(const Inode& inode) noexcept {
  return static_cast<std::uint8_t>(IFTODT(inode.mode));
}

// Of direct I/O: what a disk reads and writes whole.
bool misaligned(const void* memory, std::size_t size, std::uint64_t offset) noexcept {
  return ((reinterpret_cast<std::uintptr_t>(memory) | size | offset) % Content::kSector) != 0;
}

}  // namespace

OpenFile* open_file(File* file) noexcept { return dynamic_cast<OpenFile*>(file); }

OpenFile::OpenFile(Kernel& kernel, InodeRef inode, int flags)
    : File(kernel), inode_(std::move(inode)) {
  constexpr int kLargeFile = 0100000;  // 64-bit systems set it by themselves
  access = flags & (O_ACCMODE | O_APPEND | O_PATH | O_DIRECTORY | O_NOFOLLOW | O_SYNC | O_DIRECT);
  access |= (flags & O_PATH) == 0 ? kLargeFile : 0;
  nonblocking = (flags & O_NONBLOCK) != 0;
  ++inode_->opens;
  if (!only_name()) {
    file_changed(*inode_, IN_OPEN);
  }
}

OpenFile::~OpenFile() { closed(); }

void OpenFile::closed() noexcept {
  if (std::exchange(closed_, true)) {
    return;
  }
  if (!only_name()) {
    file_changed(*inode_, writable() ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE);
  }
  --inode_->opens;
  inode_->disk.released(*inode_);
}

std::uint32_t OpenFile::ready() const noexcept { return kReadable | kWritable | kRdNorm | kWrNorm; }

std::int64_t OpenFile::read(std::span<std::byte> to) noexcept {
  const std::int64_t got = read_at(to, offset_);
  offset_ += got > 0 ? static_cast<std::uint64_t>(got) : 0;
  return got;
}

// null(4), full(4).
std::int64_t OpenFile::read_device(std::span<std::byte> to) const noexcept {
  if (inode_->device == kNullDevice) {
    return 0;
  }
  std::ranges::fill(to, std::byte{});
  return static_cast<std::int64_t>(to.size());
}

std::int64_t OpenFile::read_at(std::span<std::byte> to, std::uint64_t offset) noexcept {
  if (!readable()) {
    return -EBADF;
  }
  if (inode_->is(S_IFDIR)) {
    return -EISDIR;
  }
  if (!inode_->is(S_IFREG)) {
    return read_device(to);
  }
  if (direct() && misaligned(to.data(), to.size(), offset)) {
    return -EINVAL;
  }
  if (kernel_.weather().strikes(Fault::disk_error, kernel_.id())) {
    return -EIO;
  }
  const std::size_t got = inode_->content.read(offset, to.first(std::min(to.size(), kMostBytes)));
  if (got != 0) {
    file_changed(*inode_, IN_ACCESS);
  }
  return static_cast<std::int64_t>(got);
}

std::int64_t OpenFile::write(std::span<const std::byte> from) noexcept {
  return put(from, offset_);
}

std::int64_t OpenFile::write_at(std::span<const std::byte> from, std::uint64_t offset) noexcept {
  return put(from, offset);
}

std::int64_t OpenFile::put(std::span<const std::byte> from, std::uint64_t& offset) noexcept {
  if (!writable()) {
    return -EBADF;
  }
  const auto bytes = from.first(std::min(from.size(), kMostBytes));
  if (!inode_->is(S_IFREG)) {
    return inode_->device == kFullDevice ? -ENOSPC : static_cast<std::int64_t>(bytes.size());
  }
  if (bytes.empty()) {
    return 0;
  }
  if (direct() && misaligned(bytes.data(), bytes.size(), offset)) {
    return -EINVAL;
  }
  if (kernel_.weather().strikes(Fault::disk_error, kernel_.id())) {
    return -EIO;
  }
  if (kernel_.weather().strikes(Fault::disk_full, kernel_.id())) {
    return -ENOSPC;
  }
  Content& content = inode_->content;
  if ((access & O_APPEND) != 0) {
    offset = content.size();
  }
  if (offset > Content::kLargest - bytes.size()) {
    return -EFBIG;
  }
  const std::size_t done = content.write(offset, bytes);
  if (done == 0) {
    return -ENOSPC;
  }
  offset += done;
  inode_->modified = inode_->changed = inode_->disk.now();
  file_changed(*inode_, IN_MODIFY);
  return static_cast<std::int64_t>(done);
}

std::int32_t OpenFile::resize(std::uint64_t size) noexcept {
  if (only_name()) {
    return -EBADF;
  }
  if (!writable() || !inode_->is(S_IFREG)) {
    return -EINVAL;
  }
  if (size > Content::kLargest) {
    return static_cast<std::int64_t>(size) < 0 ? -EINVAL : -EFBIG;
  }
  inode_->content.resize(size);
  inode_->modified = inode_->changed = inode_->disk.now();
  file_changed(*inode_, IN_MODIFY);
  return 0;
}

std::int32_t OpenFile::allocate(std::uint64_t offset, std::uint64_t size, bool keep_size,
                                bool punch) noexcept {
  if (!writable()) {
    return -EBADF;
  }
  if (!inode_->is(S_IFREG)) {
    return inode_->is(S_IFDIR) ? -EISDIR : -ENODEV;
  }
  if (offset > Content::kLargest - std::min(size, Content::kLargest)) {
    return -EFBIG;
  }
  if (punch) {
    inode_->content.punch(offset, size);
  } else if (kernel_.weather().strikes(Fault::disk_full, kernel_.id()) ||
             !inode_->content.reserve(offset, size)) {
    return -ENOSPC;
  } else if (!keep_size && offset + size > inode_->content.size()) {
    inode_->content.resize(offset + size);
  }
  inode_->modified = inode_->changed = inode_->disk.now();
  file_changed(*inode_, IN_MODIFY);
  return 0;
}

std::int32_t OpenFile::sync() noexcept {
  if (only_name()) {
    return -EBADF;
  }
  if (!inode_->is(S_IFREG) && !inode_->is(S_IFDIR)) {
    return -EINVAL;
  }
  const bool failed = kernel_.weather().strikes(Fault::disk_error, kernel_.id());
  if (inode_->is(S_IFREG)) {
    failed ? inode_->content.sync_failed() : inode_->content.sync();
  } else if (!failed) {
    inode_->disk.sync_names(*inode_);
  }
  return failed ? -EIO : 0;
}

std::int32_t OpenFile::next_entry(Process::Entry& out) {
  if (!readable()) {
    return -EBADF;
  }
  if (!inode_->is(S_IFDIR)) {
    return -ENOTDIR;
  }
  if (!listing_) {
    if (kernel_.weather().strikes(Fault::disk_error, kernel_.id())) {
      return -EIO;
    }
    file_changed(*inode_, IN_ACCESS);
  }
  const auto next = listing_ ? inode_->entries.upper_bound(place_) : inode_->entries.begin();
  if (next == inode_->entries.end()) {
    return inode_->named ? 0 : -ENOENT;  // as getdents64(2) of a directory that was removed
  }
  listing_ = true;
  place_ = next->first;
  out = {.name = place_.name, .inode = next->second->number, .type = entry_type(*next->second)};
  return 1;
}

}  // namespace vigil::sim
