// The lines of a stream, one at a time.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "vigil/vigil.hpp"

namespace replica {

class Lines {
 public:
  explicit Lines(vigil::TcpStream& from) noexcept : from_(from) {}

  // The next line without its end; nothing after the last one, or when the stream failed.
  vigil::Task<std::optional<std::string>> next() {
    std::size_t end = text_.find('\n');
    while (end == std::string::npos && text_.size() < kLongest) {
      auto bytes = co_await from_.receive();
      if (!bytes || bytes->empty()) {
        co_return std::nullopt;
      }
      text_.append(vigil::as_text(bytes->bytes()));
      end = text_.find('\n');
    }
    if (end == std::string::npos) {
      co_return std::nullopt;
    }
    std::string line = text_.substr(0, end);
    text_.erase(0, end + 1);
    co_return line;
  }

  vigil::Task<vigil::Result<std::string>> next_or_error() {
    auto line = next();
    std::optional<std::string> text = co_await std::move(line);
    if (!text) {
      co_return vigil::error(std::errc::connection_reset);
    }
    co_return std::move(*text);
  }

 private:
  static constexpr std::size_t kLongest = 4096;

  vigil::TcpStream& from_;
  std::string text_;  // what came beyond the last line
};

}  // namespace replica
