// A configuration file as text and tables with their places, before anything is known of its keys.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace vigil::config {

struct Place {
  std::uint32_t line = 0;  // from 1; 0: nowhere
  std::uint32_t column = 0;
  friend auto operator<=>(const Place&, const Place&) = default;
};

// What is wrong at a place: one sentence.
struct Fault {
  Place place;
  std::string sentence;
};

enum class Kind : std::uint8_t { text, number, fraction, truth, date, list, table };
std::string_view name_of(Kind kind) noexcept;  // "a number"

struct Entry;
struct Value {
  Kind kind = Kind::table;
  Place place;
  std::string text;            // of a text, a number, "true" and "false"
  std::vector<Value> items;    // of a list
  std::vector<Entry> entries;  // of a table, as they stand in the file
};
struct Entry {
  std::string key;
  Place place;
  Value value;
};

// Reads TOML 1.0. The fault is the first place that is none.
std::expected<Value, Fault> parse_toml(std::string_view text);

}  // namespace vigil::config
