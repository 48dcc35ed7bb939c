// The command line, read by the table of commands.
#include <algorithm>
#include <vector>

#include "cli/nearest.hpp"
#include "driver/commands.hpp"

namespace vigil::driver {
namespace {

using cli::shown;

class Reader {
 public:
  Reader(const Command& command, std::span<const std::string_view> words)
      : command_(command), words_(words), given_(command.options.size(), false) {
    result_.task = Task::run;
    result_.command = &command;
  }

  std::expected<Invocation, std::string> read() {
    while (at_ < words_.size()) {
      const std::string_view word = words_[at_++];
      if (word == "--help" || word == "-h") {
        result_.task = Task::help;
        return std::move(result_);
      }
      const auto fault = word.starts_with("-") && word.size() > 1 ? option(word) : operand(word);
      if (fault) {
        return std::unexpected(prefix() + *fault);
      }
    }
    if (command_.operand_needed && !operand_seen_) {
      return std::unexpected(prefix() + "no " + std::string(command_.operand) +
                             " is named. vigil-sim list shows them.");
    }
    return std::move(result_);
  }

 private:
  std::string prefix() const { return "vigil-sim " + std::string(command_.name) + ": "; }

  std::optional<std::string> operand(std::string_view word) {
    if (command_.operand.empty() || operand_seen_) {
      return "unexpected argument '" + shown(word) + "'. See vigil-sim " +
             std::string(command_.name) + " --help.";
    }
    operand_seen_ = true;
    result_.settings.scenario = word;
    return std::nullopt;
  }

  std::optional<std::string> option(std::string_view word) {
    const std::size_t equals = word.find('=');
    const std::string_view dashed = word.substr(0, equals);
    std::vector<std::string_view> names;
    const Option* row = nullptr;
    for (const Option& candidate : command_.options) {
      names.push_back(candidate.name);
      if (dashed.starts_with("--") && dashed.substr(2) == candidate.name) {
        row = &candidate;
      }
    }
    if (row == nullptr) {
      const std::string_view bare =
          dashed.substr(std::min(dashed.find_first_not_of('-'), dashed.size()));
      return "unknown option " + shown(dashed) + ". " +
             nearest_sentence(names, bare, "--",
                              "See vigil-sim " + std::string(command_.name) + " --help.");
    }
    std::string_view value;
    if (row->value.empty() && equals != std::string_view::npos) {
      return shown(dashed) + " takes no value. Write it alone.";
    }
    if (equals != std::string_view::npos) {
      value = word.substr(equals + 1);
    } else if (!row->value.empty()) {
      if (at_ == words_.size()) {
        return shown(dashed) + " needs a value. Write " + shown(dashed) + " " +
               std::string(row->value) + ".";
      }
      value = words_[at_++];
    }
    const auto index = static_cast<std::size_t>(row - command_.options.data());
    if (given_[index]) {
      return "--" + std::string(row->name) + " is given twice. Keep one of them.";
    }
    given_[index] = true;
    if (const auto fault = row->store(result_.settings, value)) {
      return "--" + std::string(row->name) + " " + shown(value) + " " + *fault;
    }
    return std::nullopt;
  }

  const Command& command_;
  std::span<const std::string_view> words_;
  std::vector<bool> given_;
  std::size_t at_ = 0;
  bool operand_seen_ = false;
  Invocation result_;
};

}  // namespace

std::string nearest_sentence(std::span<const std::string_view> names, std::string_view word,
                             std::string_view before, std::string_view otherwise) {
  const std::string_view best = cli::nearest(names, word);
  return best.empty() ? std::string(otherwise)
                      : "Did you mean " + std::string(before) + std::string(best) + "?";
}

std::expected<Invocation, std::string> parse(std::span<const std::string_view> words) {
  if (words.empty()) {
    return std::unexpected("vigil-sim: no command. Try vigil-sim list, or see vigil-sim --help.");
  }
  Invocation result;
  std::string_view word = words[0];
  if (word == "--version" || word == "-V") {
    result.task = Task::version;
    return result;
  }
  if (word == "--help" || word == "-h" || (word == "help" && words.size() == 1)) {
    return result;
  }
  if (word == "help") {
    word = words[1];
  }
  const Command* command = find_command(word);
  if (command == nullptr) {
    std::vector<std::string_view> names;
    for (const Command& each : commands()) {
      names.push_back(each.name);
    }
    return std::unexpected(
        "vigil-sim: unknown " + std::string(word.starts_with("-") ? "option " : "command ") +
        shown(word) + ". " + nearest_sentence(names, word, "vigil-sim ", "See vigil-sim --help."));
  }
  if (words[0] == "help") {
    result.command = command;
    return result;
  }
  return Reader(*command, words.subspan(1)).read();
}

}  // namespace vigil::driver
