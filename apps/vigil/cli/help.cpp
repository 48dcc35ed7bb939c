// --help, the manual and --version, made from the table of options.
#include "cli/help.hpp"

#include <algorithm>

namespace vigil::cli {
namespace {

constexpr std::size_t kIndent = 26;  // where the explanation of an option begins

std::string painted(std::string_view text, std::string_view code, const Screen& screen) {
  if (!screen.colour || text.empty()) {
    return std::string(text);
  }
  return "\x1b[" + std::string(code) + "m" + std::string(text) + "\x1b[0m";
}
std::string bold(std::string_view text, const Screen& screen) { return painted(text, "1", screen); }
std::string dim(std::string_view text, const Screen& screen) { return painted(text, "2", screen); }

// `text` in lines of at most `columns`, each after the first indented; an empty line begins a
// paragraph.
std::string wrapped(std::string_view text, std::size_t indent, std::size_t column,
                    std::size_t columns) {
  std::string out;
  while (!text.empty()) {
    if (text.starts_with("\n\n")) {
      out += "\n\n" + std::string(indent, ' ');
      column = indent;
      text.remove_prefix(2);
      continue;
    }
    const std::string_view word = text.substr(0, std::min(text.find_first_of(" \n"), text.size()));
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

std::string answered(std::string_view answers) {
  return answers.empty() || answers == "close" ? "" : std::string(answers);
}

// "default 32K; past it 431": what stands after the explanation.
std::string facts(const Option& option) {
  std::string out;
  if (!option.initial.empty()) {
    out += "default " + std::string(option.initial);
  }
  if (!option.answers.empty()) {
    out += "; past it ";
    out += option.answers == "close"          ? "the connection is closed"
           : option.answers == "408 or close" ? "408, or the connection is closed"
                                              : "answers " + answered(option.answers);
  }
  return out;
}

void append_option(std::string& out, const Option& option, const Screen& screen) {
  const std::string plain = "--" + std::string(option.name) + (option.value.empty() ? "" : " ") +
                            std::string(option.value);
  out += "  " + bold("--" + std::string(option.name), screen) + (option.value.empty() ? "" : " ") +
         std::string(option.value);
  if (plain.size() + 4 > kIndent) {
    out += "\n" + std::string(kIndent, ' ');
  } else {
    out += std::string(kIndent - 2 - plain.size(), ' ');
  }
  out += wrapped(option.help, kIndent, kIndent, screen.columns) + "\n";
  if (const std::string more = facts(option); !more.empty()) {
    out += std::string(kIndent, ' ') +
           dim(wrapped(more, kIndent, kIndent, screen.columns), screen) + "\n";
  }
}

// " [DIR]" or " PID PEER", and what it is.
std::string operand(const Command& command, const Screen& screen) {
  const std::size_t indent = command.operand.size() + 4;
  const std::string name(command.operand);
  return (command.operands != 0 ? " " + name : " [" + name + "]") + "\n\n  " +
         bold(command.operand, screen) + "  " +
         wrapped(command.operand_help, indent, indent, screen.columns);
}

std::string program_help(const Screen& screen) {
  std::string out = bold("vigil", screen) + " - event-driven servers\n\n" + bold("Usage:", screen) +
                    " vigil COMMAND [OPTION...] [ARGUMENT]\n\n" + bold("Commands", screen) + "\n";
  for (const Command& command : commands()) {
    out += "  " + bold(command.name, screen) + std::string(12 - command.name.size(), ' ') +
           std::string(command.summary) + "\n";
  }
  out += "\n" + bold("Options", screen) + "\n  " + bold("--help", screen) +
         "      this text; vigil COMMAND --help for a command\n  " + bold("--version", screen) +
         "   version, commit, compiler and engines\n  " + bold("--manual", screen) +
         "    the manual page: vigil --manual | man -l -\n  " + bold("--completion", screen) +
         " for bash: source <(vigil --completion)\n\n" + bold("Try", screen) +
         "\n  vigil serve --listing        then open http://127.0.0.1:8080/\n\nExit status: 0 "
         "ended as asked, 1 failed, "
         "2 wrong use.\n";
  return out;
}

}  // namespace

std::string help(const Command* command, const Screen& screen) {
  if (command == nullptr) {
    return program_help(screen);
  }
  const std::string name(command->name);
  std::string out = bold("vigil " + name, screen) + " - " + std::string(command->summary) + "\n\n" +
                    bold("Usage:", screen) + " vigil " + name + " [OPTION...]" +
                    (command->operand.empty() ? "" : operand(*command, screen)) + "\n\n" +
                    wrapped(command->description, 0, 0, screen.columns) + "\n";
  std::string_view group;
  for (const Option& option : command->options) {
    if (option.group != group) {
      group = option.group;
      out += "\n" + bold(group, screen) + "\n";
    }
    append_option(out, option, screen);
  }
  out += "\n" + bold("Examples", screen) + "\n";
  for (const Example& example : command->examples) {
    out += "  " + std::string(example.line) + "\n      " + dim(example.meaning, screen) + "\n";
  }
  out += "\nExit status: 0 ended as asked, 1 failed, 2 wrong use.\n";
  return out;
}

std::string version(std::string_view number, std::string_view commit, std::string_view compiler,
                    std::string_view engines) {
  return "vigil " + std::string(number) + "\ncommit   " + std::string(commit) + "\ncompiler " +
         std::string(compiler) + "\nengines  " + std::string(engines) + "\n";
}

}  // namespace vigil::cli
