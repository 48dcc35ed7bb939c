// What the kernel tells of itself in small files (/proc, /sys) and by uname(2).
#pragma once

#include <span>
#include <string_view>

namespace vigil {

// The front of the file at `path`, as much as `room` holds; empty if it cannot be read.
std::string_view read_front(const char* path, std::span<char> room) noexcept;

// 6.18 of "6.18.5-amd64"; 0.0 if it cannot be told.
struct KernelVersion {
  unsigned major = 0;
  unsigned minor = 0;
};
KernelVersion kernel_version() noexcept;

}  // namespace vigil
