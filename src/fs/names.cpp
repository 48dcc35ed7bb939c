// Names: one operation each.
#include "vigil/fs/names.hpp"

#include "fs/open.hpp"

namespace vigil::fs {
namespace detail {

Task<Result<>> change_name(Opcode code, NameArgs args, std::string path) {
  if (path.find('\0') != std::string::npos) {
    co_return error(std::errc::invalid_argument);
  }
  args.path = path.c_str();
  const std::int32_t result = co_await vigil::detail::Operation(code, nullptr, &args);
  co_return result < 0 ? Result<>(failed(result)) : Result<>();
}

Task<Result<>> move_name(RenameArgs args, std::string from, std::string to) {
  if (from.find('\0') != std::string::npos || to.find('\0') != std::string::npos) {
    co_return error(std::errc::invalid_argument);
  }
  args.from = from.c_str();
  args.to = to.c_str();
  const std::int32_t result = co_await vigil::detail::Operation(Opcode::rename, nullptr, &args);
  co_return result < 0 ? Result<>(failed(result)) : Result<>();
}

}  // namespace detail

Task<Result<Status>> status_of(std::string path) {
  if (path.find('\0') != std::string::npos) {
    co_return error(std::errc::invalid_argument);
  }
  Status seen;
  OpenArgs args{.path = path.c_str(), .follow = Follow::anywhere, .status = &seen};
  const std::int32_t result = co_await vigil::detail::Operation(Opcode::stat, nullptr, &args);
  if (result < 0) {
    co_return failed(result);
  }
  co_return seen;
}

Task<Result<>> make_directory(std::string path, std::uint32_t mode) {
  return detail::change_name(Opcode::make_directory, {.follow = Follow::anywhere, .mode = mode},
                             std::move(path));
}

Task<Result<>> make_directories(std::string path, std::uint32_t mode) {
  for (std::size_t end = 0; end != path.size();) {
    end = path.find('/', path.find_first_not_of('/', end));
    end = end == std::string::npos ? path.size() : end;
    auto making = make_directory(path.substr(0, end), mode);
    const Result<> made = co_await std::move(making);
    if (made) {
      continue;
    }
    if (made.error() != std::errc::file_exists) {
      co_return std::unexpected(made.error());
    }
    auto looking = status_of(path.substr(0, end));
    const auto seen = co_await std::move(looking);
    if (!seen || seen->kind != Kind::directory) {
      co_return seen ? error(std::errc::not_a_directory) : std::unexpected(seen.error());
    }
  }
  co_return Result<>();
}

Task<Result<>> unlink(std::string path) {
  return detail::change_name(Opcode::unlink, {.follow = Follow::anywhere}, std::move(path));
}

Task<Result<>> remove_directory(std::string path) {
  return detail::change_name(Opcode::unlink, {.follow = Follow::anywhere, .is_directory = true},
                             std::move(path));
}

Task<Result<>> rename(std::string from, std::string to, bool keep_existing) {
  return detail::move_name({.follow = Follow::anywhere, .keep_existing = keep_existing},
                           std::move(from), std::move(to));
}

}  // namespace vigil::fs
