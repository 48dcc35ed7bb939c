// What is found, and the words that the table and the JSON share.
#include "doctor/report.hpp"

#include <algorithm>
#include <cerrno>

#include "vigil/base/version.hpp"

namespace vigil::app {

Report examine() {
  return {.version = std::string(version_text()),
          .system = system_name(),
          .chosen = auto_engine(),
          .capabilities = capabilities(),
          .limits = machine_limits()};
}

std::string_view state_of(const Capability& one) noexcept {
  return one.in_use ? "in use" : one.available ? "available" : "missing";
}

std::string_view cause_name(Capability::Cause cause) noexcept {
  switch (cause) {
    case Capability::Cause::none:
      return "none";
    case Capability::Cause::kernel:
      return "kernel";
    case Capability::Cause::seccomp:
      return "seccomp";
    case Capability::Cause::administrator:
      return "administrator";
    case Capability::Cause::policy:
      return "policy";
    case Capability::Cause::environment:
      return "environment";
    case Capability::Cause::memory:
      return "memory";
    case Capability::Cause::descriptors:
      return "descriptors";
    case Capability::Cause::not_built:
      return "not built";
    case Capability::Cause::other:
      return "other";
  }
  return "other";
}

std::string error_name(int error) {
  constexpr std::pair<int, std::string_view> kNames[] = {
      {EPERM, "EPERM"},     {EACCES, "EACCES"},         {ENOSYS, "ENOSYS"},
      {EINVAL, "EINVAL"},   {EOPNOTSUPP, "EOPNOTSUPP"}, {ENOMEM, "ENOMEM"},
      {EMFILE, "EMFILE"},   {ENFILE, "ENFILE"},         {EAGAIN, "EAGAIN"},
      {EBADF, "EBADF"},     {ENOENT, "ENOENT"},         {ETIME, "ETIME"},
      {ENOBUFS, "ENOBUFS"}, {ECANCELED, "ECANCELED"},   {EADDRNOTAVAIL, "EADDRNOTAVAIL"}};
  for (const auto& [number, name] : kNames) {
    if (number == error) {
      return std::string(name);
    }
  }
  return std::to_string(error);
}

std::string ring_line(const Report& report) {
  const auto ring = std::ranges::find_if(report.capabilities, [](const Capability& one) {
    return one.kind == Capability::Kind::ring_feature && one.name == "ring";
  });
  if (ring == report.capabilities.end()) {
    return {};
  }
  switch (ring->cause) {
    case Capability::Cause::none:
      return "uring: " + std::string(report.chosen.name == "uring" ? "in use" : "available");
    case Capability::Cause::seccomp:
      return "uring: refused (seccomp)";
    case Capability::Cause::administrator:
      return "uring: switched off (kernel.io_uring_disabled)";
    case Capability::Cause::not_built:
      return "uring: missing (vigil was built without liburing)";
    default:
      return "uring: missing (" + ring->why + ")";
  }
}

}  // namespace vigil::app
