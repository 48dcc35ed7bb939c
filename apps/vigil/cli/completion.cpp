// The completion for bash, made from the table of options.
#include <algorithm>
#include <string>

#include "cli/help.hpp"

namespace vigil::cli {
namespace {

constexpr std::string_view kBegin = R"(# Completion of vigil for bash, made by `vigil --completion`.
_vigil() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]}
  # --option=value comes as three words.
  if [[ $word == = ]]; then
    word=
  elif [[ $before == = ]]; then
    before=${COMP_WORDS[COMP_CWORD-2]}
  fi
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W "$commands" -- "$word"))
    return
  fi
)";

constexpr std::string_view kEnd = R"(  if [[ $word == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$word"))
  else
    compopt -o filenames 2>/dev/null
    COMPREPLY=($(compgen -f -- "$word"))
  fi
}
complete -F _vigil vigil
)";

// The words that a value can be: "json common off" of "json|common|off"; none of "TIME".
std::string choices(std::string_view value) {
  std::string out;
  while (!value.empty()) {
    const std::size_t bar = std::min(value.find('|'), value.size());
    const std::string_view one = value.substr(0, bar);
    if (std::ranges::all_of(one, [](char c) { return c >= 'a' && c <= 'z'; })) {
      out += (out.empty() ? "" : " ") + std::string(one);
    }
    value.remove_prefix(std::min(bar + 1, value.size()));
  }
  return out;
}

bool is_path(std::string_view value) noexcept {
  return value == "PATH" || value == "FILE" || value == "DIR";
}

void append_command(std::string& out, const Command& command) {
  std::string names;
  std::string cases;
  for (const Option& option : command.options) {
    const std::string flag = "--" + std::string(option.name);
    names += (names.empty() ? "" : " ") + flag;
    if (option.value.empty()) {
      continue;
    }
    if (is_path(option.value)) {
      cases +=
          "        " + flag +
          ") compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- \"$word\")); return ;;\n";
    } else {
      cases += "        " + flag + ") COMPREPLY=($(compgen -W \"" + choices(option.value) +
               "\" -- \"$word\")); return ;;\n";
    }
  }
  out +=
      "    " + std::string(command.name) + ")\n      options=\"" + names + " --help --manual\"\n";
  if (!cases.empty()) {
    out += "      case $before in\n" + cases + "      esac\n";
  }
  out += "      ;;\n";
}

}  // namespace

std::string completion() {
  std::string out(kBegin);
  std::string names;
  std::string cases;
  for (const Command& command : commands()) {
    names += std::string(command.name) + " ";
    append_command(cases, command);
  }
  const std::string local =
      "  local options= commands=\"" + names + "help --help --version --manual --completion\"\n";
  out.insert(out.find("  # --option=value"), local);
  return out + "  case $command in\n" + cases + "  esac\n" + std::string(kEnd);
}

}  // namespace vigil::cli
