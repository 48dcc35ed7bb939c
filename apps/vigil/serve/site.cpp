// The files below a root, found by target.
#include "serve/site.hpp"

#include <algorithm>
#include <array>
#include <new>

#include "vigil/coro/this_task.hpp"

namespace vigil::app {
namespace {

using site::Coding;
using site::Found;

constexpr std::array<std::string_view, 2> kIndexNames{"index.html", "index.htm"};

std::string joined(std::string_view directory, std::string_view name) {
  std::string path(directory);
  if (!path.empty()) {
    path += '/';
  }
  return path += name;
}

std::string parent(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return std::string(path.substr(0, slash == std::string_view::npos ? 0 : slash));
}

site::FileFacts facts_of(const fs::Status& status) noexcept {
  return {status.inode, status.size, status.modified_ns, status.changed_ns};
}

bool is(std::error_code error, std::errc code) noexcept {
  return error == std::make_error_condition(code);
}

}  // namespace

// The root is "/", a directory "a/b/", a file "a/b".
std::string_view Site::key_of(std::string_view path, bool directory) {
  key_.assign(path);
  if (directory) {
    key_ += '/';
  }
  return key_;
}

Entry* Site::known(const site::Target& target) noexcept {
  Entry* entry = cache_.find(key_of(target.path, target.directory));
  if (entry != nullptr && !changes_.holds(entry->fresh, Loop::current()->now())) {
    cache_.forget(*entry);
    return nullptr;
  }
  return entry;
}

Task<EntryRef> Site::find(std::string path, bool directory) {
  std::string key(key_of(path, directory));
  if (Entry* entry = cache_.find(key);
      entry != nullptr && changes_.holds(entry->fresh, Loop::current()->now())) {
    co_return EntryRef(entry);
  }
  if (const auto found = pending_.find(key); found != pending_.end()) {
    const std::shared_ptr<Pending> other = found->second;
    const Result<> waited = co_await other->done.wait();
    if (waited && other->entry) {
      co_return other->entry;
    }
    auto looking = look(std::move(key), std::move(path), directory);
    co_return co_await std::move(looking);
  }
  const auto own = std::make_shared<Pending>();
  pending_.emplace(key, own);
  auto looking = look(key, std::move(path), directory);
  EntryRef entry = co_await std::move(looking);
  if (!co_await this_task::cancelled()) {
    own->entry = entry;
  }
  pending_.erase(key);
  own->done.set();
  co_return entry;
}

Task<EntryRef> Site::look(std::string key, std::string path, bool directory) {
  auto loading = load(key, path, directory);
  EntryRef entry = co_await std::move(loading);
  if (entry->resource.found == Found::no_resources && cache_.shrink()) {
    auto again = load(key, path, directory);
    entry = co_await std::move(again);
  }
  // What is missing is not kept, or a client could fill the cache with names; but for the site's
  // own page about it.
  if (entry->resource.found == Found::file || entry->resource.found == Found::directory ||
      (entry->resource.found == Found::missing && key == kMissingPage)) {
    cache_.keep(entry);
  }
  co_return entry;
}

Task<EntryRef> Site::load(std::string key, std::string path, bool directory) {
  EntryRef entry(new Entry);
  entry->key = std::move(key);
  auto watching = changes_.watch(root_, directory ? path : parent(path));
  entry->fresh = co_await std::move(watching);
  std::error_code failure;
  if (directory) {
    auto loading = load_index(*entry, path);
    failure = co_await std::move(loading);
  } else {
    auto loading = load_file(*entry, path);
    failure = co_await std::move(loading);
  }
  if (failure) {
    entry->resource.found = site::found_by(failure);
  }
  entry->resource.name = entry->name;
  co_return entry;
}

Task<Result<fs::OpenedFile>> Site::open(Entry& entry, std::string path) {
  auto opening = root_.open_with_status(path, {.follow = fs::Follow::none});
  auto opened = co_await std::move(opening);
  if (opened || !is(opened.error(), std::errc::too_many_symbolic_link_levels)) {
    co_return std::move(opened);
  }
  // Through a link: changes where it leads are not seen here.
  entry.fresh = changes_.unwatched(Loop::current()->now());
  auto following = root_.open_with_status(path, {.follow = fs::Follow::beneath});
  co_return co_await std::move(following);
}

Task<std::error_code> Site::load_file(Entry& entry, std::string path) {
  auto opening = open(entry, path);
  auto opened = co_await std::move(opening);
  if (!opened) {
    co_return opened.error();
  }
  if (opened->status.kind == fs::Kind::directory) {
    entry.resource.found = Found::directory;
    co_return std::error_code();
  }
  if (opened->status.kind != fs::Kind::regular) {
    co_return std::make_error_code(std::errc::no_such_file_or_directory);
  }
  entry.name = path;
  auto holding = hold(entry, Coding::identity, std::move(*opened));
  const std::error_code failure = co_await std::move(holding);
  if (failure) {
    co_return failure;
  }
  entry.resource.found = Found::file;
  if (options_.precompressed) {
    auto siblings = load_siblings(entry, path);
    co_await std::move(siblings);
  }
  co_return std::error_code();
}

Task<std::error_code> Site::load_index(Entry& entry, std::string path) {
  for (const std::string_view name : kIndexNames) {
    auto loading = load_file(entry, joined(path, name));
    const std::error_code failure = co_await std::move(loading);
    if (!failure && entry.resource.found == Found::file) {
      co_return failure;
    }
    if (failure && !is(failure, std::errc::no_such_file_or_directory)) {
      co_return failure;
    }
  }
  if (path.empty()) {
    entry.resource.found = Found::directory;
    co_return std::error_code();
  }
  auto looking = root_.status_of(path);
  const auto seen = co_await std::move(looking);
  if (!seen) {
    co_return seen.error();
  }
  if (seen->kind != fs::Kind::directory) {
    co_return std::make_error_code(std::errc::not_a_directory);
  }
  entry.resource.found = Found::directory;
  co_return std::error_code();
}

// Takes a file into the entry: its bytes if they are few, else the open file.
Task<std::error_code> Site::hold(Entry& entry, Coding coding, fs::OpenedFile opened) {
  const auto index = static_cast<std::size_t>(coding);
  Held& held = entry.held[index];
  site::FileFacts facts = facts_of(opened.status);
  if (facts.size <= options_.body) {
    const auto size = static_cast<std::size_t>(facts.size);
    held.body.reset(new (std::nothrow) std::byte[size + 1]);
    if (!held.body) {
      co_return std::make_error_code(std::errc::not_enough_memory);
    }
    // One byte more, to see that it did not grow meanwhile.
    const auto read = co_await opened.file.read_at({held.body.get(), size + 1}, 0);
    if (!read) {
      co_return read.error();
    }
    if (*read == size) {
      entry.memory += size;
      entry.resource.variants.files[index] = facts;
      co_return std::error_code();
    }
    held.body.reset();
  }
  held.file = std::move(opened.file);
  ++entry.open_files;
  entry.resource.variants.files[index] = facts;
  co_return std::error_code();
}

Task<> Site::load_siblings(Entry& entry, std::string path) {
  for (const site::CodingName& row : site::kCodings) {
    std::string name = path;
    name += row.suffix;
    auto opening = open(entry, std::move(name));
    auto opened = co_await std::move(opening);
    if (opened && opened->status.kind == fs::Kind::regular) {
      auto holding = hold(entry, row.coding, std::move(*opened));
      static_cast<void>(co_await std::move(holding));  // without it the file itself is sent
    }
  }
}

// What is in the directory, looked at in the trips that list it; links are left to be looked at.
Task<Result<>> Site::read(std::string path, Looking* work) {
  fs::Directory below;
  const fs::Directory* directory = &root_;
  if (!path.empty()) {
    auto opening = root_.open_directory(path);
    auto opened = co_await std::move(opening);
    if (!opened) {
      co_return std::unexpected(opened.error());
    }
    below = std::move(*opened);
    directory = &below;
  }
  auto beginning = directory->list(true);
  auto listing = co_await std::move(beginning);
  if (!listing) {
    co_return std::unexpected(listing.error());
  }
  for (;;) {
    auto reading = listing->next();
    const auto batch = co_await std::move(reading);
    if (!batch) {
      co_return std::unexpected(batch.error());
    }
    if (batch->empty()) {
      co_return Result<>();
    }
    for (const fs::Entry& found : *batch) {
      if (found.name.starts_with('.')) {
        continue;
      }
      if (found.kind == fs::Kind::symlink) {
        work->links.emplace_back(found.name);
      } else {
        work->add(std::string(found.name), *found.status);
      }
    }
  }
}

void Site::Looking::add(std::string name, const fs::Status& seen) {
  if (seen.kind == fs::Kind::directory || seen.kind == fs::Kind::regular) {
    entries.push_back({.name = std::move(name),
                       .directory = seen.kind == fs::Kind::directory,
                       .size = seen.size,
                       .modified = site::seconds(seen.modified_ns)});
  }
}

// Several at a time keep all threads of the lane busy; where there is no memory for another, those
// that are there do all.
Task<> Site::look_at_all(Scope& scope, Site* site, Looking* work) {
  constexpr int kAtOnce = 8;
  for (int i = 1; i < kAtOnce && scope.spawn(&Site::look_at_some, site, work); ++i) {
  }
  return look_at_some(site, work);
}

Task<> Site::look_at_some(Site* site, Looking* work) {
  while (work->next < work->links.size()) {
    std::string& name = work->links[work->next++];
    // From the root, so that a link may lead anywhere below it and nowhere else.
    auto looking = site->root_.status_of(joined(work->path, name));
    const auto seen = co_await std::move(looking);
    if (seen) {
      work->add(std::move(name), *seen);
    }
  }
}

Task<Result<std::vector<site::Entry>>> Site::list(std::string path) {
  Looking work{.path = path, .links = {}, .next = 0, .entries = {}};
  auto reading = read(path, &work);
  const Result<> all = co_await std::move(reading);
  if (!all) {
    co_return std::unexpected(all.error());
  }
  if (!work.links.empty()) {
    auto looking = scoped(&Site::look_at_all, this, &work);
    co_await std::move(looking);
  }
  co_return std::move(work.entries);
}

}  // namespace vigil::app
