// Names and inodes: what changes them, and what of it a crash leaves.
#include "kernel/file_system_disk.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "kernel/file_system_watch.hpp"

namespace vigil::sim {

InodeRef::InodeRef(Inode* inode) noexcept : inode_(inode) {
  if (inode_ != nullptr) {
    ++inode_->references_;
  }
}

InodeRef::~InodeRef() {
  if (inode_ != nullptr && --inode_->references_ == 0) {
    delete inode_;
  }
}

// FNV-1a, finished so that names which differ at their end alone do not lie together.
EntryKey::EntryKey(std::string_view text) noexcept : hash(0xcbf29ce484222325ULL), name(text) {
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  }
  hash ^= hash >> 32;
  hash *= 0x9e3779b97f4a7c15ULL;
}

Inode::Inode(Disk& home, mode_t type_and_permissions)
    : disk(home),
      number(home.take_number()),
      serial(++home.serials_),
      mode(type_and_permissions),
      modified(home.now()),
      changed(modified),
      accessed(modified),
      content(*this) {}

Inode::~Inode() {
  disk.free_numbers_.insert(number);
  disk.give_room(Disk::kInodeBytes);
}

bool Inode::is(mode_t type) const noexcept { return (mode & S_IFMT) == type; }

bool Inode::may(unsigned permissions) const noexcept {
  return (mode >> 6 & permissions) == permissions;
}

Inode* Inode::find(std::string_view entry) const noexcept {
  const auto found = entries.find(EntryKey(entry));
  return found == entries.end() ? nullptr : found->second.get();
}

Disk::Disk(Kernel& kernel) : kernel_(kernel) {
  used_ += kInodeBytes;
  root_ = new Inode(*this, S_IFDIR | 0755);
  root_->named = true;
  root_->links = 2;
}

// Names and ".." refer to each other, so the tree is taken down by hand.
Disk::~Disk() {
  journal_.clear();
  std::vector<InodeRef> left{std::move(root_)};
  while (!left.empty()) {
    const InodeRef inode = std::move(left.back());
    left.pop_back();
    inode->parent = {};
    for (auto& [name, child] : inode->entries) {
      left.push_back(std::move(child));
    }
    inode->entries.clear();
  }
}

Nanos Disk::now() const noexcept {
  const Nanos now = kernel_.wall_time();
  return now - now % kTick;
}

Instant Disk::uptime() const noexcept { return kernel_.clock().now(); }

std::uint64_t Disk::draw(std::uint64_t limit) noexcept {
  return kernel_.weather().below(Fault::crash, kernel_.id(), limit);
}

// The lowest that is free, as ext4 does: what takes an inode's number for its identity is found
// out.
std::uint64_t Disk::take_number() {
  if (free_numbers_.empty()) {
    return ++last_number_;
  }
  return free_numbers_.extract(free_numbers_.begin()).value();
}

// What was removed gives its room back when its removal is on the disk: when room is short, now.
bool Disk::take_room(std::uint64_t bytes, bool forced) {
  const std::uint64_t limit = kernel_.limits().disk_bytes;
  if (!forced && used_ + bytes > limit) {
    journal_.clear();
  }
  if (!forced && used_ + bytes > limit) {
    return false;
  }
  used_ += bytes;
  return true;
}

InodeRef Disk::make(mode_t mode) {
  if (!take_room(kInodeBytes, false)) {
    return {};
  }
  return new Inode(*this, mode);
}

void Disk::detach(const Half& half, const InodeRef& inode) noexcept {
  if (!inode) {
    return;
  }
  Inode& directory = *half.directory;
  directory.entries.erase(directory.entries.find(EntryKey(half.name)));
  const bool is_directory = inode->is(S_IFDIR);
  inode->links -= is_directory ? 2 : 1;
  directory.links -= is_directory ? 1 : 0;
  inode->named = false;
}

void Disk::attach(const Half& half, const InodeRef& inode) {
  if (!inode) {
    return;
  }
  Inode& directory = *half.directory;
  directory.entries.emplace(EntryName{EntryKey(half.name).hash, half.name}, inode);
  const bool is_directory = inode->is(S_IFDIR);
  inode->links += is_directory ? 2 : 1;
  directory.links += is_directory ? 1 : 0;
  inode->named = true;
  inode->parent = half.directory;
  inode->name = half.name;
}

void Disk::apply(Change change) {
  const Nanos at = now();
  change.at = uptime();
  for (const Half& half : change.halves) {
    detach(half, half.before);
    attach(half, half.after);
    half.directory->modified = half.directory->changed = at;
    for (const InodeRef& inode : {half.before, half.after}) {
      if (inode) {
        inode->changed = at;
      }
    }
  }
  while (!journal_.empty() && journal_.front().at + kNamesAfter <= change.at) {
    journal_.pop_front();
  }
  journal_.push_back(std::move(change));
}

void Disk::undo(const Change& change) {
  for (auto half = change.halves.rbegin(); half != change.halves.rend(); ++half) {
    detach(*half, half->after);
    attach(*half, half->before);
  }
  for (const Half& half : change.halves) {
    if (half.after) {
      released(*half.after);
    }
  }
}

void Disk::link(Inode& directory, std::string_view name, Inode& inode) {
  apply({.at = {}, .halves = {{&directory, std::string(name), directory.find(name), &inode}}});
}

void Disk::unlink(Inode& directory, std::string_view name) {
  apply({.at = {}, .halves = {{&directory, std::string(name), directory.find(name), {}}}});
}

void Disk::rename(Inode& from, std::string_view old_name, Inode& to, std::string_view new_name) {
  const InodeRef moved = from.find(old_name);
  apply({.at = {},
         .halves = {{&from, std::string(old_name), moved, {}},
                    {&to, std::string(new_name), to.find(new_name), moved}}});
}

// A change of two directories reaches the disk whole, and with it what happened in either before.
void Disk::sync_names(Inode& directory) {
  std::vector<const Inode*> synced{&directory};
  const auto is_synced = [&synced](const Half& half) {
    return std::find(synced.begin(), synced.end(), half.directory.get()) != synced.end();
  };
  std::vector<Change> dropped;  // inodes end with them: not while the journal is walked
  for (auto change = journal_.end(); change != journal_.begin();) {
    --change;
    if (std::any_of(change->halves.begin(), change->halves.end(), is_synced)) {
      for (const Half& half : change->halves) {
        synced.push_back(half.directory.get());
      }
      dropped.push_back(std::move(*change));
      change = journal_.erase(change);
    }
  }
}

// Of each directory a beginning of its changes survives: none, all, or some. One of two directories
// survives whole or not at all.
std::vector<Disk::Change> Disk::lost_changes() {
  struct Cut {
    const Inode* directory;
    std::size_t from;  // the first change that is lost
  };
  const Instant written_before = uptime() - kNamesAfter;
  std::vector<Cut> cuts;
  const auto cut_of = [&](const Half& half) -> Cut& {
    for (Cut& cut : cuts) {
      if (cut.directory == half.directory.get()) {
        return cut;
      }
    }
    const std::uint64_t choice = draw(3);
    const std::size_t all = journal_.size();
    return cuts.emplace_back(half.directory.get(), choice == 0 ? 0
                                                   : choice == 1
                                                       ? all
                                                       : static_cast<std::size_t>(draw(all + 1)));
  };
  std::vector<Change> lost;
  for (std::size_t i = 0; i != journal_.size(); ++i) {
    Change& change = journal_[i];
    const bool kept = change.at <= written_before ||
                      std::all_of(change.halves.begin(), change.halves.end(),
                                  [&](const Half& half) { return i < cut_of(half).from; });
    if (!kept) {
      for (const Half& half : change.halves) {
        cut_of(half).from = 0;
      }
      lost.push_back(std::move(change));
    }
  }
  return lost;
}

void Disk::crash() {
  std::vector<Change> lost = lost_changes();
  while (!lost.empty()) {
    undo(lost.back());
    lost.pop_back();
  }
  journal_.clear();
  drop_caches();
  const auto dirty = std::exchange(dirty_, {});
  for (const auto& [serial, inode] : dirty) {
    inode->content.crash();
  }
}

void Disk::released(Inode& inode) {
  if (inode.named || inode.opens != 0) {
    return;
  }
  const InodeRef kept = &inode;
  watched_inode_ended(inode);
  // Only a directory whose making was undone by a crash has entries here.
  for (auto& [name, child] : std::exchange(inode.entries, {})) {
    child->named = false;
    child->links = 0;
    released(*child);
  }
}

}  // namespace vigil::sim
