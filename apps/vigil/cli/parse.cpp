// The command line, read by the table of options.
#include "cli/parse.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include "cli/nearest.hpp"

namespace vigil::cli {
namespace {

template <class Row>
std::string_view nearest_of(std::span<const Row> rows, std::string_view word) {
  std::vector<std::string_view> names;
  for (const Row& row : rows) {
    names.push_back(row.name);
  }
  return nearest(names, word);
}

std::string flag_of(std::string_view name) { return "--" + std::string(name); }

class Reader {
 public:
  Reader(const Command& command, std::span<const std::string_view> words)
      : command_(command), words_(words), given_(command.options.size(), false) {
    result_.task = Task::run;
    result_.command = &command;
    result_.settings = initial_settings(command);
  }

  std::expected<Invocation, std::string> read() {
    bool only_operands = false;
    while (at_ < words_.size()) {
      const std::string_view word = words_[at_++];
      std::optional<std::string> fault;
      if (only_operands || word.size() < 2 || word[0] != '-') {
        fault = operand(word);
      } else if (word == "--") {
        only_operands = true;
      } else if (word == "--help" || word == "-h") {
        result_.task = Task::help;
        return std::move(result_);
      } else if (word == "--manual") {
        result_.task = Task::manual;
        return std::move(result_);
      } else {
        fault = option(word);
      }
      if (fault) {
        return std::unexpected("vigil " + std::string(command_.name) + ": " + *fault);
      }
    }
    if (operands_seen_ < command_.operands) {
      return std::unexpected("vigil " + std::string(command_.name) + ": it has to be told " +
                             std::string(command_.operand) + ". " + usage());
    }
    return std::move(result_);
  }

 private:
  std::string usage() const {
    const std::string operand(command_.operand);
    return "Usage: vigil " + std::string(command_.name) + " [OPTION...]" +
           (operand.empty()          ? ""
            : command_.operands != 0 ? " " + operand
                                     : " [" + operand + "]") +
           ".";
  }

  std::optional<std::string> operand(std::string_view word) {
    if (command_.operand.empty() || operands_seen_ == std::max(command_.operands, 1u)) {
      return "unexpected argument '" + shown(word) + "'. " + usage();
    }
    ++operands_seen_;
    if (const auto fault = command_.operand_store(result_.settings, word)) {
      return std::string(command_.operand) + " " + *fault;
    }
    if (!command_.operand_key.empty()) {
      result_.given.push_back({find_key(command_, command_.operand_key), std::string(word)});
    }
    return std::nullopt;
  }

  std::optional<std::string> option(std::string_view word) {
    const std::size_t equals = word.find('=');
    const std::string_view dashed = word.substr(0, equals);
    const Option* row =
        dashed.starts_with("--") ? find_option(command_, dashed.substr(2)) : nullptr;
    const Former* former =
        dashed.starts_with("--") ? find_former(command_, dashed.substr(2)) : nullptr;
    if (row == nullptr && former != nullptr) {
      result_.warnings.push_back("vigil " + std::string(command_.name) + ": " +
                                 former_sentence(*former, &flag_of));
      row = find_option(command_, former->now);
      if (row == nullptr) {
        at_ += !former->value.empty() && equals == std::string_view::npos ? 1U : 0U;
        return std::nullopt;
      }
    }
    if (row == nullptr) {
      std::string_view bare = dashed;
      while (bare.starts_with('-')) {
        bare.remove_prefix(1);
      }
      const std::string_view meant = nearest_option(command_, bare);
      return "unknown option " + shown(dashed) + ". " +
             (meant.empty() ? "See vigil " + std::string(command_.name) + " --help."
                            : "Did you mean --" + std::string(meant) + "?");
    }
    std::string_view value;
    if (equals != std::string_view::npos) {
      value = word.substr(equals + 1);
    } else if (!row->value.empty()) {
      if (at_ == words_.size()) {
        return shown(dashed) + " needs a value. Write " + shown(dashed) + " " +
               std::string(row->value) + ".";
      }
      value = words_[at_++];
    }
    return apply(*row, value);
  }

  std::optional<std::string> apply(const Option& row, std::string_view value) {
    const auto index = static_cast<std::size_t>(&row - command_.options.data());
    const std::string name = "--" + std::string(row.name);
    if (given_[index] && !row.repeatable) {
      return name + " is given twice. Keep one of them.";
    }
    if (!given_[index] && row.repeatable) {
      row.store(result_.settings, {});
    }
    given_[index] = true;
    if (const auto fault = row.store(result_.settings, value)) {
      return name + " " + shown(value) + " " + *fault;
    }
    result_.given.push_back({&row, std::string(value)});
    return std::nullopt;
  }

  const Command& command_;
  std::span<const std::string_view> words_;
  std::vector<bool> given_;
  std::size_t at_ = 0;
  unsigned operands_seen_ = 0;
  Invocation result_;
};

}  // namespace

std::string_view nearest_option(const Command& command, std::string_view word) {
  return nearest_of(command.options, word);
}

std::string_view nearest_command(std::string_view word) { return nearest_of(commands(), word); }

std::expected<Invocation, std::string> parse(std::span<const std::string_view> words) {
  if (words.empty()) {
    return std::unexpected("vigil: no command. Try vigil serve, or see vigil --help.");
  }
  std::string_view word = words[0];
  Invocation result;
  if (word == "--version" || word == "-V") {
    result.task = Task::version;
    return result;
  }
  if (word == "--manual" || word == "--completion") {
    result.task = word == "--manual" ? Task::manual : Task::completion;
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
    const std::string_view meant = nearest_command(word);
    const bool option = word.starts_with("-");
    return std::unexpected(
        (option ? "vigil: unknown option " : "vigil: unknown command ") + shown(word) + ". " +
        (meant.empty() ? "See vigil --help." : "Did you mean vigil " + std::string(meant) + "?"));
  }
  if (words[0] == "help") {
    result.command = command;
    return result;
  }
  return parse_command(*command, words.subspan(1));
}

std::expected<Invocation, std::string> parse_command(const Command& command,
                                                     std::span<const std::string_view> words) {
  return Reader(command, words).read();
}

}  // namespace vigil::cli
