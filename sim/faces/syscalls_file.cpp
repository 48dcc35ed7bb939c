// Open files: what a lane's step performs.
#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "faces/syscalls.hpp"
#include "kernel/file_system_open.hpp"
#include "loop/file_parts.hpp"
#include "loop/operations.hpp"
#include "vigil/loop/descriptor.hpp"

namespace vigil::sim {
namespace {

std::int32_t status_of(Process& process, int handle, FileStatus& out) noexcept {
  struct stat seen{};
  const std::int32_t told = process.fstatat(handle, "", &seen, AT_EMPTY_PATH);
  if (told >= 0) {
    out = status_from(seen);
    const bool regular = out.kind == FileKind::regular;
    out.direct_memory = out.direct_offset =
        regular ? static_cast<std::uint32_t>(Content::kSector) : 0;
  }
  return told;
}

std::int32_t explain(const Process& process, int handle, std::int64_t result) noexcept {
  const OpenFile* open = open_file(process.file(handle));
  const bool direct = result == -EINVAL && open != nullptr && open->direct();
  return direct ? -kMisaligned : static_cast<std::int32_t>(result);
}

std::int32_t open_path(Process& process, const OpenArgs& args) noexcept {
  const int directory = args.directory == kNoHandle ? AT_FDCWD : args.directory;
  const int flags = flags_of(args);
  std::uint64_t resolve = 0;
  if (args.follow != Follow::anywhere) {
    resolve = RESOLVE_BENEATH | (args.follow == Follow::none ? RESOLVE_NO_SYMLINKS : 0);
  }
  const mode_t mode = (flags & O_CREAT) != 0 ? args.mode : 0;
  const std::int32_t handle = process.openat2(directory, args.path, flags, mode, resolve);
  if (handle < 0) {
    return handle == -EINVAL && args.direct ? -kNoDirect : handle;
  }
  std::int32_t done = args.create && args.exact_mode ? process.fchmod(handle, args.mode) : 0;
  if (done >= 0 && args.status != nullptr) {
    done = status_of(process, handle, *args.status);
  }
  if (done < 0) {
    process.close(handle);
    return done;
  }
  return handle;
}

std::int32_t stat_path(Process& process, OpenArgs args) noexcept {
  args.only_name = true;
  const std::int32_t handle = open_path(process, args);
  if (handle >= 0) {
    process.close(handle);
  }
  return std::min(handle, 0);
}

std::int32_t read_at(Process& process, int handle, FileBytes& bytes) noexcept {
  std::size_t got = 0;
  while (got != bytes.size) {
    const std::int64_t step =
        process.pread(handle, {bytes.data + got, bytes.size - got}, bytes.offset + got);
    if (step < 0 && got == 0) {
      return explain(process, handle, step);
    }
    if (step <= 0) {
      break;  // what is there goes first; an error stays for the next read
    }
    got += static_cast<std::size_t>(step);
  }
  return static_cast<std::int32_t>(got);
}

std::int32_t write_at(Process& process, int handle, FileBytes& bytes) noexcept {
  while (bytes.size != 0) {
    const std::span<const std::byte> from(bytes.data, bytes.size);
    const std::int64_t step = bytes.offset == FileBytes::kAppend
                                  ? process.write(handle, from)
                                  : process.pwrite(handle, from, bytes.offset);
    if (step < 0) {
      return explain(process, handle, step);
    }
    bytes.data += step;
    bytes.size -= static_cast<std::size_t>(step);
    bytes.offset += bytes.offset == FileBytes::kAppend ? 0u : static_cast<std::uint32_t>(step);
  }
  return 0;
}

std::int32_t read_parts(Process& process, int handle, FileRoom& room) noexcept {
  std::int32_t got = 0;
  for (; !room.parts.empty(); room.parts = room.parts.subspan(1)) {
    FileBytes part{.data = room.parts.front().data(),
                   .size = room.parts.front().size(),
                   .offset = room.offset};
    const std::int32_t step = read_at(process, handle, part);
    if (step < 0 && got == 0) {
      return step;
    }
    got += std::max(step, 0);
    room.offset += static_cast<std::uint32_t>(std::max(step, 0));
    if (step < static_cast<std::int32_t>(part.size)) {
      room.parts.front() = room.parts.front().subspan(static_cast<std::size_t>(std::max(step, 0)));
      break;
    }
  }
  return got;
}

std::int32_t write_parts(Process& process, int handle, FileParts& file) noexcept {
  for (; !file.parts.empty(); file.parts = file.parts.subspan(1)) {
    FileBytes part{.data = const_cast<std::byte*>(file.parts.front().data()),
                   .size = file.parts.front().size(),
                   .offset = file.offset};
    const std::int32_t done = write_at(process, handle, part);
    if (done < 0) {
      file.parts.front() = file.parts.front().last(part.size);
      return done;
    }
    file.offset = part.offset;
  }
  return 0;
}

// As fetch() of src/loop: reads what nobody wants, so that it is in memory.
std::int32_t fetch(Process& process, SendFile& file) noexcept {
  std::array<std::byte, 65536> nowhere;
  const std::uint64_t share = std::min(file.size, kFileShare);
  for (std::uint64_t got = 0; got != share;) {
    const auto piece = static_cast<std::size_t>(std::min<std::uint64_t>(share - got, 65536));
    const std::int64_t step =
        process.pread(file.file, std::span(nowhere).first(piece), file.offset + got);
    if (step < 0) {
      return static_cast<std::int32_t>(step);
    }
    if (step == 0) {
      break;
    }
    got += static_cast<std::uint64_t>(step);
  }
  file.in_memory = file.offset + share;
  file.fetched = true;
  return 0;
}

// A whole batch, as getdents64(2) gives one: as many entries as have room.
std::int32_t list(Process& process, int directory, ListArgs& args) noexcept {
  std::size_t used = 0;
  const std::size_t head = kPackedEntry + (args.status ? sizeof(FileStatus) : 0);
  while (args.size - used >= head + 256) {
    Process::Entry entry{};
    const std::int32_t more = process.next_entry(directory, entry);
    if (more <= 0) {
      return more < 0 && used == 0 ? more : static_cast<std::int32_t>(used);
    }
    if (entry.name == "." || entry.name == "..") {
      continue;
    }
    const PackedEntry packed{.inode = entry.inode,
                             .name_size = static_cast<std::uint16_t>(entry.name.size()),
                             .kind = kind_of(static_cast<mode_t>(DTTOIF(entry.type)))};
    std::memcpy(args.data + used, &packed, kPackedEntry);
    std::memcpy(args.data + used + head, entry.name.data(), entry.name.size());
    if (args.status) {
      struct stat seen{};
      const std::string name(entry.name);
      const std::int32_t told =
          process.fstatat(directory, name.c_str(), &seen, AT_SYMLINK_NOFOLLOW);
      const FileStatus status = told >= 0 ? status_from(seen) : FileStatus{};
      std::memcpy(args.data + used + kPackedEntry, &status, sizeof status);
    }
    used += head + entry.name.size();
  }
  return static_cast<std::int32_t>(used);
}

}  // namespace

std::int32_t file_operation(Process& process, Op& op) noexcept {
  switch (op.code) {
    case Opcode::open:
      return open_path(process, *reinterpret_cast<const OpenArgs*>(op.data));
    case Opcode::stat:
      return op.on != nullptr
                 ? status_of(process, op.on->handle, *reinterpret_cast<FileStatus*>(op.data))
                 : stat_path(process, *reinterpret_cast<const OpenArgs*>(op.data));
    case Opcode::read_at:
      return read_at(process, op.on->handle, *reinterpret_cast<FileBytes*>(op.data));
    case Opcode::write_at:
      return write_at(process, op.on->handle, *reinterpret_cast<FileBytes*>(op.data));
    case Opcode::read_parts:
      return read_parts(process, op.on->handle, *reinterpret_cast<FileRoom*>(op.data));
    case Opcode::write_parts:
      return write_parts(process, op.on->handle, *reinterpret_cast<FileParts*>(op.data));
    case Opcode::fetch:
      return fetch(process, *reinterpret_cast<SendFile*>(op.data));
    case Opcode::list:
      return list(process, op.on->handle, *reinterpret_cast<ListArgs*>(op.data));
    case Opcode::close:
      return process.close(reinterpret_cast<const CloseArgs*>(op.data)->handle);
    case Opcode::sync:
      return process.fsync(op.on->handle, op.detail != 0);
    default:
      return -ENOSYS;
  }
}

}  // namespace vigil::sim
