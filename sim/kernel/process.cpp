// The handle table: the lowest free number first, as POSIX wants it, and found by the word.
#include "kernel/process.hpp"

#include <fcntl.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <new>
#include <utility>

#include "kernel/kernel.hpp"
#include "kernel/pipe.hpp"

namespace vigil::sim {
namespace {

constexpr std::size_t kWordBits = 64;

}  // namespace

Process::Process(Kernel& kernel, int pid, int parent, std::string name)
    : kernel_(kernel), pid_(pid), name_(std::move(name)), end_(std::make_shared<ProcessEnd>()) {
  end_->pid = pid;
  end_->parent = parent;
}

Process::~Process() { close_all(); }

File* Process::file(int fd) const noexcept {
  return fd >= 0 && static_cast<std::size_t>(fd) < table_.size()
             ? table_[static_cast<std::size_t>(fd)].file
             : nullptr;
}

File* Process::usable(int fd) const noexcept {
  File* found = file(fd);
  return found != nullptr && (found->access & O_PATH) == 0 ? found : nullptr;
}

int Process::limit() const noexcept {
  return handle_limit != 0 ? handle_limit : kernel_.limits().handles;
}

int Process::lowest_free(int from) const noexcept {
  const auto at = static_cast<std::size_t>(from);
  std::size_t word = at / kWordBits;
  if (word < taken_.size()) {
    const std::uint64_t above = ~taken_[word] & (~std::uint64_t{0} << (at % kWordBits));
    if (above != 0) {
      return static_cast<int>(word * kWordBits) + std::countr_zero(above);
    }
    // The next word with room, by the bits that say which have none.
    ++word;
    std::uint64_t later = ~std::uint64_t{0} << (word % kWordBits);
    for (std::size_t group = word / kWordBits; group < full_.size(); ++group, later = ~0ULL) {
      if (const std::uint64_t room = ~full_[group] & later; room != 0) {
        word = group * kWordBits + static_cast<std::size_t>(std::countr_zero(room));
        break;
      }
      word = (group + 1) * kWordBits;
    }
    if (word < taken_.size()) {
      return static_cast<int>(word * kWordBits) + std::countr_zero(~taken_[word]);
    }
  }
  return std::max(from, static_cast<int>(taken_.size() * kWordBits));
}

void Process::mark(int fd, bool taken) noexcept {
  const auto row = static_cast<std::size_t>(fd);
  const std::size_t word = row / kWordBits;
  const std::uint64_t bit = std::uint64_t{1} << (row % kWordBits);
  const std::uint64_t word_bit = std::uint64_t{1} << (word % kWordBits);
  taken_[word] = taken ? taken_[word] | bit : taken_[word] & ~bit;
  std::uint64_t& group = full_[word / kWordBits];
  group = taken_[word] == ~std::uint64_t{0} ? group | word_bit : group & ~word_bit;
}

std::int32_t Process::place(File& file, bool close_on_exec, int from) noexcept {
  const int fd = lowest_free(from);
  if (fd >= limit() || ended_) {
    return -EMFILE;
  }
  const auto row = static_cast<std::size_t>(fd);
  try {
    if (row >= table_.size()) {
      table_.resize(row + 1);
      taken_.resize(std::max(taken_.size(), row / kWordBits + 1));
      full_.resize(taken_.size() / kWordBits + 1);
    }
  } catch (const std::bad_alloc&) {
    return -ENOMEM;
  }
  mark(fd, true);
  table_[row] = {&file, close_on_exec};
  file.hold_handle();
  return fd;
}

std::int32_t Process::install(File& file, bool close_on_exec) noexcept {
  if (kernel_.weather().strikes(Fault::no_descriptor, kernel_.id())) {
    return -EMFILE;
  }
  return place(file, close_on_exec, 0);
}

std::int32_t Process::install_new(File* file, int open_flags) noexcept {
  if (file == nullptr) {
    return -ENOMEM;
  }
  file->nonblocking = (open_flags & O_NONBLOCK) != 0;
  file->hold();
  const std::int32_t fd = install(*file, (open_flags & O_CLOEXEC) != 0);
  file->drop();
  return fd;
}

std::int32_t Process::close(int fd) noexcept {
  File* found = file(fd);
  if (found == nullptr) {
    return -EBADF;
  }
  table_[static_cast<std::size_t>(fd)] = {};
  mark(fd, false);
  found->drop_handle();
  return 0;
}

void Process::close_all() noexcept {
  start_in(nullptr);
  // Linux walks the table upwards, and lets go of the descriptions that this was the end of
  // afterwards, the last one first.
  std::size_t ending = 0;
  for (const Row& row : table_) {
    if (row.file != nullptr && row.file->handles() > 1) {
      row.file->drop_handle();
    } else if (row.file != nullptr) {
      table_[ending++].file = row.file;
    }
  }
  while (ending != 0) {
    table_[--ending].file->drop_handle();
  }
  table_ = {};
  taken_ = {};
  full_ = {};
  gathered_ = {};
}

std::int32_t Process::dup(int fd) noexcept {
  File* found = file(fd);
  return found == nullptr ? -EBADF : install(*found, false);
}

std::int32_t Process::dup3(int from, int to, int flags) noexcept {
  if ((flags & ~O_CLOEXEC) != 0 || from == to) {
    return -EINVAL;
  }
  File* found = file(from);
  if (to < 0 || to >= limit() || found == nullptr) {
    return -EBADF;
  }
  found->hold();  // closing `to` may close the last handle that leads here
  close(to);
  const std::int32_t fd = place(*found, (flags & O_CLOEXEC) != 0, to);
  found->drop();
  return fd;
}

std::int32_t Process::fcntl(int fd, int command, int argument) noexcept {
  constexpr int kSettable = O_APPEND | O_NONBLOCK | O_ASYNC | O_DIRECT | O_NOATIME;
  File* found = file(fd);
  if (found == nullptr) {
    return -EBADF;
  }
  Row& row = table_[static_cast<std::size_t>(fd)];
  switch (command) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
      if (argument < 0 || argument >= limit()) {
        return -EINVAL;
      }
      return place(*found, command == F_DUPFD_CLOEXEC, argument);
    case F_GETFD:
      return row.close_on_exec ? FD_CLOEXEC : 0;
    case F_SETFD:
      row.close_on_exec = (argument & FD_CLOEXEC) != 0;
      return 0;
    case F_GETFL:
      return found->access | (found->nonblocking ? O_NONBLOCK : 0);
    case F_SETFL:
      if (usable(fd) == nullptr) {
        return -EBADF;
      }
      if ((argument & O_DIRECT) != 0 && dynamic_cast<PipeEnd*>(found) == nullptr) {
        return -EINVAL;  // of a pipe it asks for packets
      }
      found->access = (found->access & ~kSettable) | (argument & kSettable & ~O_NONBLOCK);
      found->nonblocking = (argument & O_NONBLOCK) != 0;
      return 0;
    case F_GETPIPE_SZ:
      return dynamic_cast<PipeEnd*>(found) != nullptr ? static_cast<int>(Pipe::kSize) : -EBADF;
    default:
      return -EINVAL;
  }
}

std::size_t Process::open_handles() const noexcept {
  std::size_t open = 0;
  for (const std::uint64_t word : taken_) {
    open += static_cast<std::size_t>(std::popcount(word));
  }
  return open;
}

}  // namespace vigil::sim
