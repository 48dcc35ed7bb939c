// TOML by toml++, which nothing else here knows of.
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include <algorithm>

#include "config/tree.hpp"

namespace vigil::config {
namespace {

Place place_of(const toml::source_region& source) {
  return {source.begin.line, source.begin.column};
}

Value value_of(const toml::node& node);

Value table_of(const toml::table& table) {
  Value value;
  value.kind = Kind::table;
  value.place = place_of(table.source());
  for (const auto& [key, node] : table) {
    Entry entry;
    entry.key = key.str();
    entry.value = value_of(node);
    // The header of a list of tables gives its place to the first of them alone.
    entry.place = place_of(key.source());
    value.entries.push_back(std::move(entry));
  }
  // toml++ sorts them by name.
  std::ranges::sort(value.entries, {}, &Entry::place);
  return value;
}

Value value_of(const toml::node& node) {
  Value value;
  value.place = place_of(node.source());
  if (const toml::table* table = node.as_table()) {
    return table_of(*table);
  }
  if (const toml::array* list = node.as_array()) {
    value.kind = Kind::list;
    for (const toml::node& item : *list) {
      value.items.push_back(value_of(item));
    }
  } else if (const auto* text = node.as_string()) {
    value.kind = Kind::text;
    value.text = text->get();
  } else if (const auto* number = node.as_integer()) {
    value.kind = Kind::number;
    value.text = std::to_string(number->get());
  } else if (const auto* truth = node.as_boolean()) {
    value.kind = Kind::truth;
    value.text = truth->get() ? "true" : "false";
  } else {
    value.kind = node.is_floating_point() ? Kind::fraction : Kind::date;
  }
  return value;
}

}  // namespace

std::expected<Value, Fault> parse_toml(std::string_view text) {
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    std::string sentence(parsed.error().description());
    return std::unexpected(
        Fault{place_of(parsed.error().source()),
              "this is no TOML: " + sentence + (sentence.ends_with('.') ? "" : ".")});
  }
  return table_of(parsed.table());
}

std::string_view name_of(Kind kind) noexcept {
  switch (kind) {
    case Kind::text:
      return "a string";
    case Kind::number:
      return "a number";
    case Kind::fraction:
      return "a fraction";
    case Kind::truth:
      return "true or false";
    case Kind::date:
      return "a date or time";
    case Kind::list:
      return "a list";
    case Kind::table:
      return "a table";
  }
  return {};
}

}  // namespace vigil::config
