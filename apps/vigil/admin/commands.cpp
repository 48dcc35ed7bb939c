// `vigil list`, `vigil top`, `vigil dump` and `vigil explain`.
#include "admin/commands.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "admin/client.hpp"
#include "admin/explain.hpp"
#include "admin/table.hpp"
#include "site/target.hpp"
#include "vigil/coro/sleep.hpp"
#include "vigil/os/pipe.hpp"
#include "vigil/runtime/explain.hpp"
#include "vigil/runtime/run.hpp"

namespace vigil::app {
namespace {

void complain(std::string_view command, const std::string& why) {
  Loop::current()->host().log("vigil " + std::string(command) + ": " + why);
}

// False: nobody reads it any more.
Task<bool> say(std::string text) {
  auto output = os::standard_output();
  if (!output) {
    co_return false;
  }
  const Result<> said = co_await output->send(as_bytes(text));
  co_return said.has_value();
}

std::string as_json_array(const std::vector<Running>& all) {
  std::string out = "[";
  for (const Running& one : all) {
    out += out.size() == 1 ? "\n  " : ",\n  ";
    out += std::string_view(one.json).substr(0, one.json.find('\n'));
  }
  return out + (out.size() == 1 ? "]\n" : "\n]\n");
}

Task<int> list(const cli::Settings* settings, const cli::Screen* screen) {
  auto finding = find_running();
  const std::vector<Running> all = co_await std::move(finding);
  std::string text;
  if (settings->json) {
    text = as_json_array(all);
  } else if (all.empty()) {
    auto asking = find_socket("");
    const auto nobody = co_await std::move(asking);
    complain("list", nobody ? "a server began only now: ask again." : nobody.error());
    co_return 0;
  } else {
    text = server_table(all, *screen);
  }
  auto saying = say(std::move(text));
  const bool said = co_await std::move(saying);
  co_return said ? 0 : 1;
}

// The one that was asked for, or all.
Task<std::vector<Running>> look_at(const std::string* target) {
  if (target->empty()) {
    auto finding = find_running();
    co_return co_await std::move(finding);
  }
  std::vector<Running> found;
  auto finding = find_socket(*target);
  auto path = co_await std::move(finding);
  if (!path) {
    complain("top", path.error());
    co_return found;
  }
  auto asking = ask_admin(*path, "/status.json");
  auto said = co_await std::move(asking);
  auto overview = said ? overview_of(*said) : std::nullopt;
  if (overview) {
    found.push_back({std::move(*path), std::move(*said), std::move(*overview)});
  } else {
    complain("top", said ? "what runs at " + *path +
                               " is another version: its answer was not "
                               "understood."
                         : said.error());
  }
  co_return found;
}

// Rates are of the second between two looks. On a terminal it goes on until it is interrupted.
Task<int> watch(const cli::Settings* settings, const cli::Screen* screen, bool live) {
  auto first = look_at(&settings->target);
  std::vector<Running> before = co_await std::move(first);
  for (;;) {
    if (before.empty()) {
      if (settings->target.empty()) {
        complain("top", "no server shows itself here. `vigil list` says where it looks.");
      }
      co_return 1;
    }
    static_cast<void>(co_await sleep_for(std::chrono::seconds(1)));
    auto looking = look_at(&settings->target);
    std::vector<Running> now = co_await std::move(looking);
    std::string text;
    if (settings->json) {
      text = as_json_array(now);
    } else {
      text = (live ? "\x1b[H\x1b[J" : "") + rate_table(before, now, *screen);
    }
    auto saying = say(std::move(text));
    const bool heard = co_await std::move(saying);
    if (!heard || !live) {
      co_return heard ? 0 : 1;
    }
    before = std::move(now);
  }
}

Task<int> dump(const cli::Settings* settings) {
  auto finding = find_socket(settings->target);
  auto path = co_await std::move(finding);
  if (!path) {
    complain("dump", path.error());
    co_return 1;
  }
  auto asking = ask_admin(*path, settings->json ? "/dump.json" : "/dump");
  auto said = co_await std::move(asking);
  if (!said) {
    complain("dump", said.error());
    co_return 1;
  }
  auto saying = say(*said + (settings->json ? "\n" : ""));
  const bool heard = co_await std::move(saying);
  co_return heard ? 0 : 1;
}

// What the server says of a peer that is not there comes as a sentence, and is the failure.
Task<int> explain_peer(const cli::Settings* settings) {
  if (!peer_name(settings->peer)) {
    complain("explain", std::string(kNoPeerName));
    co_return 1;
  }
  auto finding = find_socket(settings->target);
  auto path = co_await std::move(finding);
  if (!path) {
    complain("explain", path.error());
    co_return 1;
  }
  std::string target = settings->json ? "/explain.json?peer=" : "/explain?peer=";
  site::append_encoded(target, settings->peer);
  auto asking = query_admin(*path, target);
  auto said = co_await std::move(asking);
  if (!said) {
    complain("explain", said.error());
    co_return 1;
  }
  if (said->status == 200 || settings->json) {
    auto saying = say(said->text);
    const bool heard = co_await std::move(saying);
    co_return heard && said->status == 200 ? 0 : 1;
  }
  complain("explain", said->text.substr(0, said->text.find('\n')));
  co_return 1;
}

Task<int> ask_for_successor(const cli::Settings* settings) {
  constexpr Nanos kPatience = std::chrono::seconds(70);  // longer than the server has
  auto finding = find_socket(settings->target);
  auto path = co_await std::move(finding);
  if (!path) {
    complain("restart", path.error());
    co_return 1;
  }
  auto ordering = order_admin(*path, "/restart", kPatience);
  const auto said = co_await std::move(ordering);
  if (!said) {
    complain("restart", said.error());
    co_return 1;
  }
  const std::string sentence = said->text.substr(0, said->text.find('\n'));
  if (said->status != 200) {
    complain("restart", sentence);
    co_return 1;
  }
  auto saying = say(sentence + "\n");
  const bool heard = co_await std::move(saying);
  co_return heard ? 0 : 1;
}

}  // namespace

int restart_server(const cli::Settings& settings) {
  return run(LoopOptions{}, &ask_for_successor, &settings);
}

int explain_connection(const cli::Settings& settings) {
  return run(LoopOptions{}, &explain_peer, &settings);
}

int dump_server(const cli::Settings& settings) { return run(LoopOptions{}, &dump, &settings); }

int list_servers(const cli::Settings& settings, const cli::Screen& screen) {
  return run(LoopOptions{}, &list, &settings, &screen);
}

int watch_servers(const cli::Settings& settings, const cli::Screen& screen) {
  const bool live = !settings.json && native_host().terminal_columns().has_value();
  return run(LoopOptions{}, &watch, &settings, &screen, live);
}

}  // namespace vigil::app
