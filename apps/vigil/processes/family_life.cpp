// One of several processes: started, watched, and started again when it dies.
#include <algorithm>
#include <csignal>

#include "cli/help.hpp"
#include "processes/family.hpp"
#include "processes/words.hpp"
#include "serve/conductor.hpp"
#include "vigil/coro/scoped.hpp"
#include "vigil/coro/sleep.hpp"
#include "vigil/runtime/explain.hpp"

namespace vigil::app {
namespace {

// Who closed its line ends within this time, or is ended.
constexpr Nanos kToEnd = std::chrono::seconds(5);

Task<Result<os::ExitStatus>> wait_for(std::shared_ptr<Child> child) {
  auto waiting = child->process().wait();
  co_return co_await std::move(waiting);
}

}  // namespace

std::string Family::name_of(const Member& member, const Child& child) const {
  return "process " + std::to_string(member.post.number) + " (" + std::to_string(child.pid()) + ")";
}

// It is the member's current one when it serves.
Task<Family::Raised> Family::raise(Member* member) {
  auto started = Child::start(origin_, member->post);
  if (!started) {
    co_return Raised{.why = "process " + std::to_string(member->post.number) +
                            " cannot be started: " + reason(started.error()) + "."};
  }
  const std::shared_ptr<Child> child = std::move(*started);
  member->all.push_back(child);
  auto beginning = Child::begin(child, &member->gifts, &member->post);
  const Result<bool> served = co_await std::move(beginning);
  if (served && *served) {
    member->current = child;
    co_return Raised{.serves = true};
  }
  const bool late = !served && served.error() == std::errc::timed_out;
  if (late) {
    static_cast<void>(child->process().kill(SIGKILL));
  }
  auto waiting = timeout(kToEnd, wait_for(child));
  auto ended = co_await std::move(waiting);
  if (!ended) {
    static_cast<void>(child->process().kill(SIGKILL));
  }
  std::erase(member->all, child);
  Raised raised{.silent = !late && ended && ended->signal == 0 && ended->code != 0};
  raised.why = name_of(*member, *child) + " " +
               (late || !ended ? "did not serve in time, and was killed"
                               : ending_text(*ended) + " before it served") +
               ".";
  co_return raised;
}

Task<> Family::begin(Family* self, Member* member) {
  auto raising = self->raise(member);
  const Raised raised = co_await std::move(raising);
  if (!raised.serves) {
    if (!self->drain_.is_set()) {
      self->failed_ = true;
      if (!raised.silent) {
        complain("vigil serve: " + raised.why);
      }
      self->begin_drain();
    }
    self->first_.set();
    co_return;
  }
  ++self->begun_;
  self->first_.set();
  if (self->begun_ == self->members_.size()) {
    auto all = self->all_serve();
    co_await std::move(all);
  }
  auto attending = attend(self, member, member->current);
  co_await std::move(attending);
}

Task<> Family::all_serve() {
  std::string lines;
  for (const Held& held : held_) {
    lines += listening_on(held.text());
  }
  auto announcing = announce(std::move(lines), status_at_);
  co_await std::move(announcing);
  const std::string& user = configuration_.program.values.user;
  if (!user.empty()) {
    if (const auto became = Loop::current()->host().become(user); !became) {
      fail(cli::cannot_become(user, became.error()));
      co_return;
    }
  }
  say_ready();
  maintaining_ = false;
  do_what_is_asked();
}

// Until it has ended as it was told to, or the family ends. Null: it is not there.
Task<> Family::attend(Family* self, Member* member, std::shared_ptr<Child> child) {
  for (;;) {
    Nanos served{};
    if (child) {
      const Instant since = Loop::current()->now();
      auto waiting = wait_for(child);
      const auto ended = co_await std::move(waiting);
      served = Loop::current()->now() - since;
      std::erase(member->all, child);
      if (member->current == child) {
        member->current = nullptr;
      }
      if (!ended) {
        co_return;
      }
      const bool told = child->leaves || self->drain_.is_set();
      if (!told || !ended->success()) {
        self->failed_ = self->failed_ || self->drain_.is_set();
        complain("vigil serve: " + self->name_of(*member, *child) + " " + ending_text(*ended) +
                 (told ? "." : ", and is started again."));
      }
      if (told || member->replacing) {
        co_return;
      }
    }
    auto reviving = self->revive(member, served);
    child = co_await std::move(reviving);
    if (!child) {
      co_return;
    }
  }
}

Task<Result<>> Family::drained(Family* self) { co_return co_await self->drain_.wait(); }

// Null: the family ends.
Task<std::shared_ptr<Child>> Family::revive(Member* member, Nanos served) {
  while (!drain_.is_set()) {
    const Nanos pause = member->backoff.next(served);
    served = Nanos::zero();
    if (pause != Nanos::zero()) {
      auto waiting = timeout(pause, drained(this));
      const Result<> ends = co_await std::move(waiting);
      if (ends || ends.error() != std::errc::timed_out) {
        break;
      }
    }
    ++member->restarts;
    auto raising = raise(member);
    const Raised raised = co_await std::move(raising);
    if (raised.serves) {
      complain("vigil serve: " + name_of(*member, *member->current) + " serves again.");
      co_return member->current;
    }
    if (!drain_.is_set()) {
      complain("vigil serve: " + raised.why + " It is tried again.");
    }
  }
  co_return nullptr;
}

// ---- Another in its place. ----

Task<Family::Replaced> Family::replace() {
  const auto turn = co_await replacing_.acquire();
  if (!turn || drain_.is_set() || begun_ != members_.size()) {
    co_return Replaced{.said = "not restarted: the processes are beginning or ending."};
  }
  for (Member& member : members_) {
    const std::shared_ptr<Child> old = member.current;
    if (!old) {
      continue;  // it is being started as it is
    }
    member.replacing = true;
    auto raising = raise(&member);
    const Raised raised = co_await std::move(raising);
    member.replacing = false;
    if (raised.serves) {
      old->leaves = true;
      auto ordering = Child::order(old, kLeave);
      co_await std::move(ordering);
    }
    const bool lost = !raised.serves && member.current == nullptr;
    if (raised.serves || lost) {
      static_cast<void>(children_->spawn(&Family::attend, this, &member, member.current));
    }
    if (!raised.serves) {
      co_return Replaced{.said = "not restarted: " + raised.why + " The old ones go on."};
    }
  }
  co_return Replaced{.all = true,
                     .said = "all " + std::to_string(members_.size()) +
                             " processes are new; the old ones end when their connections have."};
}

}  // namespace vigil::app
