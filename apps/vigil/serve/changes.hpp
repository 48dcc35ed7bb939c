// Changes: which directories of the site are watched, and whether something happened in them since.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "serve/entry.hpp"
#include "vigil/fs/directory.hpp"
#include "vigil/fs/watch.hpp"

namespace vigil::app {

struct RecheckTimes {
  Nanos unwatched{};  // where changes are not reported
  Nanos watched{};  // where they are: for what no system reports, such as writes through a mapping
};

// A change to a file counts in its directory; one to a directory that is watched (a parent was
// moved, say) counts everywhere. One loop's.
class Changes {
 public:
  // `most`: directories that are watched at the same time; others are looked at again after a time.
  Changes(RecheckTimes times, std::size_t most) noexcept : times_(times), most_(most) {}

  // Watches the directory at `path` and all above it, up to the root; says how long what is looked
  // at from now on can be believed. Call it before looking: a change in between then counts.
  Task<Freshness> watch(const fs::Directory& root, std::string path);
  bool holds(const Freshness& fresh, Instant now) const noexcept {
    return now < fresh.until && fresh.epoch == epoch_ &&
           (fresh.changes == nullptr || *fresh.changes == fresh.seen);
  }
  // What is believed without a report, for paths through symbolic links.
  Freshness unwatched(Instant now) const noexcept;

  // Takes the changes as they come, until cancelled.
  Task<> follow();

  // Why some directories are not watched; nothing if all are.
  const std::optional<std::error_code>& shortage() const noexcept { return shortage_; }

 private:
  struct Place {
    std::string path;
    int watch = -1;
    std::uint64_t changes = 0;
  };
  Task<Place*> place(const fs::Directory& root, std::string_view path);
  void apply(const fs::Change& change);
  void forget(std::string_view path);

  RecheckTimes times_;
  std::size_t most_;
  std::optional<fs::Watch> queue_;
  std::uint64_t epoch_ = 0;
  std::unordered_map<std::string, std::unique_ptr<Place>> by_path_;
  std::unordered_map<int, Place*> by_watch_;
  std::optional<std::error_code> shortage_;
};

}  // namespace vigil::app
