// The ring of pages, and what its two ends tell of it. The order of steps, and who is woken for
// what, are those of Linux's fs/pipe.c where a program can see them.
#include "kernel/pipe.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "kernel/kernel.hpp"

namespace vigil::sim {

std::size_t Pipe::size() const noexcept {
  std::size_t bytes = 0;
  for (std::uint64_t number = tail_; number != head_; ++number) {
    bytes += slots_[number % kSlots].length;
  }
  return bytes;
}

std::size_t Pipe::put(std::span<const std::byte> from, bool packet) noexcept {
  std::size_t taken = 0;
  // What is beyond whole pages goes into the last slot, if all of it fits there.
  const std::size_t odd = from.size() % kPage;
  if (odd != 0 && !empty()) {
    Slot& last = slot(head_ - 1);
    const std::size_t end = last.offset + last.length;
    if (!last.packet && end + odd <= kPage) {
      std::memcpy(last.page->data() + end, from.data(), odd);
      last.length += odd;
      taken = odd;
    }
  }
  while (taken < from.size() && !full()) {
    Slot& next = slot(head_);
    if (!next.page) {
      next.page.reset(new (std::nothrow) std::array<std::byte, kPage>);
      if (!next.page) {
        break;
      }
    }
    next.offset = 0;
    next.length = std::min(kPage, from.size() - taken);
    next.packet = packet;
    std::memcpy(next.page->data(), from.data() + taken, next.length);
    taken += next.length;
    ++head_;
  }
  return taken;
}

std::size_t Pipe::take(std::span<std::byte> to) noexcept {
  std::size_t taken = 0;
  while (taken < to.size() && !empty()) {
    Slot& first = slot(tail_);
    const std::size_t count = std::min(first.length, to.size() - taken);
    std::memcpy(to.data() + taken, first.page->data() + first.offset, count);
    taken += count;
    first.offset += count;
    first.length -= count;
    if (first.packet) {
      ++tail_;
      break;
    }
    if (first.length == 0) {
      ++tail_;
    }
  }
  return taken;
}

PipeEnd::PipeEnd(Kernel& kernel, std::shared_ptr<Pipe> pipe, bool writes) noexcept
    : File(kernel), pipe_(std::move(pipe)), writes_(writes) {
  access = writes ? O_WRONLY : O_RDONLY;
  (writes ? pipe_->writer : pipe_->reader) = this;
}

std::uint32_t PipeEnd::ready() const noexcept {
  if (writes_) {
    return (pipe_->full() ? 0U : kWritable | kWrNorm) |
           (pipe_->reader == nullptr ? std::uint32_t{kError} : 0U);
  }
  return (pipe_->empty() ? 0U : kReadable | kRdNorm) |
         (pipe_->writer == nullptr ? std::uint32_t{kHungUp} : 0U);
}

std::int64_t PipeEnd::read(std::span<std::byte> to) noexcept {
  if (to.empty()) {
    return 0;
  }
  if (pipe_->empty()) {
    return pipe_->writer == nullptr ? 0 : -EAGAIN;
  }
  const bool was_full = pipe_->full();
  const std::size_t there = std::min(to.size(), pipe_->size());
  bool cut = false;
  Weather& weather = kernel_.weather();
  if (there > 1 && weather.strikes(Fault::short_read, kernel_.id())) {
    to = to.first(1 + weather.below(Fault::short_read, kernel_.id(), there - 1));
    cut = true;
  }
  const std::size_t count = pipe_->take(to);
  const bool told = kernel_.limits().linux_version < 614 || !pipe_->full();
  if (was_full && told && pipe_->writer != nullptr) {
    pipe_->writer->queue().wake(kWritable | kWrNorm);
  }
  if (cut) {
    queue().wake(kReadable | kRdNorm);
  }
  return static_cast<std::int64_t>(count);
}

std::int64_t PipeEnd::write(std::span<const std::byte> from) noexcept {
  if (from.empty()) {
    return 0;
  }
  if (pipe_->reader == nullptr) {
    return -EPIPE;
  }
  bool cut = false;
  Weather& weather = kernel_.weather();
  if (from.size() > Pipe::kPage && weather.strikes(Fault::short_write, kernel_.id())) {
    from = from.first(1 + weather.below(Fault::short_write, kernel_.id(), from.size() - 1));
    cut = true;
  }
  const std::size_t count = pipe_->put(from, (access & O_DIRECT) != 0);
  // Linux wakes the reader whether or not there was something before, and even if nothing was
  // taken: edge-triggered programs came to depend on it.
  pipe_->reader->queue().wake(kReadable | kRdNorm);
  if (cut) {
    queue().wake(kWritable | kWrNorm);
  }
  return count == 0 ? -EAGAIN : static_cast<std::int64_t>(count);
}

void PipeEnd::closed() noexcept {
  leave();
  if (PipeEnd* other = writes_ ? pipe_->reader : pipe_->writer; other != nullptr) {
    other->queue().wake_all(0);
  }
}

void PipeEnd::leave() noexcept { (writes_ ? pipe_->writer : pipe_->reader) = nullptr; }

}  // namespace vigil::sim
