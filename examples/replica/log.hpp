// Words on a disk, a line each. What append() stored survives a loss of power.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "vigil/vigil.hpp"

namespace replica {

class Log {
 public:
  // Reads what is there. A last line without its end was not stored: the next one takes its place.
  static vigil::Task<vigil::Result<Log>> open(std::string path) {
    auto opening = vigil::fs::File::open(std::move(path), {.write = true, .create = true});
    auto file = co_await std::move(opening);
    if (!file) {
      co_return std::unexpected(file.error());
    }
    std::string text;
    std::string room(4096, '\0');
    for (;;) {
      const auto count =
          co_await file->read_at(std::as_writable_bytes(std::span(room)), text.size());
      if (!count) {
        co_return std::unexpected(count.error());
      }
      if (*count == 0) {
        break;
      }
      text.append(room, 0, *count);
    }
    co_return Log(std::move(*file), text);
  }

  vigil::Task<vigil::Result<>> append(std::string word) {
    const std::string line = word + "\n";
    if (const auto written = co_await file_.write_at(vigil::as_bytes(line), size_); !written) {
      co_return written;
    }
    if (const auto synced = co_await file_.sync(); !synced) {
      co_return synced;
    }
    size_ += line.size();
    words_.push_back(std::move(word));
    co_return vigil::Result<>{};
  }

  const std::vector<std::string>& words() const noexcept { return words_; }

 private:
  Log(vigil::fs::File file, const std::string& text) : file_(std::move(file)) {
    for (std::size_t end = text.find('\n'); end != std::string::npos;
         end = text.find('\n', size_)) {
      words_.push_back(text.substr(size_, end - size_));
      size_ = end + 1;
    }
  }

  vigil::fs::File file_;
  std::size_t size_ = 0;  // of the whole lines
  std::vector<std::string> words_;
};

}  // namespace replica
