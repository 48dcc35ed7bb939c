// Names of files by paths that the program itself chose: relative to the working directory, links
// on the way followed. For paths that come from outside, see Directory, which has the same calls
// and the same errors; cancel does to these what it does to those.
#pragma once

#include <cstdint>
#include <string>

#include "vigil/base/result.hpp"
#include "vigil/coro/task.hpp"
#include "vigil/fs/file.hpp"

namespace vigil::fs {

// Looks at a path, links followed; needs no permission to read it. Errors: those of statx(2).
Task<Result<Status>> status_of(std::string path);

// Makes one directory. `mode` less the umask.
Task<Result<>> make_directory(std::string path, std::uint32_t mode = 0777);

// Makes a directory and those on the way that are not there. One that is there is no error; what is
// there and is no directory is not_a_directory. Cancel and errors leave what was made.
Task<Result<>> make_directories(std::string path, std::uint32_t mode = 0777);

// Removes a name that is no directory.
Task<Result<>> unlink(std::string path);

// Removes an empty directory.
Task<Result<>> remove_directory(std::string path);

// Moves a name, and replaces what `to` named unless `keep_existing`.
Task<Result<>> rename(std::string from, std::string to, bool keep_existing = false);

}  // namespace vigil::fs
