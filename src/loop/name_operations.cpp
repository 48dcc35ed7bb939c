// Names made, removed and moved, and room on the disk: what may wait for it, so a lane's thread
// calls it.
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loop/file_parts.hpp"
#include "loop/open_beneath.hpp"
#include "loop/operations.hpp"
#include "vigil/loop/descriptor.hpp"

namespace vigil {
namespace {

template <class Act>
std::int32_t at_name(NativeHandle directory, const char* path, Follow follow, Act act) noexcept {
  return at_parent(
      directory, path, follow,
      [follow](int root, const char* parent) {
        return open_beneath(root, parent, O_PATH | O_DIRECTORY | O_CLOEXEC, 0,
                            follow == Follow::beneath);
      },
      [](int handle) { ::close(handle); }, act);
}

std::int32_t make_directory(const NameArgs& args) noexcept {
  return at_name(args.directory, args.path, args.follow, [&](int directory, const char* name) {
    return outcome([&] { return ::mkdirat(directory, name, args.mode); });
  });
}

std::int32_t unlink(const NameArgs& args) noexcept {
  const int flags = args.is_directory ? AT_REMOVEDIR : 0;
  return at_name(args.directory, args.path, args.follow, [&](int directory, const char* name) {
    return outcome([&] { return ::unlinkat(directory, name, flags); });
  });
}

std::int32_t rename(const RenameArgs& args) noexcept {
  const unsigned flags = args.keep_existing ? RENAME_NOREPLACE : 0;
  const auto move = [&](int from, const char* old_name) {
    return at_name(args.to_directory, args.to, args.follow, [&](int to, const char* new_name) {
      return outcome([&] { return ::renameat2(from, old_name, to, new_name, flags); });
    });
  };
  return at_name(args.from_directory, args.from, args.follow, move);
}

std::int32_t allocate(int handle, Allocation how, const FileRange& range) noexcept {
  return outcome([&] {
    return ::fallocate(handle, mode_of(how), static_cast<off_t>(range.offset),
                       static_cast<off_t>(range.size));
  });
}

}  // namespace

std::int32_t perform_name(Op& op) noexcept {
  switch (op.code) {
    case Opcode::make_directory:
      return make_directory(*reinterpret_cast<const NameArgs*>(op.data));
    case Opcode::unlink:
      return unlink(*reinterpret_cast<const NameArgs*>(op.data));
    case Opcode::rename:
      return rename(*reinterpret_cast<const RenameArgs*>(op.data));
    case Opcode::allocate:
      return allocate(op.on->handle, static_cast<Allocation>(op.detail),
                      *reinterpret_cast<const FileRange*>(op.data));
    case Opcode::truncate: {
      const auto size = reinterpret_cast<const FileRange*>(op.data)->size;
      return outcome([&] { return ::ftruncate(op.on->handle, static_cast<off_t>(size)); });
    }
    default:
      return -ENOSYS;
  }
}

}  // namespace vigil
