// Paths: path_resolution(7), with the restrictions of openat2(2).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "kernel/file_system_inode.hpp"

namespace vigil::sim {

class Process;

// What becomes of a link that is a path's last name.
enum class LastLink : std::uint8_t {
  keep,           // it is the place: what makes and removes names
  slash_follows,  // it is, unless slashes follow it: O_NOFOLLOW
  follow
};

// Where a path led.
struct Place {
  // What the last step was: a name in a directory, or one that has none.
  enum class Last : std::uint8_t { name, dot, dot_dot, root };
  Last last = Last::root;
  InodeRef directory;  // where `name` is or would be
  std::string name;
  InodeRef inode;      // null: no such name in `directory`
  bool slash = false;  // slashes follow: it must be a directory
};

// Follows `path` from `directory` (AT_FDCWD: the working directory). `resolve`: openat2(2)'s bits.
// A last name that is not there is no error: Place::inode is null. Returns 0 or -errno.
std::int32_t find_place(Process& process, int directory, const char* path, LastLink link,
                        std::uint64_t resolve, Place& out);

// The same within the kernel, from the root and by its own leave.
std::int32_t find_place(const InodeRef& root, std::string_view path, LastLink link, Place& out);

}  // namespace vigil::sim
