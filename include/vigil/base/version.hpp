// Which vigil this program is linked with, and what compiled it.
#pragma once

#include <compare>
#include <string_view>

namespace vigil {

// A version as semver.org 2.0.0 counts: before 1.0.0, a new minor number may break users.
struct Version {
  int major;
  int minor;
  int patch;
  friend auto operator<=>(const Version&, const Version&) = default;
};

// The version of the linked library. Any thread.
Version version() noexcept;

// The same as text, such as "0.1.0"; static storage. Any thread.
std::string_view version_text() noexcept;

// The compiler that built the linked library, such as "Clang 19.1.7"; static storage. Any thread.
std::string_view compiler_text() noexcept;

}  // namespace vigil
