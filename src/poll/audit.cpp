// The findings of the auditor. Its own system calls ask and change nothing: poll(2), FIONREAD,
// F_GETFL.
#include "poll/audit.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cstdio>
#include <string>

namespace vigil {
namespace {

// A stream at its end is readable for ever, with nothing to read: that is no forgotten byte.
bool holds_unread(NativeHandle handle) noexcept {
  pollfd one{handle, POLLIN, 0};
  if (::poll(&one, 1, 0) != 1 || (one.revents & POLLIN) == 0) {
    return false;
  }
  int unread = 0;
  return ::ioctl(handle, FIONREAD, &unread) != 0 || unread > 0;  // a listener has no FIONREAD
}

void to_standard_error(std::string_view sentence) {
  std::fprintf(stderr, "%.*s\n", static_cast<int>(sentence.size()), sentence.data());
}

}  // namespace

Auditor::Auditor(std::function<void(std::string_view)> sink) : sink_(std::move(sink)) {
  if (!sink_) {
    sink_ = to_standard_error;
  }
}

void Auditor::added(Slot slot, NativeHandle handle, std::source_location where) {
  if (slot.index >= origins_.size()) {
    origins_.resize(slot.index + 1);
    told_.reserve(origins_.size());  // at most one a source, so that told() does not allocate
  }
  origins_[slot.index] = {handle, where};
}

void Auditor::armed_edge(Slot slot) noexcept {
  const int flags = ::fcntl(origins_[slot.index].handle, F_GETFL);
  if (flags >= 0 && (flags & O_NONBLOCK) == 0) {
    say(slot,
        "is watched edge-triggered but blocks: set O_NONBLOCK, or use MSG_DONTWAIT in every call, "
        "since the call that "
        "finds nothing more would stop the program");
  }
}

void Auditor::told(Slot slot) noexcept {
  forget(slot);
  told_.push_back({slot, false});
}

void Auditor::forget(Slot slot) noexcept {
  std::erase_if(told_, [slot](const Told& one) { return one.slot == slot; });
}

bool Auditor::suspects_any() noexcept {
  bool any = false;
  for (Told& one : told_) {
    one.suspect = holds_unread(origins_[one.slot.index].handle);
    any = any || one.suspect;
  }
  return any;
}

void Auditor::name_suspects(bool emulated) noexcept {
  for (const Told& one : told_) {
    if (one.suspect) {
      say(one.slot, emulated ? "can be read, and its edge was told without a would_block() since: "
                               "read until it would "
                               "block and say so, or it is not told again"
                             : "can be read, and its edge was told already: read until it would "
                               "block before waiting, "
                               "or it stalls");
    }
  }
  std::erase_if(told_, [](const Told& one) { return one.suspect; });
}

void Auditor::say(Slot slot, const char* finding) noexcept {
  const Origin& origin = origins_[slot.index];
  try {
    std::string sentence = "vigil audit: descriptor " + std::to_string(origin.handle) +
                           ", added at " + origin.where.file_name() + ':' +
                           std::to_string(origin.where.line());
    sentence.append(" (").append(origin.where.function_name()).append("), ").append(finding);
    sink_(sentence);
  } catch (...) {
    // Out of memory, or a sink that throws: an audit must not end the program.
  }
}

}  // namespace vigil
