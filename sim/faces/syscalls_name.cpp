// Names made, removed and moved, and room on the disk: what a lane's step performs.
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>

#include <cerrno>

#include "faces/syscalls.hpp"
#include "loop/file_parts.hpp"
#include "vigil/loop/descriptor.hpp"

namespace vigil::sim {
namespace {

template <class Act>
std::int32_t at_name(Process& process, NativeHandle directory, const char* path, Follow follow,
                     Act act) noexcept {
  const std::uint64_t resolve =
      RESOLVE_BENEATH | (follow == Follow::none ? RESOLVE_NO_SYMLINKS : 0);
  return at_parent(
      directory, path, follow,
      [&process, resolve](int root, const char* parent) {
        return process.openat2(root, parent, O_PATH | O_DIRECTORY | O_CLOEXEC, 0, resolve);
      },
      [&process](int handle) { process.close(handle); }, act);
}

std::int32_t make_directory(Process& process, const NameArgs& args) noexcept {
  return at_name(
      process, args.directory, args.path, args.follow,
      [&](int directory, const char* name) { return process.mkdirat(directory, name, args.mode); });
}

std::int32_t unlink(Process& process, const NameArgs& args) noexcept {
  const int flags = args.is_directory ? AT_REMOVEDIR : 0;
  return at_name(
      process, args.directory, args.path, args.follow,
      [&](int directory, const char* name) { return process.unlinkat(directory, name, flags); });
}

std::int32_t rename(Process& process, const RenameArgs& args) noexcept {
  const unsigned flags = args.keep_existing ? RENAME_NOREPLACE : 0;
  const auto move = [&](int from, const char* old_name) {
    return at_name(process, args.to_directory, args.to, args.follow,
                   [&](int to, const char* new_name) {
                     return process.renameat(from, old_name, to, new_name, flags);
                   });
  };
  return at_name(process, args.from_directory, args.from, args.follow, move);
}

}  // namespace

std::int32_t name_operation(Process& process, Op& op) noexcept {
  switch (op.code) {
    case Opcode::make_directory:
      return make_directory(process, *reinterpret_cast<const NameArgs*>(op.data));
    case Opcode::unlink:
      return unlink(process, *reinterpret_cast<const NameArgs*>(op.data));
    case Opcode::rename:
      return rename(process, *reinterpret_cast<const RenameArgs*>(op.data));
    case Opcode::allocate: {
      const auto& range = *reinterpret_cast<const FileRange*>(op.data);
      return process.fallocate(op.on->handle, mode_of(static_cast<Allocation>(op.detail)),
                               range.offset, range.size);
    }
    case Opcode::truncate:
      return process.ftruncate(op.on->handle, reinterpret_cast<const FileRange*>(op.data)->size);
    default:
      return -ENOSYS;
  }
}

}  // namespace vigil::sim
