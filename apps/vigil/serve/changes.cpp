// Which directories of the site are watched, and whether something happened in them since.
#include "serve/changes.hpp"

#include "vigil/coro/sleep.hpp"

namespace vigil::app {

Freshness Changes::unwatched(Instant now) const noexcept {
  return {.changes = nullptr, .seen = 0, .epoch = epoch_, .until = after(now, times_.unwatched)};
}

Task<Changes::Place*> Changes::place(const fs::Directory& root, std::string_view path) {
  const std::string key(path);
  if (const auto known = by_path_.find(key); known != by_path_.end()) {
    co_return known->second.get();
  }
  if (!queue_ || by_path_.size() >= most_) {
    co_return nullptr;
  }
  Result<int> added = error(std::errc::invalid_argument);
  if (path.empty()) {
    added = queue_->add(root);
  } else {
    auto opening = root.open_directory(key, fs::Follow::none);
    auto opened = co_await std::move(opening);
    if (!opened) {
      co_return nullptr;
    }
    added = queue_->add(*opened);
  }
  if (!added) {
    shortage_ = added.error();
    co_return nullptr;
  }
  // Two tasks may have come here for the same directory: the number is the same then.
  auto& slot = by_path_[key];
  if (!slot) {
    slot = std::make_unique<Place>();
    slot->path = key;
    slot->watch = *added;
    by_watch_[*added] = slot.get();
  }
  co_return slot.get();
}

Task<Freshness> Changes::watch(const fs::Directory& root, std::string path) {
  const Instant now = Loop::current()->now();
  Freshness fresh = unwatched(now);
  std::size_t end = 0;
  while (true) {
    auto looking = place(root, std::string_view(path).substr(0, end));
    Place* found = co_await std::move(looking);
    if (found == nullptr) {
      co_return fresh;
    }
    if (end == path.size()) {
      co_return Freshness{.changes = &found->changes,
                          .seen = found->changes,
                          .epoch = epoch_,
                          .until = after(now, times_.watched)};
    }
    end = path.find('/', end == 0 ? 0 : end + 1);
    end = end == std::string::npos ? path.size() : end;
  }
}

// Forgets a directory and all below it: what has their paths now is something else, or nothing.
void Changes::forget(std::string_view path) {
  for (auto at = by_path_.begin(); at != by_path_.end();) {
    const std::string_view other = at->first;
    if (other == path || (other.starts_with(path) && other[path.size()] == '/')) {
      by_watch_.erase(at->second->watch);
      queue_->remove(at->second->watch);
      at = by_path_.erase(at);
    } else {
      ++at;
    }
  }
}

void Changes::apply(const fs::Change& change) {
  const auto found = by_watch_.find(change.watch);
  if (found == by_watch_.end()) {  // kEverything, or the last word of a watch that was given up
    ++epoch_;
    return;
  }
  Place& place = *found->second;
  ++place.changes;
  if (change.gone || (change.name.empty() && (change.changes & (kDeleted | kMoved)) != 0)) {
    // The epoch is looked at first: no entry looks at a counter that is gone.
    ++epoch_;
    forget(std::string(place.path));
    return;
  }
  if ((change.changes & (kEntryAdded | kEntryRemoved)) != 0) {
    const std::string below = place.path.empty() ? change.name : place.path + "/" + change.name;
    if (by_path_.contains(below)) {
      ++epoch_;
      forget(below);
    }
  }
}

Task<> Changes::follow() {
  auto queue = fs::Watch::open();
  if (!queue) {
    shortage_ = queue.error();
    co_return;
  }
  queue_ = std::move(*queue);
  for (;;) {
    auto waiting = queue_->next();
    auto change = co_await std::move(waiting);
    if (!change) {
      break;
    }
    apply(*change);
  }
}

}  // namespace vigil::app
