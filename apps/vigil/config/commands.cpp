// `vigil check` and `vigil config`.
#include "config/commands.hpp"

#include <cstdio>
#include <optional>

#include "vigil/loop/host.hpp"
#include "vigil/runtime/run.hpp"

namespace vigil::config {
namespace {

Task<int> load_into(const Source* source, std::optional<Result<Reading>>* into) {
  auto loading = load(source);
  into->emplace(co_await std::move(loading));
  co_return 0;
}

// On a loop of its own, before there is one: what the loop is to be, the file may say.
std::expected<Reading, int> load_now(const Source& source, std::string_view command) {
  std::optional<Result<Reading>> reading;
  const int status = run(LoopOptions{}, &load_into, &source, &reading);
  if (!reading) {
    return std::unexpected(status);
  }
  if (!*reading) {
    native_host().log(cannot_read(command, source.file, reading->error()));
    return std::unexpected(1);
  }
  return std::move(**reading);
}

int say(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  return std::fflush(stdout) == 0 ? 0 : 1;
}

std::string count(std::size_t number, std::string_view what) {
  return std::to_string(number) + " " + std::string(what) + (number == 1 ? "" : "s");
}

void tell(const Reading& reading) {
  const std::string& file = reading.configuration.file;
  for (const Fault& warning : reading.warnings) {
    native_host().log(sentence_of(file, {warning.place, "warning: " + warning.sentence}));
  }
  for (const Fault& fault : reading.faults) {
    native_host().log(sentence_of(file, fault));
  }
}

std::size_t keys_in(const Part& part) {
  return static_cast<std::size_t>(std::ranges::count(part.settings, From::file, &Setting::from));
}

}  // namespace

int check(const cli::Settings& settings) {
  const Source source{.command = cli::find_command("serve"),
                      .file = settings.config.empty() ? "vigil.toml" : settings.config,
                      .given = {}};
  const auto reading = load_now(source, "check");
  if (!reading) {
    return reading.error();
  }
  tell(*reading);
  if (!reading->faults.empty()) {
    return 1;
  }
  const Configuration& found = reading->configuration;
  return say(source.file + ": fine: " + count(keys_in(found.program), "key") + " at the top, " +
             count(found.sites.size() + (found.serves_others() ? 1 : 0), "site") + ", " +
             count(found.listeners.size(), "listener") + "\n");
}

int print(const cli::Invocation& asked) {
  if (asked.settings.example) {
    return say(example(*asked.command));
  }
  auto configuration = begin(source_of(asked));
  if (!configuration) {
    return configuration.error();
  }
  for (Setting& setting : configuration->program.settings) {
    const auto engine = native_host().environment("VIGIL_ENGINE");
    if (setting.row->name == "engine" && setting.texts.front() == "auto" && engine &&
        !engine->empty()) {
      setting.texts = {*engine};
      setting.from = From::environment;
    }
  }
  return say(asked.settings.json ? as_json(*configuration) : as_toml(*configuration));
}

std::expected<Configuration, int> begin(const Source& source) {
  std::expected<Reading, int> reading =
      source.file.empty() ? configure(*source.command, {}, std::nullopt, source.given)
                          : load_now(source, source.command->name);
  if (!reading) {
    return std::unexpected(reading.error());
  }
  tell(*reading);
  if (!reading->faults.empty()) {
    return std::unexpected(2);
  }
  return std::move(reading->configuration);
}

}  // namespace vigil::config
