// Whether a file's pages are in memory, and how they come there: what lets a loop's thread send
// files without ever waiting for a disk.
#pragma once

#include <cstdint>

#include "vigil/loop/arguments.hpp"

namespace vigil {

// On the loop's thread. Whether the next bytes of `file` can be sent without a wait: `in_memory`
// says how far. False if the first is not there, or the file system cannot tell. True at the end of
// the file too.
bool look_for_pages(SendFile& file) noexcept;

// Opcode::fetch, on a lane's thread: reads the next share into memory, and asks for the one behind
// it, which comes while this one is sent. 0 or -errno.
std::int32_t fetch(SendFile& file) noexcept;

}  // namespace vigil
