// Opening a path that cannot leave a directory: one call where the kernel has it, else step by
// step.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "vigil/loop/file_arguments.hpp"

namespace vigil {

// openat2(2), or the walk where it is missing (before Linux 5.6) or forbidden. A handle, or -errno:
// EXDEV if the path leaves `directory`, ELOOP for a link that is not followed or too many of them.
std::int32_t open_beneath(int directory, const char* path, int flags, mode_t mode,
                          bool links) noexcept;

// The same by opening one name after the other, each without following a link. ".." goes back to
// the directory that was passed on the way, whatever was moved meanwhile.
std::int32_t open_by_walking(int directory, const char* path, int flags, mode_t mode,
                             bool links) noexcept;

}  // namespace vigil
