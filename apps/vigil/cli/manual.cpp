// The manual as man(7) source.
#include <cctype>

#include "cli/help.hpp"

namespace vigil::cli {
namespace {

// Text for troff: backslashes, hyphens that must stay hyphens, and lines that would be requests.
std::string roff(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else if ((c == '.' || c == '\'') && (out.empty() || out.back() == '\n')) {
      out += "\\&";
      out += c;
    } else {
      out += c;
    }
  }
  return out;
}

std::string paragraphs(std::string_view text) {
  std::string out;
  while (true) {
    const std::size_t gap = text.find("\n\n");
    out += roff(text.substr(0, gap)) + "\n";
    if (gap == std::string_view::npos) {
      return out;
    }
    out += ".PP\n";
    text.remove_prefix(gap + 2);
  }
}

void append_option(std::string& out, const Option& option) {
  out += ".TP\n.BR \\-\\-" + roff(option.name);
  if (!option.value.empty()) {
    out += " \" \" \\fI" + roff(option.value) + "\\fR";
  }
  out += "\n" + roff(option.help) + ".\n";
  if (!option.initial.empty()) {
    out += "Default: " + roff(option.initial) + ".\n";
  }
  if (!option.answers.empty()) {
    out += option.answers == "close" ? "Past it the connection is closed.\n"
                                     : "Past it: " + roff(option.answers) + ".\n";
  }
}

constexpr std::string_view kStatus =
    ".SH EXIT STATUS\n.TP\n0\nended as asked\n.TP\n1\nfailed\n.TP\n2\nwrong use\n";

std::string program_manual() {
  std::string out =
      ".TH VIGIL 1 \"\" vigil \"User Commands\"\n.SH NAME\nvigil \\- event\\-driven servers\n.SH "
      "SYNOPSIS\n"
      ".B vigil\n.I COMMAND\n[\\fIOPTION\\fR...] [\\fIARGUMENT\\fR]\n.SH COMMANDS\n";
  for (const Command& command : commands()) {
    out += ".TP\n.BR vigil\\-" + roff(command.name) + " (1)\n" + roff(command.summary) + "\n";
  }
  return out + std::string(kStatus);
}

std::string operand(const Command& command) {
  const std::string name = "\\fI" + roff(command.operand) + "\\fR";
  return command.operands != 0 ? " " + name : " [" + name + "]";
}

}  // namespace

std::string manual(const Command* command) {
  if (command == nullptr) {
    return program_manual();
  }
  std::string upper;
  for (const char c : command->name) {
    upper += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  const bool takes_operand = !command->operand.empty();
  std::string out =
      ".TH VIGIL\\-" + upper + " 1 \"\" vigil \"User Commands\"\n.SH NAME\nvigil\\-" +
      roff(command->name) + " \\- " + roff(command->summary) + "\n.SH SYNOPSIS\n.B vigil " +
      roff(command->name) + "\n[\\fIOPTION\\fR...]" + (takes_operand ? operand(*command) : "") +
      "\n.SH DESCRIPTION\n" + paragraphs(command->description) +
      (takes_operand
           ? ".PP\n\\fI" + roff(command->operand) + "\\fR is " + roff(command->operand_help) + ".\n"
           : "") +
      (command->options.empty() ? "" : ".SH OPTIONS\n");
  std::string_view group;
  for (const Option& option : command->options) {
    if (option.group != group) {
      group = option.group;
      out += ".SS " + roff(group) + "\n";
    }
    append_option(out, option);
  }
  out += ".SH EXAMPLES\n";
  for (const Example& example : command->examples) {
    out += ".TP\n.B " + roff(example.line) + "\n" + roff(example.meaning) + "\n";
  }
  return out + std::string(kStatus) + ".SH SEE ALSO\n.BR vigil (1)\n";
}

}  // namespace vigil::cli
