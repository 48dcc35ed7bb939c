// How an option's text gets into the settings: what the tables of options are made with.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "cli/settings.hpp"

namespace vigil::cli {

// Stores what `Parse` reads in `Member`.
template <auto Member, auto Parse>
std::optional<std::string> store(Settings& into, std::string_view text) {
  auto value = Parse(text);
  if (!value) {
    return std::move(value.error());
  }
  into.*Member = std::move(*value);
  return std::nullopt;
}

template <auto Member>
std::optional<std::string> store_path(Settings& into, std::string_view text) {
  if (text.empty()) {
    return "is empty. Name a path.";
  }
  into.*Member = text;
  return std::nullopt;
}

template <auto Member>
std::optional<std::string> store_text(Settings& into, std::string_view text) {
  into.*Member = text;
  return std::nullopt;
}

// A switch is written bare; "on" and "off" are its values where one is needed.
template <auto Member>
std::optional<std::string> store_switch(Settings& into, std::string_view text) {
  if (!text.empty() && text != "on" && text != "off") {
    return "is neither on nor off.";
  }
  into.*Member = text != "off";
  return std::nullopt;
}

}  // namespace vigil::cli
