// The line discipline, as far as it is here, and what the ends tell of each other.
#include "kernel/terminal.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace vigil::sim {

// What nobody looks at is lost: typing waits for no echo.
void Terminal::show(char c) {
  if (shown.size() >= kRoom) {
    return;
  }
  if (c == '\n') {
    shown += '\r';
  }
  shown += c;
}

TerminalEnd::TerminalEnd(Kernel& kernel, std::shared_ptr<Terminal> terminal, bool master) noexcept
    : File(kernel), terminal_(std::move(terminal)), master_(master) {
  access = O_RDWR;
  (master ? terminal_->master : terminal_->user) = this;
  terminal_->opened = terminal_->opened || !master;
}

bool TerminalEnd::hung_up() const noexcept {
  return master_ ? terminal_->opened && terminal_->user == nullptr : terminal_->master == nullptr;
}

void TerminalEnd::tell_other(std::uint32_t bits) noexcept {
  if (TerminalEnd* other = master_ ? terminal_->user : terminal_->master; other != nullptr) {
    other->queue().wake(bits);
  }
}

std::uint32_t TerminalEnd::ready() const noexcept {
  if (!master_ && hung_up()) {
    return kReadable | kWritable | kError | kHungUp | kRdNorm | kWrNorm;
  }
  const bool readable = master_ ? !terminal_->shown.empty() : terminal_->has_line();
  const std::string& target = master_ ? terminal_->typed : terminal_->shown;
  return (readable ? kReadable | kRdNorm : 0U) |
         (target.size() < Terminal::kRoom ? kWritable | kWrNorm : 0U) |
         (hung_up() ? std::uint32_t{kHungUp} : 0U);
}

std::int64_t TerminalEnd::read(std::span<std::byte> to) noexcept {
  if (to.empty()) {
    return 0;
  }
  std::string& source = master_ ? terminal_->shown : terminal_->typed;
  std::size_t there = source.size();
  if (!master_) {
    const std::size_t line = source.find('\n');
    there = line == source.npos ? 0 : line + 1;
    if (hung_up()) {
      return 0;
    }
  }
  if (there == 0) {
    return hung_up() ? -EIO : -EAGAIN;
  }
  const std::size_t count = std::min(there, to.size());
  source.copy(reinterpret_cast<char*>(to.data()), count);
  source.erase(0, count);
  tell_other(kWritable | kWrNorm);
  return static_cast<std::int64_t>(count);
}

std::int64_t TerminalEnd::write(std::span<const std::byte> from) noexcept {
  if (!master_ && hung_up()) {
    return -EIO;
  }
  const std::string& target = master_ ? terminal_->typed : terminal_->shown;
  std::size_t done = 0;
  for (; done != from.size() && target.size() < Terminal::kRoom; ++done) {
    const char c = static_cast<char>(from[done]);
    const char typed = master_ && c == '\r' ? '\n' : c;
    if (master_) {
      terminal_->typed += typed;
    }
    terminal_->show(typed);
  }
  if (done == 0) {
    return from.empty() ? 0 : -EAGAIN;
  }
  if (master_) {
    queue().wake(kReadable | kRdNorm);  // the echo
  }
  if (!master_ || terminal_->has_line()) {
    tell_other(kReadable | kRdNorm);
  }
  return static_cast<std::int64_t>(done);
}

void TerminalEnd::closed() noexcept {
  leave();
  tell_other(0);
}

void TerminalEnd::leave() noexcept {
  TerminalEnd*& place = master_ ? terminal_->master : terminal_->user;
  place = place == this ? nullptr : place;
}

}  // namespace vigil::sim
