// vigil: reads the command line, and does what it says or tells why not. Exit status 0 ended as
// asked, 1 failed, 2 wrong use.
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "admin/commands.hpp"
#include "cli/help.hpp"
#include "cli/parse.hpp"
#include "commit.hpp"
#include "config/commands.hpp"
#include "doctor/report.hpp"
#include "serve/machine.hpp"
#include "serve/serve.hpp"
#include "vigil/base/version.hpp"
#include "vigil/loop/loop.hpp"

namespace {

int say(std::FILE* where, const std::string& text, int status) {
  std::fputs(text.c_str(), where);
  return std::fflush(where) == 0 ? status : 1;
}

int doctor(const vigil::cli::Settings& settings) {
  using namespace vigil::app;
  const Report report = examine();
  return say(stdout, settings.json ? as_json(report) : as_table(report, screen()), 0);
}

int run(const vigil::cli::Invocation& asked, char** words) {
  using namespace vigil;
  for (const std::string& warning : asked.warnings) {
    say(stderr, warning + "\n", 0);
  }
  if (asked.command->name == "doctor") {
    return doctor(asked.settings);
  }
  if (asked.command->name == "check") {
    return config::check(asked.settings);
  }
  if (asked.command->name == "list") {
    return app::list_servers(asked.settings, app::screen());
  }
  if (asked.command->name == "top") {
    return app::watch_servers(asked.settings, app::screen());
  }
  if (asked.command->name == "dump") {
    return app::dump_server(asked.settings);
  }
  if (asked.command->name == "restart") {
    return app::restart_server(asked.settings);
  }
  if (asked.command->name == "explain") {
    return app::explain_connection(asked.settings);
  }
  if (asked.command->name == "config") {
    return config::print(asked);
  }
  std::vector<std::string> command;
  for (char** word = words; *word != nullptr; ++word) {
    command.emplace_back(*word);
  }
  return app::serve(asked, std::move(command));
}

}  // namespace

int main(int count, char** words) {
  using namespace vigil;
  const std::vector<std::string_view> given(words + (count > 0 ? 1 : 0), words + count);
  const auto asked = cli::parse(given);
  if (!asked) {
    return say(stderr, asked.error() + "\n", 2);
  }
  switch (asked->task) {
    case cli::Task::help:
      return say(stdout, cli::help(asked->command, app::screen()), 0);
    case cli::Task::manual:
      return say(stdout, cli::manual(asked->command), 0);
    case cli::Task::completion:
      return say(stdout, cli::completion(), 0);
    case cli::Task::version:
      return say(stdout, cli::version(version_text(), vigil_commit(), compiler_text(), engines()),
                 0);
    case cli::Task::run:
      return run(*asked, words);
  }
}
