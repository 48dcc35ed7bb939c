// The description of a command: one table from which its command line and its configuration file
// are read, and its help, manual and example are made.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "cli/settings.hpp"

namespace vigil::cli {

// Reads `text` into the settings; answers with what is wrong with it, or nothing.
using Store = std::optional<std::string> (*)(Settings& into, std::string_view text);

// Where the key of an option stands in a configuration file.
enum class Keyed : std::uint8_t {
  nowhere,        // it has none
  program,        // at the top
  site,           // at the top for all sites, and in [[site]] for one
  each_site,      // at the top for the names that no site has, and in every [[site]]
  site_only,      // in [[site]]
  listener,       // at the top for all listeners, and in [[listener]] for one
  listener_only,  // in [[listener]]
};

struct Option {
  std::string_view name;     // without dashes: "head-limit"; its key is "head_limit"
  std::string_view value;    // what follows it: "SIZE"; empty for a switch
  std::string_view initial;  // the value when it is not given, as it would be written; may be empty
  std::string_view help;     // a phrase without a full stop
  std::string_view answers;  // what a client gets past the limit: "431"; empty if it is no limit
  std::string_view group;    // the heading it stands under; rows of a group are neighbours
  Store store;
  Keyed keyed = Keyed::program;
  bool repeatable = false;  // each one adds a value; storing an empty text takes all away
  bool fixed = false;       // a reload cannot change it

  // Whether it is on or off, and nothing else.
  bool is_switch() const noexcept { return value.empty() || value == "on|off"; }
};

// A name that an option had, or an option that is gone: accepted with a warning for one minor
// version.
struct Former {
  std::string_view name;   // as Option::name
  std::string_view now;    // what it is called; empty: it has no effect any more
  std::string_view value;  // as Option::value
  std::string_view until;  // the version that does not know it any more
};

struct Example {
  std::string_view line;
  std::string_view meaning;
};

struct Command {
  std::string_view name;     // "serve"
  std::string_view summary;  // a phrase without a full stop
  std::string_view operand;  // "DIR", or "PID PEER"; empty: takes none
  std::string_view operand_help;
  Store operand_store;
  std::string_view operand_key;  // the key in a file that says the same; empty: there is none
  std::string_view description;  // paragraphs, separated by an empty line
  std::span<const Option> options;
  std::span<const Example> examples;
  std::span<const Option> keys = {};     // what a file can say and a command line cannot
  std::span<const Former> formers = {};  // of options and keys
  unsigned operands = 0;                 // as many have to be there; 0: one may be
};

// Every command, in the order of the help.
std::span<const Command> commands() noexcept;
const Command* find_command(std::string_view name) noexcept;
const Option* find_option(const Command& command, std::string_view name) noexcept;
const Former* find_former(const Command& command, std::string_view name) noexcept;

// The name of an option as a key: "head_limit"; and back.
std::string key_of(std::string_view name);
std::string name_of(std::string_view key);
// The row with that key, of `keys` or of `options`; null: there is none.
const Option* find_key(const Command& command, std::string_view key) noexcept;

// What is said of a former name: "head-max is called head-limit now; ..."; `written` turns a name
// into what the reader sees.
std::string former_sentence(const Former& former, std::string (*written)(std::string_view));

// The settings with every option at its initial value.
Settings initial_settings(const Command& command);

}  // namespace vigil::cli
