// Files over the lane's operations.
#include "vigil/fs/file.hpp"

#include "fs/open.hpp"

namespace vigil::fs {
namespace detail {

Result<Owned> Owned::take(NativeHandle handle) noexcept {
  Loop& loop = *Loop::current();
  auto attached = loop.engine().attach(handle, Attach::unwatched);
  if (!attached) {
    loop.syscalls().close(handle);
    return std::unexpected(attached.error());
  }
  return Owned(*attached);
}

OpenArgs arguments_of(const OpenOptions& options, NativeHandle directory, Follow follow) noexcept {
  return {.directory = directory,
          .follow = follow,
          .read = options.read,
          .write = options.write || options.append,
          .append = options.append,
          .create = options.create,
          .exclusive = options.exclusive,
          .truncate = options.truncate,
          .direct = options.direct,
          .mode = options.mode};
}

Task<Result<Owned>> open_through_lane(OpenArgs args, std::string path) {
  if (path.find('\0') != std::string::npos) {
    co_return error(std::errc::invalid_argument);
  }
  args.path = path.c_str();
  const std::int32_t handle = co_await vigil::detail::Operation(Opcode::open, nullptr, &args);
  if (handle < 0) {
    co_return file_failed(handle);
  }
  co_return Owned::take(handle);
}

}  // namespace detail

Task<Result<File>> File::open(std::string path, OpenOptions options) {
  const OpenArgs args = detail::arguments_of(options, kNoHandle, Follow::anywhere);
  auto opening = detail::open_through_lane(args, std::move(path));
  auto opened = co_await std::move(opening);
  if (!opened) {
    co_return std::unexpected(opened.error());
  }
  co_return File(std::move(*opened));
}

Task<Result<Status>> File::status() const {
  Status seen;
  const std::int32_t result = co_await vigil::detail::Operation(Opcode::stat, handle_.get(), &seen);
  if (result < 0) {
    co_return failed(result);
  }
  co_return seen;
}

Task<Result<>> File::close() {
  CloseArgs args{.handle = handle_.release()};
  const std::int32_t result = co_await vigil::detail::Operation(Opcode::close, nullptr, &args);
  if (result == -ECANCELED) {
    Loop::current()->syscalls().close(args.handle);  // cancelled before a thread had it
    co_return Result<>{};
  }
  if (result < 0) {
    co_return failed(result);
  }
  co_return Result<>{};
}

}  // namespace vigil::fs
