// `vigil serve`: begins, or says what is missing.
#include "serve/serve.hpp"

#include <csignal>
#include <utility>

#include "admin/beside.hpp"
#include "cli/help.hpp"
#include "config/commands.hpp"
#include "processes/family.hpp"
#include "serve/conductor.hpp"
#include "serve/machine.hpp"
#include "vigil/runtime/explain.hpp"
#include "vigil/runtime/run.hpp"

namespace vigil::app {

namespace {

// On the watcher's thread. A machine that is busy is not worth a line each time: it is counted.
void tell_of_stall(const StallReport& report) {
  if (report.cause == StallCause::not_run && report.wall < std::chrono::seconds(1)) {
    return;
  }
  for (const std::string& line : text_of(report)) {
    native_host().log(line);
  }
}

// Null: nobody looks at the loops. A simulation has no threads to look from, and says nothing.
std::unique_ptr<StallWatcher> watch_for_stalls(const cli::Settings& settings) {
  Host& host = Loop::current()->host();
  StallOptions options;
  options.limit = settings.stall_limit != kForever ? settings.stall_limit : Nanos::zero();
  options.report = &tell_of_stall;
  auto started = StallWatcher::start(host, std::move(options));
  if (started) {
    return std::move(*started);
  }
  if (started.error() != std::errc::function_not_supported) {
    complain("vigil serve: cannot look for stalls: " + reason(started.error()) + ".");
  }
  return nullptr;
}

Task<> serve_with(Conductor* conductor) {
  auto serving = with_shards(conductor->shards_options(), &Conductor::conduct, conductor);
  if (const Result<> ended = co_await std::move(serving); !ended) {
    conductor->cannot_start(ended.error());
  }
}

}  // namespace

Task<int> serve_sites(const Beginning* beginning) {
  const config::Configuration* first = beginning->first;
  const HandedDown* handed = beginning->handed;
  PassedSockets passed;
  std::string unusable = passed.take(*handed);
  Predecessor predecessor;
  if (unusable.empty() && handed->succeeds) {
    auto taking = Predecessor::take_sockets(&predecessor, &passed);
    unusable = co_await std::move(taking);
  }
  Parent parent;
  if (unusable.empty() && handed->has_parent) {
    auto taking = Parent::take_post(&parent, &passed);
    unusable = co_await std::move(taking);
  }
  if (!unusable.empty()) {
    complain(unusable);
    co_return 1;
  }
  auto signals = os::Signals::open({SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2});
  if (!signals) {
    complain("vigil serve: cannot take signals: " + reason(signals.error()) + ".");
    co_return 1;
  }
  std::expected<AdminPlaces, std::string> admin = AdminPlaces{.questions = parent.take_questions()};
  if (!parent.there()) {
    auto opening = open_admin(&first->program.values, &passed, handed->succeeds);
    admin = co_await std::move(opening);
  }
  if (!admin) {
    complain(admin.error());
    co_return 1;
  }
  const std::unique_ptr<StallWatcher> watcher = watch_for_stalls(first->program.values);
  Panel panel(watcher.get());
  Supervisor supervisor(*handed);
  const Conductor::Around around{*beginning->source,
                                 panel,
                                 passed,
                                 supervisor,
                                 predecessor,
                                 parent,
                                 *beginning->origin,
                                 admin->status_copy,
                                 admin->before_its_time ? admin->path : std::string()};
  Conductor conductor(around, *first, beginning->means, std::move(*signals), admin->status_at);
  auto whole = beside_admin(std::move(*admin), &panel, beginning->means.descriptors, &serve_with,
                            &conductor);
  co_await std::move(whole);
  if (around.status != kNoHandle) {
    Loop::current()->syscalls().close(around.status);
  }
  co_return conductor.failed() ? 1 : 0;
}

int serve(const cli::Invocation& asked, std::vector<std::string> command) {
  ignore_signals();
  const HandedDown handed = take_handed_down(native_host());
  const Means means{.descriptors = raise_descriptor_limit(), .memory = usable_memory()};
  const config::Source source = config::source_of(asked);
  const auto first = config::begin(source);
  if (!first) {
    return first.error();
  }
  const cli::Settings& settings = first->program.values;
  LoopOptions options;
  options.engine = settings.engine;
  const bool leads = processes_of(settings) > 1 && !handed.has_parent;
  if (!leads) {  // who waits for processes has nothing to be quick for
    options.spin = settings.spin;
    options.sqpoll = settings.sqpoll;
  }
  const Origin origin{.command = std::move(command), .environment = handed.for_successor()};
  const Beginning beginning{
      .source = &source, .first = &*first, .means = means, .handed = &handed, .origin = &origin};
  return vigil::run(std::move(options), leads ? &serve_by_processes : &serve_sites, &beginning);
}

}  // namespace vigil::app
