// AcceptStrategy::handoff: shard 0 accepts, and gives each connection to the shard with the fewest.
#include <algorithm>
#include <chrono>

#include "net/socket.hpp"
#include "runtime/accept_place.hpp"
#include "vigil/coro/scoped.hpp"
#include "vigil/coro/sleep.hpp"

namespace vigil {

// Of those that have the fewest connections, there and on their way, who was given the fewest so
// far. What ended a moment ago is not known yet, so a few more are as few: else shard 0, whose ends
// are seen first, would be given more of the short ones.
Acceptors::Place& Acceptors::least_loaded() noexcept {
  const auto load = [](const Place& place) { return place.live() + place.handed->size(); };
  std::size_t least = ~std::size_t{0};
  for (const auto& place : places_) {
    least = std::min(least, load(*place));
  }
  const std::size_t few = least + 1 + least / 64;
  Place* best = nullptr;
  for (const auto& place : places_) {
    if (load(*place) <= few && (best == nullptr || place->given < best->given)) {
      best = place.get();
    }
  }
  return best != nullptr ? *best : *places_.front();  // loads moved meanwhile
}

// False: nobody takes any.
bool Acceptors::hand(NativeHandle handle) {
  Place& place = least_loaded();
  ++place.given;
  if (place.handed->try_send(std::move(handle))) {
    return true;
  }
  for (const auto& other : places_) {
    if (other->handed->try_send(std::move(handle))) {
      ++other->given;
      return true;
    }
  }
  return false;
}

Task<Result<>> Acceptors::hand_out(Drain& drain, Shortage shortage) {
  if (places_.size() == 1 || strategy_ != AcceptStrategy::handoff) {
    co_return Result<>{};
  }
  auto handing = scoped(
      [](Scope& scope, Acceptors* self, Drain* until, const Shortage* how) -> Task<Result<>> {
        return self->hand_out_all(&scope, until, how);
      },
      this, &drain, static_cast<const Shortage*>(&shortage));
  const Result<> result = co_await std::move(handing);
  if (!drain.begun()) {
    co_return result;
  }
  while (drain.goes_on_elsewhere() && own_.has_socket()) {
    const std::int32_t ahead = Loop::current()->engine().take_accepted(*own_.descriptor_);
    if (ahead < 0) {
      break;
    }
    auto handing_on = hand_on(ahead);
    if (const Result<> handed = co_await std::move(handing_on); !handed) {
      break;
    }
  }
  own_.close();
  for (const auto& place : places_) {
    place->handed->close();
  }
  co_return Result<>{};
}

Task<Result<>> Acceptors::hand_out_all(Scope* scope, Drain* drain, const Shortage* shortage) {
  detail::LastCall last(*drain, own_, *scope);
  ServeFigures counted;
  detail::Reserve reserve(own_, *shortage, counted, &places_.front()->share);
  AcceptArgs args;
  for (;;) {
    const std::int32_t handle = co_await detail::Operation(Opcode::accept, own_.descriptor_, &args);
    last.came(handle < 0 ? detail::kAcceptPause : Nanos::zero());
    if (handle < 0) {
      const auto failure = failed(handle);
      if (!detail::passes(failure.error())) {
        co_return failure;
      }
      reserve.ran_out(failure.error());
      co_await sleep_for(detail::kAcceptPause);
      reserve.refill();
      continue;
    }
    ++counted.accepted;
    auto handing_on = hand_on(handle);
    if (const Result<> handed = co_await std::move(handing_on); !handed) {
      co_return handed;
    }
  }
}

Task<Result<>> Acceptors::hand_on(NativeHandle handle) {
  while (!hand(handle)) {
    // All mailboxes are full: the backlog waits with this one.
    if (const Result<> slept = co_await sleep_for(std::chrono::milliseconds(1)); !slept) {
      Loop::current()->syscalls().close(handle);
      co_return std::unexpected(slept.error());
    }
  }
  co_return Result<>{};
}

}  // namespace vigil
