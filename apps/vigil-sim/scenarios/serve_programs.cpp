// `vigil serve` as a program of a simulated machine.
#include "scenarios/serve_programs.hpp"

#include <array>
#include <csignal>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>

#include "config/load.hpp"
#include "faces/seat.hpp"
#include "scenarios/support.hpp"
#include "serve/serve.hpp"
#include "vigil/coro/scoped.hpp"
#include "vigil/coro/sleep.hpp"
#include "vigil/fs/replace.hpp"

namespace vigil::scenarios {
namespace {

constexpr std::uint64_t kDescriptors = 1024;
constexpr std::string_view kFile = "/vigil.toml";

// What the file holds, one after the other.
constexpr std::array<std::string_view, 4> kConfigurations{
    "listen = \"0.0.0.0:8080\"\ndirectory = \"/site\"\ndrain = \"10s\"\nlog_file = \"/log\"\n",
    "listen = \"0.0.0.0:8080\"\ndrain = \"10s\"\nlog_file = \"/log2\"\nidle_timeout = \"20s\"\n"
    "[[site]]\nhost = \"server\"\ndirectory = \"/site\"\n",
    "idle_timout = 3\n",
    "listen = \"0.0.0.0:8080\"\ndirectory = \"/site\"\ndrain = \"10s\"\nlog = \"off\"\n"
    "[[listener]]\naddress = \"0.0.0.0:8081\"\n",
};

// The command line of the program, and what it says.
struct Called {
  config::Source source;
  config::Configuration configuration;
};

std::shared_ptr<const Called> call(std::span<const std::string_view> words,
                                   std::optional<std::string_view> file) {
  auto called = std::make_shared<Called>();
  called->source = config::source_of(*cli::parse(words));
  called->configuration =
      config::configure(*called->source.command, called->source.file, file, called->source.given)
          .configuration;
  return called;
}

// With what the program's main asks of its process first.
Task<int> site_program(std::shared_ptr<const Called> called, app::Origin origin = app::Origin()) {
  for (const int number : {SIGPIPE, SIGHUP, SIGUSR1, SIGUSR2}) {
    sim::Seat::current()->process().ignore_signal(number, true);
  }
  const app::HandedDown handed = app::take_handed_down(Loop::current()->host());
  const app::Beginning beginning{.source = &called->source,
                                 .first = &called->configuration,
                                 .means = {.descriptors = kDescriptors},
                                 .handed = &handed,
                                 .origin = &origin};
  auto serving = app::serve_sites(&beginning);
  co_return co_await std::move(serving);
}

void signal_self(int number) {
  sim::Process& self = sim::Seat::current()->process();
  static_cast<void>(self.kill(self.pid(), number));
}

// An operator who never rests. Without memory nothing is done that time.
Task<> change_and_reload() {
  for (std::size_t round = 1;; ++round) {
    if (!co_await sleep_for(std::chrono::seconds(3 + round % 7))) {
      co_return;
    }
    const std::string_view text = kConfigurations[round % kConfigurations.size()];
    try {
      auto replacing = fs::replace(std::string(kFile), as_bytes(text), {.durable = false});
      static_cast<void>(co_await std::move(replacing));
    } catch (const std::bad_alloc&) {
    }
    signal_self(SIGHUP);
    if (round % 3 == 0) {
      signal_self(SIGUSR1);
    }
  }
}

Task<int> reloaded_program(std::shared_ptr<const Called> called) {
  constexpr auto body = [](Scope& scope, std::shared_ptr<const Called> all) -> Task<int> {
    static_cast<void>(scope.spawn(&change_and_reload));
    auto serving = site_program(std::move(all));
    const int status = co_await std::move(serving);
    scope.cancel();
    co_return status;
  };
  auto whole = scoped(body, std::move(called));
  co_return co_await std::move(whole);
}

}  // namespace

Task<int> site() {
  const std::string place = "0.0.0.0:" + std::to_string(kSitePort);
  const std::array<std::string_view, 10> words{
      "serve", "/site", "--listen", place, "--drain", "10s", "--shards", "1", "--admin", "off"};
  return site_program(call(words, std::nullopt));
}

Task<int> site_that_is_reloaded() {
  const std::array<std::string_view, 7> words{"serve", "--config", kFile, "--shards",
                                              "1",     "--admin",  "off"};
  return reloaded_program(call(words, kConfigurations[0]));
}

Task<int> site_by_words(std::vector<std::string> words) {
  auto called = call(std::vector<std::string_view>(words.begin() + 1, words.end()), std::nullopt);
  app::Origin origin;
  origin.command = std::move(words);
  auto serving = site_program(std::move(called), std::move(origin));
  co_return co_await std::move(serving);
}

Task<int> site_on_shards() {
  const std::array<std::string_view, 7> words{"serve", "--config", kFile, "--shards",
                                              "3",     "--admin",  "off"};
  return reloaded_program(call(words, kConfigurations[0]));
}

Task<int> site_handed_out() {
  const std::array<std::string_view, 9> words{"serve",    "--config", kFile,     "--shards", "3",
                                              "--accept", "handoff",  "--admin", "off"};
  return reloaded_program(call(words, kConfigurations[0]));
}

}  // namespace vigil::scenarios
