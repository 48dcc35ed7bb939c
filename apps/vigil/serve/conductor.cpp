// One run of `vigil serve`: its workers, its beginning, and what all shards do together.
#include "serve/conductor.hpp"

#include <algorithm>
#include <functional>
#include <new>

#include "admin/socket.hpp"
#include "cli/help.hpp"
#include "serve/worker.hpp"
#include "vigil/coro/sleep.hpp"
#include "vigil/fs/names.hpp"
#include "vigil/os/pipe.hpp"
#include "vigil/runtime/explain.hpp"

namespace vigil::app {
namespace {

constexpr Nanos kTellAgain = std::chrono::milliseconds(10);

}  // namespace

Task<> announce(std::string lines, std::string status_at) {
  if (!status_at.empty()) {
    lines += "status on " + status_at + "\n";
  }
  auto output = os::standard_output();
  if (!output) {
    co_return;  // nobody can hear it
  }
  if (const Result<> said = co_await output->send(as_bytes(lines)); !said) {
    complain("vigil serve: cannot say on standard output where it listens: " +
             reason(said.error()) + ".");
  }
}

std::string listening_on(const std::string& place) { return "listening on " + place + "\n"; }

void complain(const std::string& sentence) { Loop::current()->host().log(sentence); }

ShardsOptions Conductor::shards_options() const {
  ShardsOptions options;
  options.count =
      parent_.there() ? parent_.shards() : count_shards(configuration_, means_.descriptors);
  options.pin = settings().pin;
  options.pin_from = parent_.number() * options.count;
  options.loop.spin = settings().spin;
  options.loop.sqpoll = settings().sqpoll;
  return options;
}

void Conductor::fail(const std::string& sentence) {
  if (!failed_) {
    failed_ = true;
    complain(sentence);
  }
}

void Conductor::cannot_begin(std::error_code why) {
  fail("vigil serve: cannot begin to serve: " + reason(why) + ".");
}

void Conductor::cannot_start(std::error_code why) {
  const std::uint64_t count = settings().shards;
  fail("vigil serve: cannot start " +
       (count == 0 ? "a shard for each processor" : std::to_string(count) + " shards") + ": " +
       reason(why) +
       (settings().pin ? ". Choose fewer (--shards), or leave --pin out."
                       : ". Choose fewer (--shards)."));
}

// ---- From the beginning to the end. ----

Task<> Conductor::conduct(Shards& shards, Conductor* self) {
  self->shards_ = &shards;
  self->seats_.resize(shards.size());
  self->panel_.resize(shards.size());
  self->panel_.hear_of_wish({.loop = Loop::current(),
                             .heard =
                                 [](void* context) noexcept {
                                   auto* conductor = static_cast<Conductor*>(context);
                                   conductor->ask_for(conductor->give_way_);
                                 },
                             .context = self});
  auto whole = scoped(&Conductor::with_helpers, self);
  co_await std::move(whole);
  self->panel_.hear_of_wish({});
  self->panel_.show_listeners({});
  if (self->unwritten_ != 0) {
    complain(cli::log_lost(self->settings().log_file, self->unwritten_, kLogGoodbye));
  }
}

Task<> Conductor::with_helpers(Scope& helpers, Conductor* self) {
  self->helpers_ = &helpers;
  auto inner = scoped(&Conductor::with_workers, self);
  co_await std::move(inner);
  helpers.cancel();
}

Task<> Conductor::with_workers(Scope& workers, Conductor* self) {
  for (unsigned shard = 0; shard != self->shards_->size(); ++shard) {
    if (const auto spawned = workers.spawn(&Conductor::employ, self, shard); !spawned) {
      self->cannot_begin(spawned.error());
    }
  }
  if (!self->failed_) {
    auto beginning = self->begin(&workers);
    co_await std::move(beginning);
  }
  if (!self->started_) {
    workers.cancel();  // nothing is served, and nobody would tell them to end
  }
}

// A worker that ends by itself ends all.
Task<> Conductor::employ(Conductor* self, unsigned shard) {
  Result<Worker::Ended> ended = error(std::errc::not_enough_memory);
  try {
    auto living = self->shards_->run_on(shard, &Worker::live, self);
    ended = co_await std::move(living);
  } catch (const std::bad_alloc&) {
  }
  if (ended) {
    self->unwritten_ += ended->unwritten;
    self->failed_ = self->failed_ || ended->failed;
  } else if (ended.error() != std::errc::operation_canceled) {
    self->cannot_begin(ended.error());
  }
  self->begin_drain();
}

// The listeners are there, and the log, before root is given up; and who serves begins after that.
Task<> Conductor::begin(Scope* workers) {
  const Order order = &Worker::apply;
  auto applying = tell(this, &order);
  Plan plan{.configuration = &configuration_};
  std::string why;
  try {
    auto preparing = prepare(&plan);
    why = co_await std::move(preparing);
    if (why.empty() && !settings().user.empty()) {
      if (const auto became = Loop::current()->host().become(settings().user); !became) {
        why = cli::cannot_become(settings().user, became.error());
      }
    }
    if (why.empty() && !failed_) {
      std::ranges::for_each(passed_.unused(configuration_), &complain);
      if (!parent_.there()) {
        std::string lines;
        for (const auto& place : plan.places) {
          lines += listening_on(place->text());
        }
        auto announcing = announce(std::move(lines), status_at_);
        co_await std::move(announcing);
      }
      start(plan);
    }
  } catch (const std::bad_alloc&) {
    cannot_begin(std::make_error_code(std::errc::not_enough_memory));
  }
  if (!why.empty()) {
    fail(why);
  }
  if (!failed_ && !workers->cancelled()) {
    co_await std::move(applying);
    passed_.drop_given();
    auto succeeding = take_place();
    co_await std::move(succeeding);
    say_ready();
    maintaining_ = false;
    do_what_is_asked();
  } else {
    places_.swap(plan.places);  // they are there until nobody has a listener of them
  }
}

// Without somebody who hears the signals it could not be ended in order: then it does not begin.
void Conductor::start(Plan& plan) {
  Result<> started = helpers_->spawn(&Conductor::end_in_order, this);
  if (started) {
    started = helpers_->spawn(&Conductor::follow_signals, this);
  }
  if (started && parent_.there()) {
    started = helpers_->spawn(&Conductor::follow_parent, this);
  }
  if (started && supervisor_.listens()) {
    started = helpers_->spawn(&Supervisor::speak, &supervisor_);
  }
  if (started && supervisor_.listens()) {
    started = helpers_->spawn(&Supervisor::watch, &supervisor_, shards_);
  }
  if (started) {
    started = take_in(plan);
  }
  if (!started) {
    cannot_begin(started.error());
  }
  started_ = !failed_;
}

// What the process before had, and its admin socket's path with it.
Task<> Conductor::take_place() {
  panel_.begins();
  if (!admin_path_.empty()) {
    auto renaming = fs::rename(before_its_time(admin_path_), admin_path_);
    if (const Result<> renamed = co_await std::move(renaming); !renamed) {
      complain("vigil serve: the admin socket stays at " + before_its_time(admin_path_) + ": " +
               reason(renamed.error()) + ".");
    }
  }
  auto telling = predecessor_.say_ready();
  co_await std::move(telling);
  auto reporting = parent_.say(kServing);
  co_await std::move(reporting);
}

// Not after the word that it ends.
void Conductor::say_ready() noexcept try {
  std::string at;
  for (const auto& place : places_) {
    at += (at.empty() ? "" : ", ") + place->text();
  }
  if (!drain_.is_set()) {
    supervisor_.ready(at, shards_->size());
  }
} catch (const std::bad_alloc&) {
}

// ---- What all shards do. ----

namespace {

Task<std::string> open_here(Conductor* conductor, const Plan* plan) {
  Worker* found = conductor->seat(conductor->shards().here());
  if (found == nullptr) {
    co_return std::string(kEnded);
  }
  const std::shared_ptr<Worker> worker = found->shared_from_this();
  auto opening = worker->open(plan);
  co_return co_await std::move(opening);
}

Task<std::string> take_here(Conductor* conductor, const Plan* plan) {
  Worker* worker = conductor->seat(conductor->shards().here());
  co_return worker != nullptr ? worker->take(plan) : std::string(kEnded);
}

}  // namespace

Task<std::string> Conductor::ask_all(Question what, const Plan* plan) {
  auto asking = shards_->gather(what, this, plan);
  const auto answers = co_await std::move(asking);
  for (const auto& answer : answers) {
    if (!answer) {
      co_return "vigil serve: cannot begin to serve: " + reason(answer.error()) + ".";
    }
    if (!answer->empty()) {
      co_return *answer;
    }
  }
  co_return std::string();
}

Task<std::string> Conductor::prepare(Plan* plan) {
  auto share = share_out(*plan->configuration, means_, shards_->size());
  if (!share) {
    co_return std::move(share.error());
  }
  plan->share = *share;
  auto logging = open_log_for(plan);
  const std::error_code unlogged = co_await std::move(logging);
  if (unlogged) {
    co_return cli::cannot_log(plan->configuration->program.values.log_file, unlogged);
  }
  auto opening = ask_all(&open_here, plan);
  std::string why = co_await std::move(opening);
  if (!why.empty()) {
    co_return why;
  }
  auto places = open_places(*plan->configuration, places_, passed_, *shards_);
  if (!places) {
    co_return std::move(places.error());
  }
  plan->places = std::move(*places);
  auto taking = ask_all(&take_here, plan);
  co_return co_await std::move(taking);
}

Task<std::error_code> Conductor::open_log_for(Plan* plan) {
  const cli::Settings& settings = plan->configuration->program.values;
  // A stream has no other name by now: the one that is there goes on.
  const bool same = log_ && log_->path == settings.log_file && log_->stream;
  if (settings.log == cli::LogFormat::off || same) {
    co_return std::error_code();
  }
  auto logging = open_log(settings.log_file);
  auto sink = co_await std::move(logging);
  if (!sink) {
    co_return sink.error();
  }
  (*sink)->crowded = parent_.there();
  plan->log = (*sink)->stream ? Plan::Log::stream : Plan::Log::file;
  plan->sink = std::move(*sink);
  co_return std::error_code();
}

Task<> Conductor::obey(Conductor* self, Order order) {
  if (Worker* worker = self->seat(self->shards_->here())) {
    (worker->*order)();
  }
  co_return;
}

// Where there is no memory for the message, it goes again: an order may come twice.
Task<> Conductor::tell(Conductor* self, const Order* order) {
  for (;;) {
    bool told = false;
    try {
      auto telling = self->shards_->gather(&Conductor::obey, self, *order);
      const auto all = co_await std::move(telling);
      told = std::ranges::all_of(all, [](const auto& each) { return each.has_value(); });
    } catch (const std::bad_alloc&) {
    }
    if (told) {
      co_return;
    }
    if (!co_await sleep_for(kTellAgain)) {
      co_return;
    }
  }
}

Result<> Conductor::take_in(Plan& plan) {
  places_.reserve(places_.size() + plan.places.size());
  std::vector<Panel::Listener> shown;
  for (const Places& these : {std::cref(places_), std::cref(plan.places)}) {
    for (const std::shared_ptr<Place>& place : these) {
      shown.push_back({place->text(), place->acceptors.get()});
    }
  }
  for (const std::shared_ptr<Place>& place : plan.places) {
    if (auto spawned = helpers_->spawn(&Conductor::hand_out, this, place); !spawned) {
      for (const auto& each : plan.places) {
        each->handing.begin();
      }
      return spawned;
    }
  }
  places_.insert(places_.end(), plan.places.begin(), plan.places.end());
  panel_.show_listeners(std::move(shown));
  if (plan.sink) {
    log_ = std::move(plan.sink);
  }
  return {};
}

Task<> Conductor::hand_out(Conductor* self, std::shared_ptr<Place> place) {
  for (;;) {
    auto handing = place->acceptors->hand_out(place->handing, shortage_at_first(*self));
    const Result<> ended = co_await std::move(handing);
    if (ended || ended.error() == std::errc::operation_canceled) {
      co_return;
    }
    if (ended.error() != std::errc::not_enough_memory) {
      self->fail("vigil serve: stopped accepting: " + reason(ended.error()) + ".");
      self->begin_drain();
      co_return;
    }
    if (!co_await sleep_for(kTellAgain)) {
      co_return;
    }
  }
}

// ---- The log's stream. ----

Task<Result<>> Conductor::write_here(Conductor* self, std::string_view lines) {
  return write_lines(self->log_, lines);
}

Task<Result<>> Conductor::carry_lines(void* conductor, std::string_view lines) {
  auto* self = static_cast<Conductor*>(conductor);
  auto carrying = self->shards_->run_on(0, &Conductor::write_here, self, lines);
  co_return co_await std::move(carrying);
}

}  // namespace vigil::app
