// One simulated machine with a disk and a process, for the tests of files.
#pragma once

#include <fcntl.h>
#include <sys/inotify.h>

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/file_system.hpp"
#include "kernel/kernel.hpp"
#include "kernel/process.hpp"
#include "net/network.hpp"
#include "tests/sim/kernel_fixture.hpp"
#include "world/weather.hpp"

namespace vigil::sim {

struct Machine {
  explicit Machine(std::uint64_t seed = 1, Faults faults = Faults::none(), KernelLimits limits = {})
      : weather(clock, seed, std::move(faults)),
        network(clock, weather, trace, seed),
        kernel("machine", weather.add_host("machine"), clock, weather, network, trace, limits),
        process(&kernel.start_process("test")) {}

  // The machine loses power and starts again, and so does the process.
  void crash() {
    kernel.crash();
    process = &kernel.start_process("test");
  }
  void pass(Nanos time) {
    while (clock.next() <= clock.now() + time) {
      time -= clock.next() - clock.now();
      clock.fire_next();
    }
    clock.jump(clock.now() + time);
  }

  int open(const char* path, int flags, mode_t mode = 0644, std::uint64_t resolve = 0) {
    return process->openat2(AT_FDCWD, path, flags, mode, resolve);
  }
  std::int64_t write(int fd, std::string_view text) {
    return process->write(fd, std::as_bytes(std::span(text)));
  }
  // What is read in one call; the error's number in brackets where it fails.
  std::string read(int fd, std::size_t count = 65536) {
    std::string text(count, '\0');
    return told(process->read(fd, std::as_writable_bytes(std::span(text))), text);
  }
  std::string pread(int fd, std::size_t count, std::uint64_t offset) {
    std::string text(count, '\0');
    return told(process->pread(fd, std::as_writable_bytes(std::span(text)), offset), text);
  }
  // A file made and written, its handle closed; 0 or -errno.
  std::int64_t make(const char* path, std::string_view text = {}) {
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC);
    if (fd < 0) {
      return fd;
    }
    const std::int64_t written = text.empty() ? 0 : write(fd, text);
    process->close(fd);
    return written < 0 ? written : 0;
  }
  struct stat status(const char* path, int flags = 0) {
    struct stat seen{};
    result = process->fstatat(AT_FDCWD, path, &seen, flags);
    return seen;
  }
  std::string content(const char* path) {
    const auto text = kernel.files().read_file(path);
    return text ? *text : "(" + text.error().message() + ")";
  }
  std::vector<std::string> entries(const char* path) {
    std::vector<std::string> names;
    const int fd = open(path, O_RDONLY | O_DIRECTORY);
    Process::Entry entry;
    while (process->next_entry(fd, entry) == 1) {
      names.emplace_back(entry.name);
    }
    process->close(fd);
    return names;
  }

  static std::string told(std::int64_t got, std::string& text) {
    if (got < 0) {
      return "[" + std::to_string(-got) + "]";
    }
    text.resize(static_cast<std::size_t>(got));
    return text;
  }

  Clock clock;
  NoTrace trace;
  Weather weather;
  Network network;
  Kernel kernel;
  Process* process;
  std::int32_t result = 0;  // of status()
};

}  // namespace vigil::sim
