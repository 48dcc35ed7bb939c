// Directories over the lane's operations.
#include "vigil/fs/directory.hpp"

#include <cstring>

#include "fs/open.hpp"

namespace vigil::fs {
namespace {

Task<Result<Directory>> open_root(OpenArgs args, std::string path) {
  args.only_directory = true;
  args.only_name = true;
  auto opening = detail::open_through_lane(args, std::move(path));
  auto opened = co_await std::move(opening);
  if (!opened) {
    co_return std::unexpected(opened.error());
  }
  co_return Directory(std::move(*opened));
}

}  // namespace

Task<Result<Directory>> Directory::open(std::string path) {
  return open_root({.follow = Follow::anywhere}, std::move(path));
}

Task<Result<Directory>> Directory::open_directory(std::string path, Follow follow) const {
  return open_root({.directory = native_handle(), .follow = follow}, std::move(path));
}

Task<Result<File>> Directory::open_beneath(std::string path, OpenOptions options) const {
  auto opening = detail::open_through_lane(
      detail::arguments_of(options, native_handle(), options.follow), std::move(path));
  auto opened = co_await std::move(opening);
  if (!opened) {
    co_return std::unexpected(opened.error());
  }
  co_return File(std::move(*opened));
}

Task<Result<OpenedFile>> Directory::open_with_status(std::string path, OpenOptions options) const {
  Status seen;
  OpenArgs args = detail::arguments_of(options, native_handle(), options.follow);
  args.status = &seen;
  auto opening = detail::open_through_lane(args, std::move(path));
  auto opened = co_await std::move(opening);
  if (!opened) {
    co_return std::unexpected(opened.error());
  }
  co_return OpenedFile(File(std::move(*opened)), seen);
}

Task<Result<Status>> Directory::status_of(std::string path, Follow follow) const {
  Status seen;
  OpenArgs args{
      .path = path.c_str(), .directory = native_handle(), .follow = follow, .status = &seen};
  if (path.find('\0') != std::string::npos) {
    co_return error(std::errc::invalid_argument);
  }
  const std::int32_t result = co_await vigil::detail::Operation(Opcode::stat, nullptr, &args);
  if (result < 0) {
    co_return failed(result);
  }
  co_return seen;
}

Task<Result<Status>> Directory::status() const {
  Status seen;
  const std::int32_t result = co_await vigil::detail::Operation(Opcode::stat, handle_.get(), &seen);
  if (result < 0) {
    co_return failed(result);
  }
  co_return seen;
}

Task<Result<Listing>> Directory::list(bool status) const {
  // A listing has a place of its own in the directory, so it needs a handle of its own.
  const OpenArgs args{.directory = native_handle(), .read = true, .only_directory = true};
  auto opening = detail::open_through_lane(args, ".");
  auto opened = co_await std::move(opening);
  if (!opened) {
    co_return std::unexpected(opened.error());
  }
  co_return Listing(std::move(*opened), status);
}

Task<Result<>> Directory::sync() const {
  // What it is itself is a place to stand on alone, which cannot be synced.
  const OpenArgs args{.directory = native_handle(), .read = true, .only_directory = true};
  auto opening = detail::open_through_lane(args, ".");
  auto opened = co_await std::move(opening);
  if (!opened) {
    co_return std::unexpected(opened.error());
  }
  const File itself(std::move(*opened));
  co_return co_await itself.sync();
}

Task<Result<>> Directory::make_directory(std::string path, std::uint32_t mode) const {
  return detail::change_name(Opcode::make_directory, {.directory = native_handle(), .mode = mode},
                             std::move(path));
}

Task<Result<>> Directory::unlink(std::string path) const {
  return detail::change_name(Opcode::unlink, {.directory = native_handle()}, std::move(path));
}

Task<Result<>> Directory::remove_directory(std::string path) const {
  return detail::change_name(Opcode::unlink, {.directory = native_handle(), .is_directory = true},
                             std::move(path));
}

Task<Result<>> Directory::rename(std::string from, std::string to, bool keep_existing) const {
  return detail::move_name({.from_directory = native_handle(),
                            .to_directory = native_handle(),
                            .keep_existing = keep_existing},
                           std::move(from), std::move(to));
}

Task<Result<std::span<const Entry>>> Listing::next() {
  auto* room = reinterpret_cast<std::byte*>(room_.data());
  ListArgs args{.data = room, .size = kRoom, .status = status_};
  entries_.clear();
  statuses_.clear();
  const std::int32_t used = co_await vigil::detail::Operation(Opcode::list, handle_.get(), &args);
  if (used < 0) {
    co_return failed(used);
  }
  for (std::size_t at = 0; at < static_cast<std::size_t>(used);) {
    PackedEntry packed;
    std::memcpy(&packed, room + at, kPackedEntry);
    at += kPackedEntry;
    if (status_) {
      std::memcpy(&statuses_.emplace_back(), room + at, sizeof(Status));
      at += sizeof(Status);
    }
    const char* name = reinterpret_cast<const char*>(room + at);
    entries_.push_back(
        {.name = {name, packed.name_size}, .kind = packed.kind, .inode = packed.inode});
    at += packed.name_size;
  }
  for (std::size_t i = 0; i != statuses_.size(); ++i) {  // now that they stay where they are
    entries_[i].status = &statuses_[i];
  }
  co_return std::span<const Entry>(entries_);
}

}  // namespace vigil::fs
