// Small files of the kernel, without the heap: a probe must work when memory is short.
#include "loop/system_files.hpp"

#include <fcntl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <charconv>

namespace vigil {

std::string_view read_front(const char* path, std::span<char> room) noexcept {
  const int file = ::open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    return {};
  }
  const ssize_t got = ::read(file, room.data(), room.size());
  ::close(file);
  return {room.data(), got > 0 ? static_cast<std::size_t>(got) : 0};
}

KernelVersion kernel_version() noexcept {
  utsname system{};
  KernelVersion version;
  if (::uname(&system) != 0) {
    return version;
  }
  const std::string_view release(system.release);
  const char* end = release.data() + release.size();
  const auto major = std::from_chars(release.data(), end, version.major);
  if (major.ec == std::errc{} && major.ptr != end) {
    std::from_chars(major.ptr + 1, end, version.minor);
  }
  return version;
}

}  // namespace vigil
