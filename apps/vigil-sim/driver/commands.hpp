// The command line of vigil-sim: one table from which it is read and its help is made.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace vigil::driver {

// What the words of a command line asked for.
struct Settings {
  std::string scenario;
  std::uint64_t seeds = 0;            // 0: not said
  std::optional<std::uint64_t> seed;  // the first; nothing: drawn
  std::uint64_t jobs = 0;             // 0: as many as there are processors
  std::string faults_file;            // empty: ordinary weather
  std::string trace_file;             // empty: none
  std::uint64_t operations = 0;       // of the differential
  std::string point;                  // of `points`: the one of this name
  bool json = false;
  bool markdown = false;
  bool fault_table = false;
  std::uint64_t scatter = 0;  // 0: memory lies where malloc(3) puts it
  bool accepted = false;      // of the differential: the table of accepted differences
};

// Reads `text` into the settings; answers with what is wrong with it, or nothing.
using Store = std::optional<std::string> (*)(Settings& into, std::string_view text);

struct Option {
  std::string_view name;   // without dashes
  std::string_view value;  // what follows it: "N"; empty for a switch
  std::string_view initial;
  std::string_view help;  // a phrase without a full stop
  Store store;
};

struct Example {
  std::string_view line;
  std::string_view meaning;
};

struct Command {
  std::string_view name;
  std::string_view summary;
  std::string_view operand;  // "SCENARIO"; empty: takes none
  std::string_view operand_help;
  bool operand_needed;
  std::string_view description;
  std::span<const Option> options;
  std::span<const Example> examples;
  int (*perform)(const Settings& settings);  // the exit status
};

std::span<const Command> commands() noexcept;
const Command* find_command(std::string_view name) noexcept;

enum class Task : std::uint8_t { run, help, version };
struct Invocation {
  Task task = Task::help;
  const Command* command = nullptr;  // null: the program itself
  Settings settings;
};

// Reads the words after the program's name. A failure is the whole sentence, program and command in
// front, and wrong use: exit status 2.
std::expected<Invocation, std::string> parse(std::span<const std::string_view> words);

// The help of the program (null) or of one of its commands.
std::string help(const Command* command, std::size_t columns);

// ", did you mean X" as a sentence of its own: "Did you mean X?", or `otherwise`.
std::string nearest_sentence(std::span<const std::string_view> names, std::string_view word,
                             std::string_view before, std::string_view otherwise);

}  // namespace vigil::driver
