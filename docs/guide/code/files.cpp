// The guide's page on files: writing, reading, replacing, walking, and a deadline around a disk.
#include <array>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "vigil/vigil.hpp"

using namespace std::chrono_literals;
using vigil::Result;
using vigil::Task;
namespace fs = vigil::fs;

namespace {

Task<Result<>> write_and_read(std::string path) {
  auto opening = fs::File::open(path, {.write = true, .create = true});
  auto file = co_await std::move(opening);
  if (!file) {
    co_return std::unexpected(file.error());
  }
  const auto written = co_await file->write_at(vigil::as_bytes("hello, disk"), 0);
  if (!written) {
    co_return std::unexpected(written.error());
  }
  std::array<std::byte, 5> room;
  const auto got = co_await file->read_at(room, 7);
  if (!got) {
    co_return std::unexpected(got.error());
  }
  std::printf("read: %.*s\n", static_cast<int>(*got), reinterpret_cast<const char*>(room.data()));
  co_return co_await file->sync();
}

Task<Result<>> append_record(const fs::File* log, std::string_view key, std::string_view value) {
  std::array<vigil::ByteView, 4> pieces{vigil::as_bytes(key), vigil::as_bytes("="),
                                        vigil::as_bytes(value), vigil::as_bytes("\n")};
  co_return co_await log->append(std::span<vigil::ByteView>(pieces));
}

Task<Result<>> log_a_record(std::string path) {
  auto opening = fs::File::open(path, {.read = false, .append = true, .create = true});
  const auto log = co_await std::move(opening);
  if (!log) {
    co_return std::unexpected(log.error());
  }
  auto appending = append_record(&*log, "color", "green");
  co_return co_await std::move(appending);
}

Task<Result<>> save_settings(std::string path, std::string text) {
  auto saving = fs::replace(path, vigil::as_bytes(text));
  const Result<> saved = co_await std::move(saving);
  if (!saved) {
    std::printf("the old settings stay: %s\n", vigil::reason(saved.error()).c_str());
  }
  co_return saved;
}

Task<Result<std::string>> read_upload(const fs::Directory* root, std::string name) {
  auto opening = root->open_with_status(name);
  const auto opened = co_await std::move(opening);
  if (!opened) {
    co_return std::unexpected(opened.error());
  }
  std::string text(static_cast<std::size_t>(opened->status.size), '\0');
  const auto got = co_await opened->file.read_at(std::as_writable_bytes(std::span(text)), 0);
  if (!got) {
    co_return std::unexpected(got.error());
  }
  text.resize(*got);
  co_return text;
}

Task<Result<std::uint64_t>> bytes_below(const fs::Directory* root) {
  auto beginning = fs::Walk::begin(*root, {.status = true});
  auto walk = co_await std::move(beginning);
  if (!walk) {
    co_return std::unexpected(walk.error());
  }
  std::uint64_t bytes = 0;
  for (;;) {
    auto going_on = walk->next();
    const auto next = co_await std::move(going_on);
    if (!next) {
      std::printf("left out: %s\n", std::string(walk->failed()).c_str());
      continue;
    }
    if (*next == nullptr) {
      co_return bytes;
    }
    if ((*next)->kind == fs::Kind::regular) {
      bytes += (*next)->status->size;
    }
  }
}

Task<> read_in_time(const fs::Directory* root, std::string name) {
  auto reading = vigil::timeout(2s, read_upload(root, name));
  const auto text = co_await std::move(reading);
  if (text) {
    std::printf("%s has %zu bytes\n", name.c_str(), text->size());
  } else if (text.error() == std::errc::timed_out) {
    std::printf("the disk is too busy\n");
  } else {
    std::printf("%s: %s\n", name.c_str(), vigil::reason(text.error()).c_str());
  }
}

Task<Result<>> work_in(std::string place) {
  auto making = fs::make_directories(place + "/data/uploads");
  if (const Result<> made = co_await std::move(making); !made) {
    co_return made;
  }
  auto writing = write_and_read(place + "/data/greeting");
  if (const Result<> written = co_await std::move(writing); !written) {
    co_return written;
  }
  auto logging = log_a_record(place + "/data/uploads/log");
  if (const Result<> logged = co_await std::move(logging); !logged) {
    co_return logged;
  }
  auto saving = save_settings(place + "/data/settings", "color = green\n");
  if (const Result<> saved = co_await std::move(saving); !saved) {
    co_return saved;
  }
  auto opening = fs::Directory::open(place + "/data");
  const auto root = co_await std::move(opening);
  if (!root) {
    co_return std::unexpected(root.error());
  }
  auto reading = read_in_time(&*root, "settings");
  co_await std::move(reading);
  auto leaving = read_in_time(&*root, "../../etc/passwd");
  co_await std::move(leaving);
  auto walking = bytes_below(&*root);
  const auto bytes = co_await std::move(walking);
  if (!bytes) {
    co_return std::unexpected(bytes.error());
  }
  std::printf("%llu bytes below\n", static_cast<unsigned long long>(*bytes));
  co_return Result<>();
}

}  // namespace

int main(int argc, char** argv) {
  return vigil::run(work_in, std::string(argc > 1 ? argv[1] : "."));
}
