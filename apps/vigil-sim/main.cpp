// vigil-sim: reads the command line, and does what it says or tells why not. Exit status 0 clean, 1
// a failure was found, 2 wrong use.
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "commit.hpp"
#include "driver/commands.hpp"
#include "driver/worker.hpp"
#include "serve/machine.hpp"
#include "vigil/base/version.hpp"

namespace {

int say(std::FILE* where, const std::string& text, int status) {
  std::fputs(text.c_str(), where);
  return std::fflush(where) == 0 ? status : 1;
}

}  // namespace

int main(int count, char** words) {
  using namespace vigil;
  const std::vector<std::string_view> given(words + (count > 0 ? 1 : 0), words + count);
  if (!given.empty() && given[0] == driver::kWorkerWord) {
    return driver::work(given);
  }
  const auto asked = driver::parse(given);
  if (!asked) {
    return say(stderr, asked.error() + "\n", 2);
  }
  switch (asked->task) {
    case driver::Task::help:
      return say(stdout, driver::help(asked->command, app::screen().columns), 0);
    case driver::Task::version:
      return say(stdout,
                 "vigil-sim " + std::string(version_text()) + "\ncommit   " +
                     std::string(vigil_commit()) + "\ncompiler " + std::string(compiler_text()) +
                     "\n",
                 0);
    case driver::Task::run:
      return asked->command->perform(asked->settings);
  }
}
