// What `vigil doctor` found, and how it is shown: a table for people, JSON for programs.
#pragma once

#include <string>
#include <vector>

#include "cli/help.hpp"
#include "vigil/loop/capabilities.hpp"
#include "vigil/loop/machine.hpp"

namespace vigil::app {

struct Report {
  std::string version;  // of vigil
  std::string system;   // "Linux 6.18.5 x86_64"
  AutoEngine chosen;
  std::vector<Capability> capabilities;
  std::vector<MachineLimit> limits;
};

// Tries everything, now.
Report examine();

// As it stands in both: "in use", "available", "missing"; "kernel", "seccomp".
std::string_view state_of(const Capability& one) noexcept;
std::string_view cause_name(Capability::Cause cause) noexcept;
// "EPERM", for the errors that a kernel answers to a try; else its number.
std::string error_name(int error);

// "uring: refused (seccomp)": the one line that says whether there is a ring.
std::string ring_line(const Report& report);

std::string as_table(const Report& report, const cli::Screen& screen);
// One object, with a newline at the end. Fields are added by later versions, and none is renamed.
std::string as_json(const Report& report);

}  // namespace vigil::app
