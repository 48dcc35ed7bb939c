// The calls of a real child.
#include "tests/support/system/child_system.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace vigil::test {
namespace {

std::uint64_t of_status(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word == field) {
      std::uint64_t set = 0;
      status >> std::hex >> set;
      return set;
    }
  }
  return ~std::uint64_t{0};
}

}  // namespace

std::int64_t RealChild::read(int handle, void* to, std::size_t size) {
  for (;;) {
    const ssize_t got = ::read(handle, to, size);
    if (got >= 0 || (errno != EAGAIN && errno != EINTR)) {
      return got < 0 ? -errno : got;
    }
    pollfd one{handle, POLLIN, 0};
    ::poll(&one, 1, -1);
  }
}
std::int64_t RealChild::write(int handle, std::string_view text) {
  const ssize_t put = ::write(handle, text.data(), text.size());
  return put < 0 ? -errno : put;
}
void RealChild::close(int handle) { ::close(handle); }
bool RealChild::is_open(int handle) { return ::fcntl(handle, F_GETFD) >= 0; }
pid_t RealChild::fork(ChildBody body) {
  const pid_t child = ::fork();
  if (child == 0) {
    RealChild system;
    ::_exit(body(system));
  }
  return child;
}
void RealChild::sleep() { ::pause(); }
std::string RealChild::directory() { return std::filesystem::current_path().string(); }
std::optional<std::string> RealChild::variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? std::optional<std::string>(value) : std::nullopt;
}
std::uint64_t RealChild::blocked_signals() { return of_status("SigBlk:"); }
std::uint64_t RealChild::ignored_signals() { return of_status("SigIgn:"); }

}  // namespace vigil::test
