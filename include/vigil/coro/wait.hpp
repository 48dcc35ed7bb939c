// Waiting for descriptors that are somebody else's: a database client's socket, a device, a library
// with its own I/O.
#pragma once

#include "vigil/base/handle.hpp"
#include "vigil/base/result.hpp"
#include "vigil/coro/task.hpp"
#include "vigil/poll/event.hpp"

namespace vigil {

// Waits until a call that reads from `handle` would not block, and returns what is ready: Ready
// bits (kReadable, kPriority, kPeerClosed, kHungUp, kError). It may be ready no more when the call
// is made, so the handle should be non-blocking. It stays the caller's: vigil neither reads nor
// closes it, and watches it during the wait only. One task may wait for reading while another waits
// for writing; two for the same are a check.
//
// The handle should stay open during the wait. If it is closed all the same the wait may never end
// by itself: a cancel or a deadline ends it, or bad_file_descriptor when a stream gets its number.
//
// Errors: operation_not_permitted (PollerErrc::not_pollable: a regular file is always ready, so
// read it), bad_file_descriptor, too_many_files_open (PollerErrc::above_limit: select only),
// operation_canceled, not_enough_memory.
Task<Result<Ready>> wait_readable(NativeHandle handle);

// The same for writing: kWritable, kHungUp, kError.
Task<Result<Ready>> wait_writable(NativeHandle handle);

}  // namespace vigil
