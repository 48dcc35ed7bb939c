// What signals do to a run of `vigil serve`, and how it ends in order.
#include <algorithm>
#include <csignal>
#include <new>

#include "cli/help.hpp"
#include "processes/words.hpp"
#include "serve/conductor.hpp"
#include "serve/worker.hpp"
#include "vigil/coro/sleep.hpp"

namespace vigil::app {

// SIGTERM or SIGINT begins the drain; a second one, or the end of the drain's time, cuts off who is
// still there. Where there is no memory to wait with, there may be later: who is deaf to signals
// cannot be ended.
Task<> Conductor::follow_signals(Conductor* self) {
  constexpr Nanos kAskAgain = std::chrono::milliseconds(100);
  for (;;) {
    auto waiting = scoped(&Conductor::next_signal, self);
    const Result<int> heard = co_await std::move(waiting);
    self->waiting_ = nullptr;
    const bool late = Loop::current()->now() >= self->cut_at_;
    if (!heard && !late) {
      if (!co_await sleep_for(kAskAgain)) {
        co_return;  // it is not the wait alone that was cancelled
      }
    } else if (heard && (*heard == SIGHUP || *heard == SIGUSR1 || *heard == SIGUSR2)) {
      self->ask_for(*heard == SIGHUP    ? self->reload_
                    : *heard == SIGUSR1 ? self->reopen_
                                        : self->give_way_);
    } else if (!self->drain_.is_set()) {
      self->begin_drain();
    } else {
      self->cut_off(!heard);
      co_return;
    }
  }
}

// A parent that has ended is an order, too: nobody would accept from its listeners afterwards.
Task<> Conductor::follow_parent(Conductor* self) {
  for (;;) {
    auto waiting = self->parent_.next_order();
    const auto order = co_await std::move(waiting);
    if (!order) {
      co_return;
    }
    if (order->empty()) {
      self->begin_drain();
      co_return;
    }
    self->obey_parent(*order);
  }
}

void Conductor::obey_parent(std::string_view order) {
  if (order == kEnd || order == kLeave) {
    begin_drain(order == kLeave);
  } else if (order == kCut) {
    begin_drain();
    cut_off(false);
  } else if (order.starts_with(kReload)) {
    parents_reload_ = order.substr(kReload.size());
    ask_for(reload_);
  } else if (order == kReopen) {
    ask_for(reopen_);
  }
}

Task<Result<int>> Conductor::next_signal(Scope& waiting, Conductor* self) {
  self->waiting_ = &waiting;
  waiting.set_deadline(self->cut_at_);
  auto next = self->signals_.next();
  const auto came = co_await std::move(next);
  if (!came) {
    co_return std::unexpected(came.error());
  }
  co_return came->number;
}

void Conductor::begin_drain(bool elsewhere) noexcept {
  if (drain_.is_set()) {
    return;
  }
  elsewhere_ = elsewhere;
  drain_.set();
  panel_.drains();
  supervisor_.stopping();
  for (const auto& place : places_) {
    place->stop_handing_out(elsewhere);
  }
  cut_at_ = after(Loop::current()->engine().now(), settings().drain);
  if (waiting_ != nullptr) {
    waiting_->set_deadline(cut_at_);
  }
}

void Conductor::cut_off(bool named) noexcept {
  named_ = named;
  cut_.set();
}

// The workers end when the last connection has. What tells them is there from the beginning: the
// end must not want for memory.
Task<> Conductor::end_in_order(Conductor* self) {
  Order drain = &Worker::begin_drain;
  const Order cut = &Worker::cut_off;
  auto draining = tell(self, &drain);
  auto cutting = tell(self, &cut);
  if (!draining || !cutting) {
    self->cannot_begin(std::make_error_code(std::errc::not_enough_memory));
    co_return;
  }
  if (!co_await self->drain_.wait()) {
    co_return;
  }
  if (self->elsewhere_) {
    drain = &Worker::begin_drain_elsewhere;
  }
  co_await std::move(draining);
  if (!co_await self->cut_.wait()) {
    co_return;
  }
  if (self->named_) {
    try {
      auto naming = self->name_who_holds_on();
      co_await std::move(naming);
    } catch (const std::bad_alloc&) {
    }
  }
  co_await std::move(cutting);
}

namespace {

Task<std::vector<Address>> peers_here(Conductor* conductor) {
  const Worker* worker = conductor->seat(conductor->shards().here());
  co_return worker != nullptr ? worker->peers() : std::vector<Address>();
}

}  // namespace

Task<> Conductor::name_who_holds_on() {
  std::vector<Address> peers;
  auto asking = shards_->gather(&peers_here, this);
  const auto all = co_await std::move(asking);
  for (const auto& each : all) {
    if (each) {
      peers.insert(peers.end(), each->begin(), each->end());
    }
  }
  if (peers.empty()) {
    co_return;
  }
  constexpr std::size_t kNamed = 10;
  std::string sentence =
      "vigil serve: cut off after " + cli::duration_text(settings().drain) + " of draining: ";
  for (std::size_t i = 0; i < std::min(peers.size(), kNamed); ++i) {
    sentence += (i == 0 ? "" : ", ") + peers[i].text();
  }
  if (peers.size() > kNamed) {
    sentence += " and " + std::to_string(peers.size() - kNamed) + " more";
  }
  complain(sentence + ". They had a request under way; give them longer with --drain.");
}

}  // namespace vigil::app
