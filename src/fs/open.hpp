// What File, Directory and the free functions share: the one way to open something, and to change
// a name.
#pragma once

#include <string>

#include "vigil/fs/file.hpp"

namespace vigil::fs::detail {

// What a user's options say to Opcode::open.
OpenArgs arguments_of(const OpenOptions& options, NativeHandle directory, Follow follow) noexcept;

// Opens `args` with its path set to `path`. A handle that a thread opened is taken over even if the
// task was cancelled meanwhile, so none leaks.
Task<Result<Owned>> open_through_lane(OpenArgs args, std::string path);

// Opcode::make_directory or unlink with its path set to `path`.
Task<Result<>> change_name(Opcode code, NameArgs args, std::string path);

// Opcode::rename with its paths set.
Task<Result<>> move_name(RenameArgs args, std::string from, std::string to);

}  // namespace vigil::fs::detail
