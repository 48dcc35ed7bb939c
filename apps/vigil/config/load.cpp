// Reads a configuration file whole.
#include "config/load.hpp"

#include "vigil/base/bytes.hpp"
#include "vigil/fs/file.hpp"
#include "vigil/runtime/explain.hpp"

namespace vigil::config {
namespace {

constexpr std::size_t kMost = 1U << 20;

Task<Result<std::string>> contents(std::string path) {
  auto opening = fs::File::open(std::move(path));
  auto file = co_await std::move(opening);
  if (!file) {
    co_return std::unexpected(file.error());
  }
  std::string text(kMost + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const auto read =
        co_await file->read_at(std::as_writable_bytes(std::span(text).subspan(size)), size);
    if (!read) {
      co_return std::unexpected(read.error());
    }
    if (*read == 0) {
      text.resize(size);
      co_return text;
    }
    size += *read;
  }
  co_return error(std::errc::file_too_large);
}

}  // namespace

Source source_of(const cli::Invocation& asked) {
  return {.command = asked.command, .file = asked.settings.config, .given = asked.given};
}

Task<Result<Reading>> load(const Source* source) {
  if (source->file.empty()) {
    co_return configure(*source->command, {}, std::nullopt, source->given);
  }
  auto reading = contents(source->file);
  const auto text = co_await std::move(reading);
  if (!text) {
    co_return std::unexpected(text.error());
  }
  co_return configure(*source->command, source->file, *text, source->given);
}

std::string cannot_read(std::string_view command, std::string_view file, std::error_code why) {
  return "vigil " + std::string(command) + ": cannot read " + std::string(file) + ": " +
         reason(why) + ". Name a file that is there and that this user may read.";
}

}  // namespace vigil::config
