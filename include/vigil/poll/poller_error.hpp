// What a Poller refuses, each with a message that says what to do instead.
#pragma once

#include <system_error>

namespace vigil {

// The codes of poller_category(). Each compares equal to the std::errc that is named beside it, so
// that a program may ask either way: `error == PollerErrc::not_pollable`, `error ==
// std::errc::operation_not_permitted`. Errors of the system without advice of their own (out of
// memory, ...) come as they are, in std::generic_category().
enum class PollerErrc {
  not_pollable =
      1,  // operation_not_permitted: a regular file, a directory, or a device that is always ready
  already_added,      // file_exists: this descriptor, or this signal, has a source
  closed_descriptor,  // bad_file_descriptor: not open, or no longer the file that was added
  above_limit,     // too_many_files_open: the backend (select) cannot watch a descriptor this high
  unknown_source,  // no_such_file_or_directory: the token was removed, or is another Poller's
  wrong_source,    // invalid_argument: modify() with another kind, descriptor, signal, process or
                   // path
  bad_exclusive,   // invalid_argument: exclusive with one-shot, kPeerClosed, or a modify()
  bad_time,        // invalid_argument: a period below zero
  bad_interest,  // invalid_argument: bits that are no Ready (descriptor) or VnodeChange (vnode), or
                 // no change
  unknown_backend,  // invalid_argument: the message lists the right names
  spent_source,     // no_such_process: a process source that has told its end
  watch_limit,      // no_space_on_device: the user's limit of watches is reached
  forked            // operation_not_permitted: a child process uses its parent's Poller
};

const std::error_category& poller_category() noexcept;

inline std::error_code make_error_code(PollerErrc code) noexcept {
  return {static_cast<int>(code), poller_category()};
}

}  // namespace vigil

template <>
struct std::is_error_code_enum<vigil::PollerErrc> : std::true_type {};
