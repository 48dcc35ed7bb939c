// The word that was meant, and a word as a terminal can show it.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace vigil::cli {

// The name that was most likely meant by `word`; empty if none is near.
std::string_view nearest(std::span<const std::string_view> names, std::string_view word);

// A word that somebody wrote, without control bytes, and cut after 60.
std::string shown(std::string_view word);

}  // namespace vigil::cli
