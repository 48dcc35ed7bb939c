// Copies of figures, under a lock that their owners take when they come and go.
#include "admin/panel.hpp"

#include <utility>

#include "vigil/base/version.hpp"
#include "vigil/loop/loop.hpp"

namespace vigil::app {

void Panel::resize(unsigned shards) {
  const std::scoped_lock lock(mutex_);
  shards_.resize(shards);
}

void Panel::show(unsigned shard, const Shard& figures) noexcept {
  const std::scoped_lock lock(mutex_);
  shards_[shard] = figures;
}

void Panel::show_listeners(std::vector<Listener> listeners) noexcept {
  const std::scoped_lock lock(mutex_);
  listeners_.swap(listeners);
}

void Panel::hide_listener(const Acceptors& acceptors) noexcept {
  const std::scoped_lock lock(mutex_);
  std::erase_if(listeners_, [&](const Listener& each) { return each.acceptors == &acceptors; });
}

Snapshot Panel::snapshot() const {
  Snapshot taken;
  taken.version = version_text();
  taken.draining = draining();
  if (watcher_ != nullptr) {
    for (const StallFigures& each : watcher_->figures()) {
      taken.stalls.push_back({.number = static_cast<unsigned>(taken.stalls.size()),
                              .stalls = each.stalls,
                              .not_run = each.not_run,
                              .longest = each.longest,
                              .total = each.total});
    }
  }
  const std::scoped_lock lock(mutex_);
  for (unsigned number = 0; number != shards_.size(); ++number) {
    const Shard& shard = shards_[number];
    if (shard.loop == nullptr) {
      continue;
    }
    taken.engine = shard.loop->engine().traits().name;
    taken.shards.push_back({.number = number,
                            .loop = shard.loop->figures(),
                            .http = shard.server->figures(),
                            .log_dropped = shard.log_dropped->get()});
  }
  for (const Listener& listener : listeners_) {
    taken.listeners.push_back({.at = listener.at,
                               .accept = std::string(name_of(listener.acceptors->strategy())),
                               .shards = listener.acceptors->figures()});
  }
  return taken;
}

}  // namespace vigil::app
