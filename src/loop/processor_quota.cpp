// The quota of processor time that control groups set, of both versions.
#include <algorithm>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <iterator>

#include "loop/shard_thread.hpp"

namespace vigil {
namespace {

std::optional<std::string> content(const std::string& path) {
  std::ifstream file(path);
  if (!file) {
    return std::nullopt;
  }
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// The number at the front of `text`, which is consumed; nothing for "max" and -1: no quota.
std::optional<std::uint64_t> number(std::string_view& text) {
  std::uint64_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc{} || value == 0) {
    return std::nullopt;
  }
  text.remove_prefix(static_cast<std::size_t>(read.ptr - text.data()));
  text.remove_prefix(std::min(text.find_first_not_of(" \n"), text.size()));
  return value;
}

// "50000 100000": microseconds of processor time in so many of the clock.
std::optional<unsigned> processors(std::string_view text) {
  const auto quota = number(text);
  const auto period = quota ? number(text) : std::nullopt;
  if (!period) {
    return std::nullopt;
  }
  return static_cast<unsigned>(std::min<std::uint64_t>((*quota + *period - 1) / *period, 1u << 20));
}

std::optional<unsigned> quota_at(const std::string& directory, bool second) {
  if (second) {
    const auto text = content(directory + "/cpu.max");
    return text ? processors(*text) : std::nullopt;
  }
  const auto quota = content(directory + "/cpu.cfs_quota_us");
  const auto period = content(directory + "/cpu.cfs_period_us");
  return quota && period ? processors(*quota + " " + *period) : std::nullopt;
}

// The least quota of a group and of those around it. A container often sees its own group as the
// root, whatever the membership says.
std::optional<unsigned> least(const std::string& mount, std::string path, bool second) {
  std::optional<unsigned> found;
  for (;;) {
    if (const auto here = quota_at(mount + path, second)) {
      found = found ? std::min(*found, *here) : here;
    }
    if (path.empty()) {
      return found;
    }
    path.resize(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
  }
}

bool names_cpu(std::string_view controllers) {
  while (!controllers.empty()) {
    const std::size_t comma = std::min(controllers.find(','), controllers.size());
    if (controllers.substr(0, comma) == "cpu") {
      return true;
    }
    controllers.remove_prefix(std::min(comma + 1, controllers.size()));
  }
  return false;
}

}  // namespace

std::optional<unsigned> quota_of(std::string_view membership, const std::string& root) {
  std::optional<unsigned> found;
  while (!membership.empty()) {
    const std::size_t end = std::min(membership.find('\n'), membership.size());
    const std::string_view line = membership.substr(0, end);
    membership.remove_prefix(std::min(end + 1, membership.size()));
    // "hierarchy:controllers:path"; of version 2 the controllers are left out.
    const std::size_t first = line.find(':');
    const std::size_t last = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (last == std::string_view::npos) {
      continue;
    }
    const std::string_view controllers = line.substr(first + 1, last - first - 1);
    std::string path(line.substr(last + 1));
    if (path == "/") {
      path.clear();
    }
    const bool second = controllers.empty();
    if (!second && !names_cpu(controllers)) {
      continue;
    }
    const std::string mount = second ? root : root + "/" + std::string(controllers);
    if (const auto here = least(mount, std::move(path), second)) {
      found = found ? std::min(*found, *here) : here;
    }
  }
  return found;
}

std::optional<unsigned> own_quota() {
  const auto membership = content("/proc/self/cgroup");
  return membership ? quota_of(*membership, "/sys/fs/cgroup") : std::nullopt;
}

}  // namespace vigil
