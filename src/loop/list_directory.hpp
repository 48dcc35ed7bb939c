// Entries of an open directory, a batch at a time.
#pragma once

#include <cstdint>

#include "vigil/loop/file_arguments.hpp"

namespace vigil {

// Opcode::list: the bytes used, 0 at the end, or -errno.
std::int32_t list_directory(int directory, ListArgs& args) noexcept;

}  // namespace vigil
