// Draining, and which errors of accept pass.
#include "vigil/net/serve.hpp"

#include <algorithm>
#include <array>

#include "net/socket.hpp"
#include "vigil/net/serve_turns.hpp"

namespace vigil {
namespace {

constexpr Nanos kFirstLook = std::chrono::milliseconds(1);
constexpr Nanos kLongestLook = std::chrono::milliseconds(100);

// Ends the reading side of every stream that a task of `scope` waits to read from.
void end_idle(const Scope& scope) noexcept {
  for (const Node* task = ScopeAccess::tasks(scope); task != nullptr; task = task->up) {
    const Node* waits = task;
    while (waits->state == OpState::task && waits->code == Opcode::task) {
      waits = reinterpret_cast<const Node*>(waits->data);
    }
    if (waits->state == OpState::in_flight &&
        (waits->code == Opcode::receive || waits->code == Opcode::read)) {
      static_cast<void>(detail::perform_now(Opcode::shutdown, waits->on, nullptr,
                                            static_cast<std::uint16_t>(Direction::read)));
    }
  }
  for (const Scope* inner = ScopeAccess::inner(scope); inner != nullptr;
       inner = ScopeAccess::sibling(*inner)) {
    end_idle(*inner);
  }
}

}  // namespace

Drain::Watcher::Watcher(Drain& drain, void (*begin)(Watcher&) noexcept) noexcept
    : next_(drain.watchers_), place_(&drain.watchers_), begin_(begin) {
  if (next_ != nullptr) {
    next_->place_ = &next_;
  }
  drain.watchers_ = this;
}

Drain::Watcher::~Watcher() {
  *place_ = next_;
  if (next_ != nullptr) {
    next_->place_ = place_;
  }
}

void Drain::begin() noexcept {
  if (begun_) {
    return;
  }
  begun_ = true;
  began_ = Loop::current()->engine().now();
  deadline_ = after(began_, limit_);
  for (Watcher* watcher = watchers_; watcher != nullptr;) {
    Watcher* next = watcher->next_;
    watcher->begin_(*watcher);
    watcher = next;
  }
}

void Drain::begin_elsewhere() noexcept {
  elsewhere_ = elsewhere_ || !begun_;
  begin();
}

Task<> detail::drain_connections(Scope& connections, const ServeOptions& options,
                                 ServeFigures& figures, TurnServer* turns) {
  connections.set_deadline(options.drain->deadline());
  for (Nanos look = kFirstLook;; look = std::min(2 * look, kLongestLook)) {
    if (turns != nullptr) {
      turns->end_idle();
    }
    figures.live = connections.live();
    figures.asleep = turns != nullptr ? turns->sleepers.size() : 0;
    figures.failures = connections.failures();
    if (figures.live + figures.asleep == 0) {
      break;
    }
    if (options.end_idle) {
      end_idle(connections);
    }
    const Result<> slept = co_await sleep_for(look);
    if (!slept) {
      figures.live = connections.live();
      figures.failures = connections.failures();
      figures.cut_off = connections.timed_out() ? figures.live + figures.asleep : 0;
      break;
    }
  }
}

// The descriptors, the memory or the watches that are used up come back; and what the network of a
// new connection reports, or a firewall, accept(2) tells in its place, and says to try again.
bool detail::passes(const std::error_code& failure) noexcept {
  constexpr std::array kPassing = {
      std::errc::too_many_files_open, std::errc::too_many_files_open_in_system,
      std::errc::no_buffer_space,     std::errc::not_enough_memory,
      std::errc::no_space_on_device,  std::errc::network_down,
      std::errc::network_unreachable, std::errc::host_unreachable,
      std::errc::no_protocol_option,  std::errc::operation_not_permitted,
  };
  return std::ranges::any_of(kPassing, [&](std::errc passing) { return failure == passing; });
}

}  // namespace vigil
