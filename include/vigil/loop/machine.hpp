// What the machine and its administrator allow a server, and how to change it. For a program that
// tells its operator (vigil doctor).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vigil {

struct MachineLimit {
  std::string_view name;   // "open descriptors", for all time
  std::string_view place;  // where it is set: "RLIMIT_NOFILE", "net.core.somaxconn"
  std::string_view unit;   // "descriptors", "bytes"
  // What is allowed now; nothing: there is no limit.
  std::optional<std::uint64_t> value;
  // Up to where this process may raise it itself; nothing: it may not, or there is no limit.
  std::optional<std::uint64_t> most;
  bool low = false;          // a busy server would feel it
  std::string_view meaning;  // what ends at it, as a phrase
  std::string change;        // the command that raises it
};

// The limits of this process and machine that matter to a server, in a stable order; what this
// system does not have is left out. Any thread.
std::vector<MachineLimit> machine_limits();

// "Linux 6.18.5 x86_64". Any thread.
std::string system_name();

}  // namespace vigil
