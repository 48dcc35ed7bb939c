// The configuration in effect: defaults, then a file, then the command line; each value with where
// it comes from.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/parse.hpp"
#include "config/tree.hpp"

namespace vigil::config {

enum class From : std::uint8_t { initial, file, flag, environment };

struct Setting {
  const cli::Option* row = nullptr;
  std::vector<std::string> texts;  // as a command line would say them; one, unless it is repeatable
  From from = From::initial;
  Place place;  // of the key, From::file
};

// The program, a site or a listener: what holds for it, in the order of the table.
struct Part {
  std::vector<Setting> settings;
  cli::Settings values;  // the same, read; of a site or listener on top of the program's
  Place place;           // of its table; nowhere: of the program, or of a listener of `listen`

  const Setting* find(std::string_view name) const noexcept;
};

struct Configuration {
  std::string file;  // its path; empty: there is none
  Part program;
  std::vector<Part> sites;  // in [[site]] tables
  // Each with one place in `values.listen`, wherever it was named.
  std::vector<Part> listeners;

  // Whether the program's own directory is served: alone, or to those who ask for other names.
  bool serves_others() const noexcept;
};

// A configuration, and what is wrong with the file: then it is not to be used.
struct Reading {
  Configuration configuration;
  std::vector<Fault> faults;    // in the order of the file
  std::vector<Fault> warnings;  // of former keys
};

// `text`: what the file holds; nothing if there is no file. `given` comes from a command line that
// was read by the same `command`.
Reading configure(const cli::Command& command, std::string_view file,
                  std::optional<std::string_view> text, std::span<const cli::Given> given);

// "vigil.toml:3:1: unknown key idle_timout. Did you mean idle_timeout?"
std::string sentence_of(std::string_view file, const Fault& fault);

// As a configuration file that says the same, with the origins as comments; and as JSON.
std::string as_toml(const Configuration& configuration);
std::string as_json(const Configuration& configuration);

// Every key with its default and its meaning, all commented out.
std::string example(const cli::Command& command);

// A value as it is written in a file.
std::string toml_value(const cli::Option& row, std::span<const std::string> texts);

}  // namespace vigil::config
