// A stack of listings, one for each directory from the root down to where the walk stands.
#include "vigil/fs/walk.hpp"

#include "fs/open.hpp"

namespace vigil::fs {

Task<Result<Walk>> Walk::begin(const Directory& root, WalkOptions options) {
  auto beginning = root.list(options.status);
  auto listing = co_await std::move(beginning);
  if (!listing) {
    co_return std::unexpected(listing.error());
  }
  Walk walk(options);
  walk.levels_.reserve(options.depth);
  walk.levels_.push_back({.listing = std::move(*listing), .batch = {}});
  co_return std::move(walk);
}

void Walk::give(const Entry& entry) {
  const std::size_t before = levels_.back().path;
  path_.resize(before);
  if (before != 0) {
    path_ += '/';
  }
  const std::size_t name = path_.size();
  path_ += entry.name;
  given_ = {.path = path_,
            .name = std::string_view(path_).substr(name),
            .kind = entry.kind,
            .inode = entry.inode,
            .depth = levels_.size() - 1,
            .status = entry.status};
  enter_ = entry.kind == Kind::directory;
}

// Opens what was given last. It is beneath the directory that is open there, whoever moves what.
Task<Result<>> Walk::descend() {
  if (levels_.size() >= options_.depth) {
    enter_ = false;
    co_return error(std::errc::filename_too_long);
  }
  const OpenArgs args{.directory = levels_.back().listing.handle_.get()->handle,
                      .follow = Follow::none,
                      .read = true,
                      .only_directory = true};
  auto opening = detail::open_through_lane(args, std::string(given_.name));
  auto opened = co_await std::move(opening);
  enter_ = !opened && opened.error() == std::errc::operation_canceled;
  if (!opened) {
    co_return std::unexpected(opened.error());
  }
  levels_.push_back(
      {.listing = Listing(std::move(*opened), options_.status), .batch = {}, .path = path_.size()});
  co_return Result<>();
}

// The level's next entries; false at its end.
Task<Result<bool>> Walk::read(Level* level) {
  path_.resize(level->path);
  auto reading = level->listing.next();
  const auto batch = co_await std::move(reading);
  if (!batch) {
    if (batch.error() != std::errc::operation_canceled) {
      levels_.pop_back();
    }
    co_return std::unexpected(batch.error());
  }
  level->batch = *batch;
  level->next = 0;
  co_return !batch->empty();
}

Task<Result<const Walked*>> Walk::next() {
  if (enter_) {
    auto descending = descend();
    const Result<> entered = co_await std::move(descending);
    if (!entered) {
      co_return std::unexpected(entered.error());
    }
  }
  while (!levels_.empty()) {
    Level& level = levels_.back();
    if (level.next != level.batch.size()) {
      give(level.batch[level.next++]);
      co_return &given_;
    }
    auto reading = read(&level);
    const Result<bool> more = co_await std::move(reading);
    if (!more) {
      co_return std::unexpected(more.error());
    }
    if (!*more) {
      levels_.pop_back();
    }
  }
  co_return nullptr;
}

}  // namespace vigil::fs
