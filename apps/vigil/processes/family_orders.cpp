// What signals make a parent tell its processes, and how all of them end.
#include <algorithm>
#include <csignal>

#include "cli/help.hpp"
#include "processes/family.hpp"
#include "processes/words.hpp"
#include "serve/conductor.hpp"
#include "serve/read_again.hpp"
#include "vigil/coro/scoped.hpp"
#include "vigil/coro/sleep.hpp"
#include "vigil/runtime/explain.hpp"

namespace vigil::app {
namespace {

// Processes end their drain by themselves: beyond it, and so much, one is stuck.
constexpr Nanos kStuck = std::chrono::seconds(10);
constexpr Nanos kAfterCut = std::chrono::seconds(5);

}  // namespace

void Family::fail(const std::string& sentence) {
  if (!failed_) {
    failed_ = true;
    complain(sentence);
  }
  begin_drain();
}

bool Family::ready() const noexcept {
  return !draining() && begun_ == members_.size() &&
         std::ranges::all_of(members_, [](const Member& each) { return each.current != nullptr; });
}

void Family::say_ready() {
  std::string at;
  for (const Held& held : held_) {
    at += (at.empty() ? "" : ", ") + held.text();
  }
  if (!draining()) {
    supervisor_.ready(at, shards_ * static_cast<unsigned>(members_.size()));
  }
}

// SIGTERM or SIGINT begins the drain; a second one cuts off who is still there.
Task<> Family::follow_signals(Family* self) {
  for (;;) {
    auto next = self->signals_.next();
    const auto came = co_await std::move(next);
    if (!came && came.error() == std::errc::operation_canceled) {
      co_return;
    }
    if (!came) {
      static_cast<void>(co_await sleep_for(std::chrono::milliseconds(100)));
    } else if (came->number == SIGHUP || came->number == SIGUSR1 || came->number == SIGUSR2) {
      self->ask_for(came->number == SIGHUP    ? self->reload_
                    : came->number == SIGUSR1 ? self->reopen_
                                              : self->replace_);
    } else if (!self->draining()) {
      self->begin_drain();
    } else {
      self->cut_.set();
    }
  }
}

// What is asked for before all serve is done then.
void Family::ask_for(bool& what) {
  what = true;
  do_what_is_asked();
}

void Family::do_what_is_asked() {
  if (maintaining_ || draining() || !(reload_ || reopen_ || replace_)) {
    return;
  }
  maintaining_ = helpers_->spawn(&Family::maintain, this).has_value();
}

Task<> Family::maintain(Family* self) {
  while (self->reload_ || self->reopen_ || self->replace_) {
    if (std::exchange(self->reload_, false)) {
      self->supervisor_.reloading();
      auto reloading = self->reload();
      co_await std::move(reloading);
      self->say_ready();  // whatever came of it
    }
    if (std::exchange(self->reopen_, false)) {
      auto telling = self->tell_all(kReopen);
      co_await std::move(telling);
    }
    if (std::exchange(self->replace_, false)) {
      auto replacing = self->replace();
      const Replaced replaced = co_await std::move(replacing);
      complain("vigil serve: " + replaced.said);
    }
  }
  self->maintaining_ = false;
}

Task<> Family::tell_all(std::string_view order) {
  std::vector<std::shared_ptr<Child>> all;
  for (const Member& member : members_) {
    all.insert(all.end(), member.all.begin(), member.all.end());
  }
  for (const std::shared_ptr<Child>& child : all) {
    if (child->serves()) {
      auto ordering = Child::order(child, order);
      co_await std::move(ordering);
    } else if (order == kEnd || order == kCut) {
      static_cast<void>(child->process().kill(SIGTERM));  // it does not listen yet
    }
  }
}

namespace {

bool same_places(const config::Configuration& one, const config::Configuration& other) {
  const auto has = [](const config::Configuration& in, const config::Part& part) {
    return std::ranges::any_of(in.listeners, [&](const config::Part& each) {
      return each.values.listen == part.values.listen;
    });
  };
  return one.listeners.size() == other.listeners.size() &&
         std::ranges::all_of(one.listeners,
                             [&](const config::Part& part) { return has(other, part); });
}

}  // namespace

// The first process tries it, and says what it takes or what is in the way. Where it does not take
// it, no other is asked.
Task<> Family::reload() {
  auto loading = read_again(&source_);
  auto reading = co_await std::move(loading);
  if (!reading) {
    co_return;
  }
  config::Configuration next = std::move(reading->configuration);
  passed_.stand_in(next);
  if (!same_places(configuration_, next)) {
    refuse_reload(
        "with --processes the listeners stay what they are until the server is stopped and "
        "started.");
    co_return;
  }
  bool taken = false;
  for (Member& member : members_) {
    const std::shared_ptr<Child> child = member.current;
    if (!child) {
      continue;  // it reads it when it is started
    }
    auto ordering = Child::order_reload(child);
    const auto came = co_await std::move(ordering);
    if (came && *came == kReloaded) {
      taken = true;
      continue;
    }
    if (!taken && came && *came == kRefused) {
      co_return;
    }
    complain("vigil serve: " + name_of(member, *child) +
             " did not take the new configuration, unlike others: " +
             (came && *came == kRefused ? "what it said stands above. "
              : came                    ? "it ended. "
                                        : reason(came.error()) + ". ") +
             "`vigil restart` starts all anew.");
  }
  configuration_ = std::move(next);
}

// ---- The end. ----

void Family::begin_drain() {
  if (!drain_.is_set()) {
    drain_.set();
    first_.set();
    supervisor_.stopping();
  }
}

// First nobody new is let in, then who was let in is served, by those that have the sockets.
Task<> Family::end_in_order(Family* self) {
  if (!co_await self->drain_.wait()) {
    co_return;
  }
  for (Held& held : self->held_) {
    held.sockets.refuse();
    held.sockets.close();
  }
  auto ending = self->tell_all(kEnd);
  co_await std::move(ending);
  const Nanos longest = self->configuration_.program.values.drain;
  auto waiting = timeout(longest < kForever - kStuck ? longest + kStuck : kForever, cut(self));
  if (const Result<> asked = co_await std::move(waiting);
      !asked && asked.error() != std::errc::timed_out) {
    co_return;
  }
  auto cutting = self->tell_all(kCut);
  co_await std::move(cutting);
  if (!co_await sleep_for(kAfterCut)) {
    co_return;
  }
  for (const Member& member : self->members_) {
    for (const std::shared_ptr<Child>& child : member.all) {
      complain("vigil serve: " + self->name_of(member, *child) + " does not end, and is killed.");
      static_cast<void>(child->process().kill(SIGKILL));
    }
  }
}

Task<Result<>> Family::cut(Family* self) { co_return co_await self->cut_.wait(); }

}  // namespace vigil::app
