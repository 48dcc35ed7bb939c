// The parent of several processes: its listeners, and its beginning.
#include "processes/family.hpp"

#include <algorithm>
#include <csignal>

#include "admin/beside.hpp"
#include "admin/whole.hpp"
#include "serve/conductor.hpp"
#include "vigil/coro/scoped.hpp"
#include "vigil/runtime/explain.hpp"

namespace vigil::app {

Family::Family(const Around& around, const config::Configuration& first, std::uint64_t descriptors,
               os::Signals signals)
    : source_(around.source),
      origin_(around.origin),
      passed_(around.passed),
      supervisor_(around.supervisor),
      configuration_(first),
      shards_(count_shards(first, descriptors)),
      signals_(std::move(signals)) {
  passed_.stand_in(configuration_);
}

// ---- The listeners. ----

std::string Family::Held::text() const {
  const Address& bound = passed != nullptr ? passed->address : sockets.address();
  return bound.is_local() ? cli::endpoint_text(endpoint) : bound.text();
}

std::string Family::open_one(const cli::Settings& settings) {
  Held held{.endpoint = settings.listen.front(), .sockets = {}};
  const std::string at = cli::endpoint_text(held.endpoint);
  held.passed = passed_.find(held.endpoint);
  if (held.passed == nullptr) {
    const auto address = Address::parse(at);
    if (!address) {
      return "vigil serve: cannot listen on " + at + ": " + reason(address.error()) +
             ". Choose another address (--listen 127.0.0.1:8080).";
    }
    if (settings.accept == AcceptStrategy::reuseport_cpu) {
      return "vigil serve: --accept reuseport-cpu is for one process, whose processors choose: "
             "with "
             "--processes use reuseport.";
    }
    const ListenOptions options{.shared = settings.accept != AcceptStrategy::reuseport,
                                .busy_poll = std::chrono::microseconds(settings.busy_poll)};
    auto opened = BoundSockets::open(*address, options, settings.accept,
                                     shards_ * processes_of(configuration_.program.values));
    if (!opened) {
      return "vigil serve: " + cannot_listen(*address, opened.error(), "--listen");
    }
    held.sockets = std::move(*opened);
  }
  held_.push_back(std::move(held));
  return {};
}

// Of a group each has its own ones, the same each time; one alone is for all.
void Family::hand_out() {
  const unsigned count = processes_of(configuration_.program.values);
  members_.resize(count);
  for (unsigned number = 0; number != count; ++number) {
    Member& member = members_[number];
    member.post = {.number = number, .processes = count, .shards = shards_};
    for (const Held& held : held_) {
      std::vector<NativeHandle> handles =
          held.passed != nullptr
              ? held.passed->handles
              : std::vector(held.sockets.handles().begin(), held.sockets.handles().end());
      if (handles.size() > 1) {
        const auto first = handles.begin() + static_cast<std::ptrdiff_t>(number * shards_);
        handles = std::vector(first, first + shards_);
      }
      member.gifts.push_back({cli::endpoint_text(held.endpoint), std::move(handles)});
    }
  }
}

std::string Family::open() {
  if (shards_ > Datagram::kMostHandles) {
    return "vigil serve: " + std::to_string(shards_) +
           " shards are too many for each of several processes. Choose fewer (--shards).";
  }
  for (const config::Part& part : configuration_.listeners) {
    if (std::string why = open_one(part.values); !why.empty()) {
      return why;
    }
  }
  std::ranges::for_each(passed_.unused(configuration_), &complain);
  hand_out();
  return {};
}

// ---- From the beginning to the end. ----

Task<> Family::live(Family* self, Task<> (*helper)(Family* family, void* context), void* context) {
  auto whole = scoped(&Family::with_helpers, self, helper, context);
  co_await std::move(whole);
}

Task<> Family::with_helpers(Scope& helpers, Family* self,
                            Task<> (*helper)(Family* family, void* context), void* context) {
  self->helpers_ = &helpers;
  Result<> started = helpers.spawn(&Family::end_in_order, self);
  if (started) {
    started = helpers.spawn(&Family::follow_signals, self);
  }
  if (started && self->supervisor_.listens()) {
    started = helpers.spawn(&Supervisor::speak, &self->supervisor_);
  }
  if (started && self->supervisor_.listens()) {
    Shards* const none = nullptr;
    started = helpers.spawn(&Supervisor::watch, &self->supervisor_, none);
  }
  if (started) {
    started = helpers.spawn(helper, self, context);
  }
  if (started) {
    auto inner = scoped(&Family::with_children, self);
    co_await std::move(inner);
  } else {
    self->fail("vigil serve: cannot begin to serve: " + reason(started.error()) + ".");
  }
  helpers.cancel();
}

// What is in the way of all is in the way of the first, and is said once.
Task<> Family::with_children(Scope& children, Family* self) {
  self->children_ = &children;
  for (Member& member : self->members_) {
    const Result<> spawned = children.spawn(&Family::begin, self, &member);
    if (!spawned) {
      self->fail("vigil serve: cannot begin to serve: " + reason(spawned.error()) + ".");
      co_return;
    }
    if (!co_await self->first_.wait() || self->drain_.is_set()) {
      co_return;
    }
  }
}

Task<int> serve_by_processes(const Beginning* beginning) {
  const config::Configuration* first = beginning->first;
  const HandedDown* handed = beginning->handed;
  if (handed->succeeds) {
    complain(
        "vigil serve: cannot take the place of another process with --processes: stop the server "
        "and start it.");
    co_return 1;
  }
  PassedSockets passed;
  if (const std::string unusable = passed.take(*handed); !unusable.empty()) {
    complain(unusable);
    co_return 1;
  }
  auto signals = os::Signals::open({SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2});
  if (!signals) {
    complain("vigil serve: cannot take signals: " + reason(signals.error()) + ".");
    co_return 1;
  }
  Supervisor supervisor(*handed);
  Family family({*beginning->source, *beginning->origin, passed, supervisor}, *first,
                beginning->means.descriptors, std::move(*signals));
  if (const std::string why = family.open(); !why.empty()) {
    complain(why);
    co_return 1;
  }
  auto opening = open_admin(&first->program.values, &passed, false);
  auto admin = co_await std::move(opening);
  if (!admin) {
    complain(admin.error());
    co_return 1;
  }
  if (admin->status_copy != kNoHandle) {  // nobody takes this one's place
    Loop::current()->syscalls().close(std::exchange(admin->status_copy, kNoHandle));
  }
  family.show_status_at(admin->status_at);
  WholeService whole{.family = &family, .descriptors = beginning->means.descriptors};
  whole.places = std::move(*admin);
  auto living = Family::live(&family, &show_whole, &whole);
  co_await std::move(living);
  co_return family.failed() ? 1 : 0;
}

}  // namespace vigil::app
