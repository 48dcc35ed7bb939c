// Runs a command whenever something changes in a directory. Four kinds of waiting in one program,
// all of them tasks: timers, signals, processes and files.
//
//   watcher --every 60 src make     (SIGHUP runs it now; SIGTERM or SIGINT ends)
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vigil/vigil.hpp"

namespace {

using namespace std::chrono_literals;
using vigil::Nanos;
using vigil::Result;
using vigil::Scope;
using vigil::Task;

// Files that are whole, and names that come and go. A command that writes into the directory is run
// again for it.
constexpr std::uint32_t kWorthRunning = vigil::kWriteClosed | vigil::kEntryAdded |
                                        vigil::kEntryRemoved | vigil::kMoved | vigil::kDeleted;

struct Settings {
  vigil::ProgramOptions program;
  std::string directory;
  std::vector<std::string> command;
  std::int64_t every_s = 0;  // 0: only when something changes
};

// What the tasks share. All run on one thread, so it needs no lock.
struct Watcher {
  Watcher(const Settings& given, vigil::fs::Watch changes, vigil::os::Signals caught)
      : settings(given), watch(std::move(changes)), signals(std::move(caught)) {}
  const Settings& settings;
  vigil::fs::Watch watch;
  vigil::os::Signals signals;
  vigil::Channel<std::string> reasons{1};  // to run; one that waits stands for all that follow
};

// A reason that finds another waiting is the same reason.
void ask_to_run(Watcher& watcher, std::string why) {
  static_cast<void>(watcher.reasons.try_send(std::move(why)));
}

// Files.
Task<> follow_changes(Watcher* watcher) {
  for (;;) {
    auto waiting = watcher->watch.next();
    const auto change = co_await std::move(waiting);
    if (!change) {
      co_return;
    }
    ask_to_run(*watcher, change->name.empty() ? "a change" : change->name + " changed");
    if (change->gone) {
      std::fprintf(stderr, "watcher: %s is gone.\n", watcher->settings.directory.c_str());
    }
  }
}

// Timers. Counted from the last one that was due: a slow loop does not make them drift.
Task<> follow_clock(Watcher* watcher) {
  const Nanos every = std::chrono::seconds(watcher->settings.every_s);
  for (vigil::Instant next = vigil::Loop::current()->now() + every;; next += every) {
    if (!co_await vigil::sleep_until(next)) {
      co_return;
    }
    ask_to_run(*watcher, "the time has come");
  }
}

// Lines of the command, each with its name in front; a last one without an end gets one.
Task<> relay(vigil::os::PipeStream* output) {
  std::string begun;
  for (;;) {
    auto bytes = co_await output->receive();
    if (!bytes || bytes->empty()) {
      break;
    }
    begun.append(vigil::as_text(bytes->bytes()));
    std::size_t end = 0;
    for (std::size_t next; (next = begun.find('\n', end)) != std::string::npos; end = next + 1) {
      std::printf("  | %.*s\n", static_cast<int>(next - end), begun.c_str() + end);
    }
    begun.erase(0, end);
  }
  if (!begun.empty()) {
    std::printf("  | %s\n", begun.c_str());
  }
}

// Processes. If this task is cancelled, the command is ended too: first asked, then killed.
Task<> run_command(Watcher* watcher) {
  const vigil::os::ProcessOptions options{.arguments = watcher->settings.command,
                                          .environment = {},
                                          .directory = {},
                                          .output = vigil::os::Stdio::pipe()};
  auto command = vigil::os::Process::spawn(options);
  if (!command) {
    std::fprintf(stderr, "watcher: cannot start %s: %s.\n", options.arguments[0].c_str(),
                 vigil::reason(command.error()).c_str());
    co_return;
  }
  auto relaying = relay(&command->output());
  co_await std::move(relaying);
  auto ending = command->wait();
  auto status = co_await std::move(ending);
  if (!status) {
    static_cast<void>(command->kill(SIGTERM));
    auto last = vigil::shielded(3s, command->wait());
    status = co_await std::move(last);
    if (!status) {
      static_cast<void>(command->kill(SIGKILL));
      co_return;
    }
  }
  if (status->signal != 0) {
    std::printf("ended by signal %d\n", status->signal);
  } else {
    std::printf("exit status %d\n", status->code);
  }
  std::fflush(stdout);
}

Task<> run_when_asked(Watcher* watcher) {
  for (;;) {
    auto why = co_await watcher->reasons.receive();
    if (!why) {
      co_return;
    }
    // An editor writes several files: wait until it is quiet, and run once for all.
    if (!co_await vigil::sleep_for(100ms)) {
      co_return;
    }
    static_cast<void>(watcher->reasons.try_receive());
    std::printf("running %s: %s\n", watcher->settings.command[0].c_str(), why->c_str());
    std::fflush(stdout);
    auto running = run_command(watcher);
    co_await std::move(running);
  }
}

// Signals. The scope ends when this returns, since it cancels everything else.
Task<Result<>> follow_signals(Scope& scope, Watcher* watcher) {
  Result<> spawned = scope.spawn(follow_changes, watcher);
  if (spawned) {
    spawned = scope.spawn(run_when_asked, watcher);
  }
  if (spawned && watcher->settings.every_s != 0) {
    spawned = scope.spawn(follow_clock, watcher);
  }
  if (!spawned) {
    scope.cancel();
    co_return spawned;
  }
  std::printf("watching %s\n", watcher->settings.directory.c_str());
  std::fflush(stdout);
  for (;;) {
    auto waiting = watcher->signals.next();
    const auto signal = co_await std::move(waiting);
    if (!signal || signal->number != SIGHUP) {
      scope.cancel();
      co_return Result<>{};
    }
    ask_to_run(*watcher, "SIGHUP");
  }
}

Task<int> watch(const Settings* settings) {
  const auto fail = [settings](const std::error_code& error) {
    std::fprintf(stderr, "watcher: cannot watch %s: %s.\n", settings->directory.c_str(),
                 vigil::reason(error).c_str());
    return 1;
  };
  auto signals = vigil::os::Signals::open({SIGTERM, SIGINT, SIGHUP});
  if (!signals) {
    co_return fail(signals.error());
  }
  auto changes = vigil::fs::Watch::open();
  if (!changes) {
    co_return fail(changes.error());
  }
  if (const auto added = changes->add(settings->directory, kWorthRunning); !added) {
    co_return fail(added.error());
  }
  Watcher watcher(*settings, std::move(*changes), std::move(*signals));
  auto whole = vigil::scoped(follow_signals, &watcher);
  const Result<> ended = co_await std::move(whole);
  co_return ended ? 0 : fail(ended.error());
}

[[noreturn]] void wrong_use(const char* why) {
  std::fprintf(stderr, "watcher: %s. See watcher --help.\n", why);
  std::exit(2);
}

Settings parse(int argc, char** argv) {
  Settings settings;
  settings.program.name = "watcher";
  int i = 1;
  for (; i < argc && argv[i][0] == '-'; ++i) {
    const std::string_view word = argv[i];
    if (word == "--help") {
      std::printf(
          "usage: watcher [OPTIONS] DIRECTORY COMMAND [ARGUMENT...]\n"
          "Runs COMMAND when something changes in DIRECTORY.\n\n"
          "  --every SECONDS  run it that often too\n"
          "  --engine NAME    %s, or auto (default: $VIGIL_ENGINE, else the best one here)\n"
          "  --help           prints this\n\n"
          "SIGHUP runs COMMAND now, SIGTERM or SIGINT ends.\n"
          "Exit status: 0 ended as asked, 1 failed, 2 wrong use.\n",
          vigil::engines().c_str());
      std::exit(0);
    }
    if (i + 1 == argc) {
      wrong_use("an option needs a value");
    }
    const std::string_view value = argv[++i];
    if (word == "--engine") {
      settings.program.loop.engine = value;
    } else if (word == "--every") {
      const auto read =
          std::from_chars(value.data(), value.data() + value.size(), settings.every_s);
      if (read.ptr != value.data() + value.size() || settings.every_s <= 0) {
        wrong_use("--every takes whole seconds");
      }
    } else {
      wrong_use("there is no such option");
    }
  }
  if (argc - i < 2) {
    wrong_use("name a directory and a command");
  }
  settings.directory = argv[i];
  settings.command.assign(argv + i + 1, argv + argc);
  return settings;
}

}  // namespace

int main(int argc, char** argv) {
  const Settings settings = parse(argc, argv);
  return vigil::run(settings.program, watch, &settings);
}
