// File operations that the kernel does by itself, where it can; the file lane does all others. What
// the kernel holds cannot be cancelled: it ends with its own result, as in a lane's thread.
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "loop/file_parts.hpp"
#include "loop/operations.hpp"
#include "loop/uring/engine.hpp"
#include "loop/uring/newer.hpp"
#include "loop/uring/probe.hpp"

namespace vigil {

using uring::Feature;

namespace {

bool has(Feature feature) noexcept { return uring::probe(feature).available; }

// Whether the name stands in the directory that the operation names, so that there is nothing to
// hold beneath it.
bool direct_name(const char* path, Follow follow) noexcept {
  return follow == Follow::anywhere || last_name(path) == path;
}

std::uint64_t address_of(const void* what) noexcept {
  return reinterpret_cast<std::uint64_t>(what);
}

// Whether one entry is all of the operation, and this kernel takes it. Opening and looking at once,
// looking at a path that is held beneath a directory, listing, and bringing pages in are more than
// one call or have no opcode.
bool takes(const Op& op) noexcept {
  switch (op.code) {
    case Opcode::read_at:
      return has(Feature::read);
    case Opcode::write_at:
      return has(Feature::write);
    case Opcode::read_parts:
      return has(Feature::readv);
    case Opcode::write_parts:
      return has(Feature::writev);
    case Opcode::sync:
      return has(Feature::fsync);
    case Opcode::allocate:
      return has(Feature::fallocate);
    case Opcode::truncate:
      return has(Feature::ftruncate);
    case Opcode::close:
      return has(Feature::close);
    case Opcode::open: {
      const auto& args = *reinterpret_cast<const OpenArgs*>(op.data);
      return args.status == nullptr && !(args.create && args.exact_mode) && has(Feature::open_at2);
    }
    case Opcode::stat: {
      const auto* path = op.on == nullptr ? reinterpret_cast<const OpenArgs*>(op.data) : nullptr;
      const bool held = path != nullptr && path->follow != Follow::anywhere;
      return !held && !(path != nullptr && path->only_directory) && has(Feature::statx);
    }
    case Opcode::make_directory:
    case Opcode::unlink: {
      const auto& args = *reinterpret_cast<const NameArgs*>(op.data);
      return direct_name(args.path, args.follow) &&
             has(op.code == Opcode::unlink ? Feature::unlinkat : Feature::mkdirat);
    }
    case Opcode::rename: {
      const auto& args = *reinterpret_cast<const RenameArgs*>(op.data);
      return direct_name(args.from, args.follow) && direct_name(args.to, args.follow) &&
             has(Feature::renameat);
    }
    default:
      return false;
  }
}

void put_transfer(io_uring_sqe& entry, const Op& op, std::uint8_t opcode, const void* data,
                  std::size_t size, std::uint64_t offset) noexcept {
  entry.opcode = opcode;
  entry.fd = op.on->handle;
  entry.addr = address_of(data);
  entry.len = static_cast<std::uint32_t>(size);
  entry.off = offset;  // FileBytes::kAppend is the kernel's own word for it, too
}

void put_name(io_uring_sqe& entry, const Op& op) noexcept {
  if (op.code != Opcode::rename) {
    const auto& args = *reinterpret_cast<const NameArgs*>(op.data);
    entry.fd = at(args.directory);
    entry.addr = address_of(args.path);
    if (op.code == Opcode::unlink) {
      entry.opcode = IORING_OP_UNLINKAT;
      entry.unlink_flags = args.is_directory ? AT_REMOVEDIR : 0;
    } else {
      entry.opcode = IORING_OP_MKDIRAT;
      entry.len = args.mode;
    }
    return;
  }
  const auto& args = *reinterpret_cast<const RenameArgs*>(op.data);
  entry.opcode = IORING_OP_RENAMEAT;
  entry.fd = at(args.from_directory);
  entry.addr = address_of(args.from);
  entry.len = static_cast<std::uint32_t>(at(args.to_directory));
  entry.off = address_of(args.to);
  entry.rename_flags = args.keep_existing ? RENAME_NOREPLACE : 0;
}

void put_range(io_uring_sqe& entry, const Op& op) noexcept {
  const auto& range = *reinterpret_cast<const FileRange*>(op.data);
  entry.fd = op.on->handle;
  if (op.code == Opcode::truncate) {
    entry.opcode = uring::kTruncate;
    entry.off = range.size;
    return;
  }
  entry.opcode = IORING_OP_FALLOCATE;
  entry.off = range.offset;
  entry.addr = range.size;
  entry.len = static_cast<std::uint32_t>(mode_of(static_cast<Allocation>(op.detail)));
}

void put_open(io_uring_sqe& entry, const OpenArgs& args, open_how& how) noexcept {
  how = {};
  how.flags = static_cast<unsigned>(flags_of(args)) & ~unsigned{O_LARGEFILE};
  how.mode = args.create ? args.mode : 0;
  if (args.follow != Follow::anywhere) {
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS |
                  (args.follow == Follow::none ? RESOLVE_NO_SYMLINKS : 0u);
  }
  entry.opcode = IORING_OP_OPENAT2;
  entry.fd = at(args.directory);
  entry.addr = address_of(args.path);
  entry.len = sizeof how;
  entry.off = address_of(&how);
}

// What the kernel refuses where a plain call may not, or where the call tells more of the cause.
bool lane_knows_better(std::int32_t result) noexcept {
  return result == -EAGAIN || result == -EINTR || result == -EINVAL || result == -EOPNOTSUPP;
}

}  // namespace

// Calls that are not the system's are asked in the lane, as on every engine.
bool UringEngine::submit_file(Op& op) noexcept {
  if (&syscalls_ != &native_syscalls() || ring_.sqpoll() || !takes(op)) {
    return Loop::current()->file_lane().submit(op);
  }
  op.size = 0;  // what a read has got so far
  if (op.code == Opcode::stat) {
    const auto place = statuses_.take();
    if (!place) {
      return Loop::current()->file_lane().submit(op);
    }
    op.size = *place;
  }
  ++files_;
  push_file(op);
  return true;
}

void UringEngine::push_file(Op& op) noexcept {
  std::array<iovec, 64> vectors;
  open_how how;
  io_uring_sqe& entry = ring_.next();
  entry.user_data = uring::name_of(op, uring::Tag::file);
  bool at_once = false;  // the kernel reads `vectors` or `how` when it takes the entry
  switch (op.code) {
    case Opcode::read_at: {
      const auto& bytes = *reinterpret_cast<const FileBytes*>(op.data);
      put_transfer(entry, op, IORING_OP_READ, bytes.data + op.size, bytes.size - op.size,
                   bytes.offset + op.size);
      break;
    }
    case Opcode::write_at: {
      const auto& bytes = *reinterpret_cast<const FileBytes*>(op.data);
      put_transfer(entry, op, IORING_OP_WRITE, bytes.data, bytes.size, bytes.offset);
      break;
    }
    case Opcode::read_parts: {
      auto& room = *reinterpret_cast<FileRoom*>(op.data);
      const std::size_t count = gather(room.parts, vectors);
      put_transfer(entry, op, IORING_OP_READV, vectors.data(), count, room.offset);
      at_once = true;
      break;
    }
    case Opcode::write_parts: {
      auto& file = *reinterpret_cast<FileParts*>(op.data);
      const std::size_t count = gather(file.parts, vectors);
      put_transfer(entry, op, IORING_OP_WRITEV, vectors.data(), count, file.offset);
      at_once = true;
      break;
    }
    case Opcode::open:
      put_open(entry, *reinterpret_cast<const OpenArgs*>(op.data), how);
      at_once = true;
      break;
    case Opcode::stat:
      put_status(entry, op);
      break;
    case Opcode::sync:
      entry.opcode = IORING_OP_FSYNC;
      entry.fd = op.on->handle;
      entry.fsync_flags = op.detail != 0 ? IORING_FSYNC_DATASYNC : 0;
      break;
    case Opcode::allocate:
    case Opcode::truncate:
      put_range(entry, op);
      break;
    case Opcode::close:
      entry.opcode = IORING_OP_CLOSE;
      entry.fd = reinterpret_cast<const CloseArgs*>(op.data)->handle;
      break;
    default:
      put_name(entry, op);
      break;
  }
  if (at_once) {
    ring_.flush();
  }
}

void UringEngine::put_status(io_uring_sqe& entry, const Op& op) noexcept {
  entry.opcode = IORING_OP_STATX;
  if (op.on != nullptr) {
    entry.fd = op.on->handle;
    entry.addr = address_of("");
    entry.statx_flags = AT_EMPTY_PATH;
  } else {
    const auto& args = *reinterpret_cast<const OpenArgs*>(op.data);
    entry.fd = at(args.directory);
    entry.addr = address_of(args.path);
  }
  entry.len = kStatusMask;
  entry.off = address_of(&statuses_[op.size]);
}

void UringEngine::keep_status(const Op& op, std::int32_t result) noexcept {
  if (result >= 0) {
    FileStatus& out = op.on != nullptr ? *reinterpret_cast<FileStatus*>(op.data)
                                       : *reinterpret_cast<const OpenArgs*>(op.data)->status;
    out = status_from(statuses_[op.size]);
  }
  statuses_.give(op.size);
}

Op* UringEngine::end_file(Op& op, std::int32_t result) noexcept {
  --files_;
  op.result = result;
  op.state = OpState::finished;
  return &op;
}

Op* UringEngine::leave_to_lane(Op& op) noexcept {
  --files_;
  Loop::current()->file_lane().submit(op);
  return nullptr;
}

Op* UringEngine::finish_file(Op& op, std::int32_t result) noexcept {
  const bool reads = op.code == Opcode::read_at || op.code == Opcode::read_parts;
  if (op.code == Opcode::stat) {
    keep_status(op, result);
  }
  if (result < 0) {
    if (reads && op.size != 0) {
      return end_file(op, static_cast<std::int32_t>(op.size));  // the next read tells the error
    }
    if (op.code == Opcode::close) {
      return end_file(op, result == -EINTR ? 0 : result);  // closed all the same
    }
    return lane_knows_better(result) ? leave_to_lane(op) : end_file(op, result);
  }
  const auto moved = static_cast<std::uint32_t>(result);
  bool over = true;
  switch (op.code) {
    case Opcode::read_at:
      op.size += moved;
      over = moved == 0 || op.size == reinterpret_cast<const FileBytes*>(op.data)->size;
      break;
    case Opcode::write_at: {
      auto& bytes = *reinterpret_cast<FileBytes*>(op.data);
      bytes.data += moved;
      bytes.size -= moved;
      bytes.offset += bytes.offset == FileBytes::kAppend ? 0u : moved;
      over = bytes.size == 0;
      break;
    }
    case Opcode::read_parts: {
      auto& room = *reinterpret_cast<FileRoom*>(op.data);
      consume(room.parts, moved);
      room.offset += moved;
      op.size += moved;
      over = moved == 0 || room.parts.empty();
      break;
    }
    case Opcode::write_parts: {
      auto& file = *reinterpret_cast<FileParts*>(op.data);
      consume(file.parts, moved);
      file.offset += file.offset == FileBytes::kAppend ? 0u : moved;
      over = file.parts.empty();
      break;
    }
    default:
      return end_file(op, result);
  }
  if (over) {
    return end_file(op, reads ? static_cast<std::int32_t>(op.size) : 0);
  }
  if (moved == 0) {
    return leave_to_lane(op);  // a disk that takes nothing and says nothing
  }
  push_file(op);
  return nullptr;
}

}  // namespace vigil
