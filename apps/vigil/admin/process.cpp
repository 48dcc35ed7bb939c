// proc(5), read off the loop.
#include "admin/process.hpp"

#include <array>
#include <charconv>
#include <span>
#include <string_view>

#include "vigil/fs/directory.hpp"
#include "vigil/fs/file.hpp"

namespace vigil::app {
namespace {

// proc(5) counts in them on every Linux, whatever the kernel itself does (USER_HZ, getpagesize(2)
// on the machines that vigil is built for).
constexpr Nanos kClockTick = std::chrono::milliseconds(10);
constexpr std::uint64_t kPage = 4096;

Task<std::string> front_of(std::string path) {
  auto opening = fs::File::open(std::move(path));
  auto file = co_await std::move(opening);
  if (!file) {
    co_return std::string();
  }
  std::array<std::byte, 1024> room{};
  const Result<std::size_t> got = co_await file->read_at(room, 0);
  co_return std::string(reinterpret_cast<const char*>(room.data()), got.value_or(0));
}

// The nth word, from 0, as a number.
std::uint64_t number_in(std::string_view text, unsigned word) {
  for (; word != 0; --word) {
    const std::size_t blank = text.find(' ');
    text.remove_prefix(blank == std::string_view::npos ? text.size() : blank + 1);
  }
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

Task<ProcessSnapshot> look_at_process(std::uint64_t descriptor_limit) {
  ProcessSnapshot seen;
  seen.descriptor_limit = descriptor_limit;
  auto reading = front_of("/proc/self/stat");
  const std::string stat = co_await std::move(reading);
  // The name of the program, in parentheses, may have blanks: what counts comes behind it.
  const std::size_t name = stat.rfind(") ");
  if (name == std::string::npos) {
    co_return seen;
  }
  const std::string_view behind = std::string_view(stat).substr(name + 2);
  seen.id = number_in(stat, 0);
  seen.processor_time =
      kClockTick * static_cast<std::int64_t>(number_in(behind, 11) + number_in(behind, 12));
  seen.resident_bytes = number_in(behind, 21) * kPage;
  auto opening = fs::Directory::open("/proc/self/fd");
  auto directory = co_await std::move(opening);
  if (directory) {
    auto listing = directory->list();
    auto names = co_await std::move(listing);
    for (auto more = names.has_value(); more;) {
      auto next = co_await names->next();
      more = next && !next->empty();
      seen.descriptors += more ? next->size() : 0;
    }
  }
  co_return seen;
}

}  // namespace vigil::app
