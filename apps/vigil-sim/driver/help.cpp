// --help, made from the table of commands.
#include "driver/commands.hpp"

namespace vigil::driver {
namespace {

// `text` in lines of at most `columns`, each after the first indented; an empty line begins a
// paragraph.
std::string wrapped(std::string_view text, std::size_t indent, std::size_t columns) {
  std::string out;
  std::size_t column = indent;
  while (!text.empty()) {
    if (text.starts_with("\n\n")) {
      out += "\n\n" + std::string(indent, ' ');
      column = indent;
      text.remove_prefix(2);
      continue;
    }
    const std::string_view word = text.substr(0, text.find_first_of(" \n"));
    if (column > indent && column + 1 + word.size() > columns) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (column > indent) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
    text.remove_prefix(word.size());
    if (text.starts_with(' ')) {
      text.remove_prefix(1);
    }
  }
  return out;
}

constexpr std::size_t kIndent = 22;

std::string row(std::string_view name, std::string_view text, std::size_t columns) {
  std::string line = "  " + std::string(name);
  line += line.size() + 2 > kIndent ? "\n" + std::string(kIndent, ' ')
                                    : std::string(kIndent - line.size(), ' ');
  return line + wrapped(text, kIndent, columns) + "\n";
}

std::string program_help(std::size_t columns) {
  std::string out =
      "vigil-sim - programs on simulated machines, under a seed\n\n"
      "Usage: vigil-sim COMMAND [OPTION...] [ARGUMENT]\n\n" +
      wrapped(
          "Several machines, their kernels, disks and network live in this process, and a seed "
          "decides all that is left to chance: who runs next, what is lost, late or refused. A "
          "scenario runs the very object files of vigil's servers and clients on them and "
          "checks every answer. The same seed gives the same run, bit for bit.",
          0, columns) +
      "\n\nCommands\n";
  for (const Command& command : commands()) {
    out += row(command.name, command.summary, columns);
  }
  out += "\nOptions\n" +
         row("--help", "this text; vigil-sim COMMAND --help for a command", columns) +
         row("--version", "version, commit and compiler", columns) +
         "\nTry\n  vigil-sim run echo --seeds 100\n"
         "  vigil-sim run serve --seed 7 --json     twice: the trace hash is the same\n\n"
         "Exit status: 0 clean, 1 a failure was found, 2 wrong use.\n";
  return out;
}

}  // namespace

std::string help(const Command* command, std::size_t columns) {
  if (command == nullptr) {
    return program_help(columns);
  }
  const std::string name(command->name);
  std::string out = "vigil-sim " + name + " - " + std::string(command->summary) +
                    "\n\nUsage: vigil-sim " + name + " [OPTION...]";
  if (!command->operand.empty()) {
    out += command->operand_needed ? " " + std::string(command->operand)
                                   : " [" + std::string(command->operand) + "]";
  }
  out += "\n\n";
  if (!command->operand.empty()) {
    out += row(command->operand, command->operand_help, columns) + "\n";
  }
  out += wrapped(command->description, 0, columns) + "\n";
  if (!command->options.empty()) {
    out += "\nOptions\n";
  }
  for (const Option& option : command->options) {
    std::string text(option.help);
    if (!option.initial.empty()) {
      text += " (default " + std::string(option.initial) + ")";
    }
    out += row("--" + std::string(option.name) + (option.value.empty() ? "" : " ") +
                   std::string(option.value),
               text, columns);
  }
  out += "\nExamples\n";
  for (const Example& example : command->examples) {
    out += "  " + std::string(example.line) + "\n      " + std::string(example.meaning) + "\n";
  }
  return out + "\nExit status: 0 clean, 1 a failure was found, 2 wrong use.\n";
}

}  // namespace vigil::driver
