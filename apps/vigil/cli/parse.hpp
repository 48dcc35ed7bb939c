// From the words of a command line to what is to be done, or to one sentence.
#pragma once

#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/option.hpp"

namespace vigil::cli {

enum class Task : std::uint8_t { run, help, manual, completion, version };

// A value that the command line says.
struct Given {
  const Option* option;
  std::string text;
};

struct Invocation {
  Task task = Task::help;
  const Command* command = nullptr;   // null: the program itself
  Settings settings;                  // of the command, for Task::run
  std::vector<Given> given;           // what of that the command line says, in its order
  std::vector<std::string> warnings;  // sentences, with program and command in front
};

// Reads the words after the program's name. A failure is the whole sentence, with its program and
// command in front ("vigil serve: unknown option --lisen. Did you mean --listen?"), and wrong use:
// exit status 2.
std::expected<Invocation, std::string> parse(std::span<const std::string_view> words);

// The same for the words after the command's name.
std::expected<Invocation, std::string> parse_command(const Command& command,
                                                     std::span<const std::string_view> words);

// The name among the options (or the commands) that was most likely meant by `word`; empty if none
// is near.
std::string_view nearest_option(const Command& command, std::string_view word);
std::string_view nearest_command(std::string_view word);

}  // namespace vigil::cli
