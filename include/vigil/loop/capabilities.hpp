// What this machine lets a loop stand on: every selector, engine, and what io_uring has, tried
// live. For a program that tells its operator (vigil doctor), and for one that chooses by it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace vigil {

struct Capability {
  enum class Kind : std::uint8_t {
    selector,       // a way to wait for readiness; each is an engine, too
    engine,         // a name of LoopOptions::engine that stands on no selector
    ring_feature,   // what an io_uring can do
    ring_operation  // an operation that it carries out
  };
  // Why it is not available, for a program to tell apart.
  enum class Cause : std::uint8_t {
    none,           // it is available
    kernel,         // this kernel is too old, or was built without it
    seccomp,        // a seccomp filter refuses it
    administrator,  // switched off for the machine (kernel.io_uring_disabled)
    policy,         // another part of the system's security refuses it
    environment,    // switched off for the process (VIGIL_URING_WITHOUT)
    memory,         // out of memory, or of memory that may be locked
    descriptors,    // out of descriptors
    not_built,      // vigil was built without liburing
    other
  };
  Kind kind = Kind::selector;
  std::string_view name;   // for all time
  bool available = false;  // it was tried, and works
  bool in_use = false;     // by a loop whose engine is "auto"
  Cause cause = Cause::none;
  int error = 0;  // what the system answered (errno); 0 if it is available
  // In words: why it is not available, or why "auto" takes another. Empty if it is in use.
  std::string why;
};

// All of them, in a stable order. What io_uring has is tried once a process, which takes some
// milliseconds; later calls repeat the answers. Any thread.
std::vector<Capability> capabilities();

// What LoopOptions::engine "auto" takes here, and why that one, in words. Any thread.
struct AutoEngine {
  std::string_view name;
  std::string_view why;
};
AutoEngine auto_engine();

// Why the engine of that name, for which Loop::create() returned `error`, cannot run here: "refused
// by a seccomp filter". Any thread.
std::string why_not(std::string_view engine, const std::error_code& error);

}  // namespace vigil
