// replace: a file's new content, all of it or none.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "vigil/base/bytes.hpp"
#include "vigil/base/result.hpp"
#include "vigil/coro/task.hpp"
#include "vigil/fs/directory.hpp"

namespace vigil::fs {

struct ReplaceOptions {
  // The file's permissions, whatever the umask. None: those that it has, or for a new one 0666 less
  // the umask. Its owner becomes who replaces it.
  std::optional<std::uint32_t> mode = std::nullopt;
  // Waits until the disk has it. Without, readers see the old or the new file all the same, but
  // after a crash of the machine it may be empty: for what can be made again.
  bool durable = true;
};

// Writes `bytes` beside the file, under a name of its own (".vigil-" and 16 random digits), brings
// them to the disk, moves them over the file, and brings that to the disk: whoever opens `path`
// sees the whole old file or the whole new one, and so does the machine after a crash. Once it has
// succeeded, the new one. A symbolic link at `path` is replaced, not followed. `path` is the
// program's own: see Directory for one that is not.
//
// The bytes are borrowed until the task ends. Cancel before the new file is moved into its place
// ends it with operation_canceled, the old file stays, and what was written is removed; from then
// on cancel is held back, for the disk's time, and the outcome is the replacement's. On an error
// the old file stays too, but for one of the last step: then the new one is in its place, and may
// not survive a crash. A crash can leave a file ".vigil-..." behind.
//
// Errors: no_space_on_device, permission_denied, no_such_file_or_directory (its directory),
// is_a_directory, io_error, operation_canceled and others of open(2), write(2), fsync(2) and
// rename(2).
Task<Result<>> replace(std::string path, ByteView bytes, ReplaceOptions options = {});

// The same beneath a directory that `path` cannot leave.
Task<Result<>> replace(const Directory& root, std::string path, ByteView bytes,
                       ReplaceOptions options = {});

}  // namespace vigil::fs
