// What a running server changes in place: SIGHUP reads the configuration again, SIGUSR1 opens the
// log again, SIGUSR2 gives its place to a new process. No connection ends by it, and what cannot be
// had leaves all as it was.
#include <algorithm>
#include <new>

#include "cli/help.hpp"
#include "processes/words.hpp"
#include "serve/conductor.hpp"
#include "serve/read_again.hpp"
#include "serve/worker.hpp"
#include "vigil/coro/sleep.hpp"
#include "vigil/runtime/explain.hpp"

namespace vigil::app {
namespace {

// Until who asked for a new process has heard of it: this one may end at once.
constexpr Nanos kHeard = std::chrono::milliseconds(100);

std::string counted(std::size_t number, std::string_view what) {
  return std::to_string(number) + " " + std::string(what) + (number == 1 ? "" : "s");
}

std::size_t count_sites(const config::Configuration& configuration) {
  return configuration.sites.size() + (configuration.serves_others() ? 1 : 0);
}

// A sentence of the program's, without the program's name.
std::string without_name(std::string_view sentence) {
  constexpr std::string_view kName = "vigil serve: ";
  return std::string(sentence.substr(sentence.starts_with(kName) ? kName.size() : 0));
}

}  // namespace

// What is asked for before all has begun is seen then, and what is while something else is done,
// after that.
void Conductor::ask_for(bool& what) noexcept {
  what = true;
  do_what_is_asked();
}

void Conductor::do_what_is_asked() noexcept try {
  if (maintaining_ || !(reload_ || reopen_ || give_way_)) {
    return;
  }
  if (const auto spawned = helpers_->spawn(&Conductor::maintain, this); !spawned) {
    reload_ = reopen_ = give_way_ = false;
    complain("vigil serve: cannot do what was asked for: " + reason(spawned.error()) + ".");
  }
} catch (const std::bad_alloc&) {
  Loop::current()->host().log("vigil serve: no memory to do what was asked for.");
}

Task<> Conductor::maintain(Conductor* self) {
  self->maintaining_ = true;
  while (self->reload_ || self->reopen_ || self->give_way_) {
    const bool reloads = std::exchange(self->reload_, false);
    const std::string parents = reloads ? std::exchange(self->parents_reload_, {}) : std::string();
    // Where there is no memory for it, it is not done; all else goes on.
    try {
      if (reloads) {
        self->supervisor_.reloading();
        self->reloaded_ = false;
        auto reloading = self->reload();
        co_await std::move(reloading);
      }
      if (std::exchange(self->reopen_, false)) {
        auto reopening = self->reopen_log();
        co_await std::move(reopening);
      }
      if (std::exchange(self->give_way_, false)) {
        auto giving = self->give_way();
        co_await std::move(giving);
      }
    } catch (const std::bad_alloc&) {
      Loop::current()->host().log("vigil serve: no memory to do what the signal asked for.");
    }
    if (reloads) {
      self->say_ready();  // whatever came of it
    }
    if (!parents.empty()) {
      const std::string word = std::string(self->reloaded_ ? kReloaded : kRefused) + parents;
      auto telling = self->parent_.say(word);
      co_await std::move(telling);
    }
  }
  self->maintaining_ = false;
}

Task<> Conductor::reload() {
  auto loading = read_again(&source_);
  auto reading = co_await std::move(loading);
  if (reading) {
    auto taking = take_over(std::move(*reading));
    co_await std::move(taking);
  }
}

// All that can fail comes first, on all shards; then all is changed, or what was opened is let go.
// The message that says which of the two is there before the first is opened.
Task<> Conductor::take_over(config::Reading reading) {
  config::Configuration& next = reading.configuration;
  passed_.stand_in(next);
  Order order = &Worker::discard;
  auto settling = tell(this, &order);
  if (!settling) {
    refuse_reload("not enough memory.");
    co_return;
  }
  Plan plan{.configuration = &next};
  std::string why;
  std::vector<std::string> told;
  try {
    auto preparing = prepare(&plan);
    why = co_await std::move(preparing);
    if (why.empty() && (drain_.is_set() || failed_)) {
      why = "it is ending.";
    }
    if (why.empty()) {
      told = keep_what_is_fixed(next);
      say_what_changes(plan, told);
      told.push_back("vigil serve: reloaded " + source_.file + ": " +
                     counted(count_sites(next), "site") + ", " +
                     counted(next.listeners.size(), "listener") + ".");
      const Result<> taken = take_in(plan);
      if (taken) {
        order = &Worker::apply;
      } else {
        why = reason(taken.error()) + ".";
      }
    }
  } catch (const std::bad_alloc&) {
    why = "not enough memory.";
  }
  if (why.empty()) {
    close_places_but(next);
    configuration_ = std::move(next);
    set_limits(places_, configuration_);
  }
  co_await std::move(settling);
  if (!why.empty()) {
    left_.swap(plan.places);
    refuse_reload(without_name(why));
    co_return;
  }
  std::erase_if(places_, [this](const auto& place) {
    if (place->closing) {
      panel_.hide_listener(*place->acceptors);
    }
    return place->closing;
  });
  reloaded_ = true;
  if (parent_.number() == 0) {  // the others would say the same
    std::ranges::for_each(told, &complain);
  }
}

// Says what the file changes and a running server cannot, and keeps that.
std::vector<std::string> Conductor::keep_what_is_fixed(config::Configuration& next) const {
  std::string names;
  for (config::Setting& setting : next.program.settings) {
    const config::Setting& old = *configuration_.program.find(setting.row->name);
    if (setting.row->fixed && setting.texts != old.texts) {
      names += (names.empty() ? "" : ", ") + cli::key_of(setting.row->name);
      setting = old;
    }
  }
  for (const config::Part& part : next.listeners) {
    const Place* there = find_place(places_, part.values.listen.front());
    if (there != nullptr && there->busy_poll != part.values.busy_poll) {
      names += (names.empty() ? "" : ", ") + ("busy_poll of " + there->text());
    }
    if (there != nullptr && there->accept != part.values.accept) {
      names += (names.empty() ? "" : ", ") + ("accept of " + there->text());
    }
  }
  if (names.empty()) {
    return {};
  }
  return {"vigil serve: kept as it is until a restart: " + names + "."};
}

// Listeners that are in both configurations are left alone. Those that are not stop accepting, and
// their connections go on.
bool Conductor::stays(const Place& place, const config::Configuration& next) noexcept {
  return std::ranges::any_of(next.listeners, [&](const config::Part& part) {
    return part.values.listen.front() == place.endpoint;
  });
}

void Conductor::say_what_changes(const Plan& plan, std::vector<std::string>& told) const {
  for (const auto& place : places_) {
    if (!stays(*place, *plan.configuration)) {
      told.push_back("vigil serve: no longer listening on " + place->text() + ".");
    }
  }
  for (const auto& place : plan.places) {
    told.push_back("vigil serve: now listening on " + place->text() + ".");
  }
}

void Conductor::close_places_but(const config::Configuration& next) noexcept {
  for (const auto& place : places_) {
    if (!stays(*place, next)) {
      place->closing = true;
      place->stop_handing_out(false);
    }
  }
}

namespace {

Task<std::string> open_log_here(Conductor* conductor, const Plan* plan) {
  Worker* found = conductor->seat(conductor->shards().here());
  if (found == nullptr) {
    co_return std::string();
  }
  const std::shared_ptr<Worker> worker = found->shared_from_this();
  auto opening = worker->open_log_again(plan);
  co_return co_await std::move(opening);
}

}  // namespace

// The lines that are being written go to the old file, all others to the one of that name now.
Task<> Conductor::reopen_log() {
  if (settings().log == cli::LogFormat::off || !log_ || log_->stream) {
    co_return;  // standard output and pipes have no name to be opened by again
  }
  Order order = &Worker::discard;
  auto settling = tell(this, &order);
  if (!settling) {
    throw std::bad_alloc();
  }
  Plan plan{.configuration = &configuration_};
  std::string why;
  try {
    auto opening = open_log_for(&plan);
    if (const std::error_code unopened = co_await std::move(opening)) {
      why = reason(unopened);
    } else {
      auto asking = ask_all(&open_log_here, &plan);
      why = co_await std::move(asking);
    }
    if (why.empty()) {
      log_ = std::move(plan.sink);
      order = &Worker::apply;
    }
  } catch (const std::bad_alloc&) {
    why = "not enough memory";
  }
  co_await std::move(settling);
  if (!why.empty()) {
    complain("vigil serve: cannot open the log " + settings().log_file + " again: " + why +
             ". The old file is written on.");
  }
}

// The new process reads the configuration, and may be another version. Until it serves, all goes on
// here; then who comes is its, and who is here is served to the end.
Task<> Conductor::give_way() {
  if (drain_.is_set()) {
    panel_.tell_succession(0, "not restarted: the process is ending.");
    co_return;
  }
  if (parent_.there()) {
    complain("vigil serve: not restarted: SIGUSR2 and `vigil restart` are for the parent process.");
    co_return;
  }
  auto raising = raise_successor(&origin_, &places_, status_);
  const auto successor = co_await std::move(raising);
  if (!successor) {
    const std::string said = "not restarted: " + successor.error() + ". The old process goes on.";
    complain("vigil serve: " + said);
    panel_.tell_succession(0, said);
    co_return;
  }
  const std::string said = "process " + std::to_string(*successor) +
                           " serves from now on; the old one ends when its connections have.";
  complain("vigil serve: " + said);
  supervisor_.follow(*successor);
  panel_.tell_succession(*successor, said);
  static_cast<void>(co_await sleep_for(kHeard));
  begin_drain(true);
}

}  // namespace vigil::app
