// Which commit this program was built from; the build writes the other half (cmake/commit.cmake).
#pragma once

#include <string_view>

// Twelve digits of the commit, or "unknown" when the tree came without its history.
std::string_view vigil_commit() noexcept;
