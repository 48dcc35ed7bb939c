// Replacing a file: its steps, one operation each, in the order that a crash may interrupt.
#include "vigil/fs/replace.hpp"

#include <algorithm>
#include <array>

#include "fs/open.hpp"
#include "loop/file_parts.hpp"
#include "vigil/coro/scoped.hpp"
#include "vigil/coro/this_task.hpp"

namespace vigil::fs {
namespace {

// How long a cancel is held back while a name is changed: as long as a disk may take.
constexpr Nanos kDisk = std::chrono::hours(1);

std::string temporary_name() {
  std::array<std::byte, 8> random;
  Loop::current()->host().entropy(random);
  std::string name = ".vigil-";
  for (const std::byte byte : random) {
    name += "0123456789abcdef"[std::to_integer<unsigned>(byte) >> 4];
    name += "0123456789abcdef"[std::to_integer<unsigned>(byte) & 15];
  }
  return name;
}

// The file's directory, open for a sync, and its name in there.
class Place {
 public:
  Place(detail::Owned opened, std::string last) noexcept
      : directory(std::move(opened)), name(std::move(last)) {}
  detail::Owned directory;
  std::string name;

  NativeHandle handle() const noexcept { return directory.get()->handle; }
};

Task<Result<Place>> find(NativeHandle root, Follow follow, std::string path) {
  const auto before = static_cast<std::size_t>(last_name(path.c_str()) - path.c_str());
  std::string name = path.substr(before);
  if (name.empty() || name.ends_with('/') || name == "." || name == "..") {
    co_return error(name.empty() ? std::errc::no_such_file_or_directory
                                 : std::errc::is_a_directory);
  }
  const OpenArgs args{.directory = root, .follow = follow, .read = true, .only_directory = true};
  auto opening = detail::open_through_lane(args, before == 0 ? "." : path.substr(0, before));
  auto opened = co_await std::move(opening);
  if (!opened) {
    co_return std::unexpected(opened.error());
  }
  co_return Place(std::move(*opened), std::move(name));
}

// The mode of the new file; none: the umask's.
Task<Result<std::optional<std::uint32_t>>> choose_mode(const Place* place, ReplaceOptions options) {
  if (options.mode) {
    co_return options.mode;
  }
  Status seen;
  // A link is no file yet: its own mode is everybody's.
  OpenArgs args{.path = place->name.c_str(),
                .directory = place->handle(),
                .follow = Follow::none,
                .status = &seen};
  const std::int32_t looked = co_await vigil::detail::Operation(Opcode::stat, nullptr, &args);
  if (looked < 0 && looked != -ENOENT && looked != -ELOOP) {
    co_return failed(looked);
  }
  co_return looked < 0 ? std::optional<std::uint32_t>() : std::optional(seen.mode);
}

Task<Result<>> write_all(const File* file, ByteView bytes, bool durable) {
  for (std::uint64_t offset = 0; !bytes.empty();) {
    const ByteView piece = bytes.first(std::min(bytes.size(), detail::kMostBytes));
    const Result<> written = co_await file->write_at(piece, offset);
    if (!written) {
      co_return std::unexpected(written.error());
    }
    bytes = bytes.subspan(piece.size());
    offset += piece.size();
  }
  if (!durable) {
    co_return Result<>();
  }
  co_return co_await file->sync();
}

// Out of reach of a cancel.
Task<Result<>> move_into_place(const Place* place, std::string from, bool durable) {
  auto moving = detail::move_name(
      {.from_directory = place->handle(), .to_directory = place->handle()}, from, place->name);
  const Result<> moved = co_await std::move(moving);
  if (!moved) {
    co_return std::unexpected(moved.error());
  }
  if (!durable) {
    co_return Result<>();
  }
  const detail::Sync sync(place->directory.get(), false);
  co_return co_await sync;
}

Task<Result<>> replace_at(const Place* place, ByteView bytes, ReplaceOptions options) {
  auto choosing = choose_mode(place, options);
  const auto mode = co_await std::move(choosing);
  if (!mode) {
    co_return std::unexpected(mode.error());
  }
  const std::string name = temporary_name();
  const OpenArgs args{.directory = place->handle(),
                      .write = true,
                      .create = true,
                      .exclusive = true,
                      .exact_mode = mode->has_value(),
                      .mode = mode->value_or(0666)};
  auto opening = detail::open_through_lane(args, name);
  auto opened = co_await std::move(opening);
  if (!opened) {
    co_return std::unexpected(opened.error());
  }
  File file(std::move(*opened));
  auto writing = write_all(&file, bytes, options.durable);
  Result<> done = co_await std::move(writing);
  auto closing = file.close();
  const Result<> closed = co_await std::move(closing);
  if (done && !closed) {
    done = std::unexpected(closed.error());
  }
  const bool cancelled = co_await this_task::cancelled();
  if (done && cancelled) {
    done = error(std::errc::operation_canceled);
  }
  if (done) {
    auto moving = move_into_place(place, name, options.durable);
    auto held = shielded(kDisk, std::move(moving));
    done = co_await std::move(held);
  }
  if (!done) {
    // Of one that was moved already the name is gone, and this does nothing.
    auto removing = detail::change_name(Opcode::unlink, {.directory = place->handle()}, name);
    auto held = shielded(kDisk, std::move(removing));
    static_cast<void>(co_await std::move(held));
  }
  co_return std::move(done);
}

Task<Result<>> replace_from(NativeHandle root, Follow follow, std::string path, ByteView bytes,
                            ReplaceOptions options) {
  auto finding = find(root, follow, std::move(path));
  const auto place = co_await std::move(finding);
  if (!place) {
    co_return std::unexpected(place.error());
  }
  auto replacing = replace_at(&*place, bytes, options);
  co_return co_await std::move(replacing);
}

}  // namespace

Task<Result<>> replace(std::string path, ByteView bytes, ReplaceOptions options) {
  return replace_from(kNoHandle, Follow::anywhere, std::move(path), bytes, options);
}

Task<Result<>> replace(const Directory& root, std::string path, ByteView bytes,
                       ReplaceOptions options) {
  return replace_from(root.native_handle(), Follow::beneath, std::move(path), bytes, options);
}

}  // namespace vigil::fs
