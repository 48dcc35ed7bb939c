// Entry: what a target of the site leads to, as it was when it was looked at. Kept in the cache,
// and by whoever is sending from it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "site/answer.hpp"
#include "vigil/base/time.hpp"
#include "vigil/fs/file.hpp"
#include "vigil/http/writer.hpp"

namespace vigil::app {

// A file or one of its precompressed siblings: in memory if it is small, else open.
struct Held {
  std::unique_ptr<std::byte[]> body;
  fs::File file;
  Residency residency;  // of the file
};

// The head of the answer to a request that asks for nothing but the target, checked once.
struct Prepared {
  std::string text;
  http::FieldLines lines;
  bool made = false;
};

// How long an entry can be believed: while nothing happened to its directory, or for a time.
struct Freshness {
  const std::uint64_t* changes = nullptr;  // of its directory; null: they are not reported
  std::uint64_t seen = 0;
  std::uint64_t epoch = 0;
  Instant until{};
};

class Entry {
 public:
  std::string key;
  site::Resource resource;
  std::string name;                  // what resource.name views
  std::array<Held, 4> held;          // by Coding
  std::array<Prepared, 4> prepared;  // likewise
  Freshness fresh;

  // What it weighs in the cache.
  std::size_t memory = 0;
  std::size_t open_files = 0;

 private:
  friend class EntryRef;
  friend class FileCache;
  std::uint32_t references_ = 0;
  Entry* newer_ = nullptr;
  Entry* older_ = nullptr;
};

// A share in an Entry; one thread's.
class EntryRef {
 public:
  EntryRef() noexcept = default;
  explicit EntryRef(Entry* entry) noexcept : entry_(entry) { take(); }
  EntryRef(const EntryRef& other) noexcept : entry_(other.entry_) { take(); }
  EntryRef(EntryRef&& other) noexcept : entry_(std::exchange(other.entry_, nullptr)) {}
  EntryRef& operator=(EntryRef other) noexcept {
    std::swap(entry_, other.entry_);
    return *this;
  }
  ~EntryRef() {
    if (entry_ != nullptr && --entry_->references_ == 0) {
      delete entry_;
    }
  }
  explicit operator bool() const noexcept { return entry_ != nullptr; }
  Entry& operator*() const noexcept { return *entry_; }
  Entry* operator->() const noexcept { return entry_; }
  Entry* get() const noexcept { return entry_; }

 private:
  void take() noexcept {
    if (entry_ != nullptr) {
      ++entry_->references_;
    }
  }
  Entry* entry_ = nullptr;
};

}  // namespace vigil::app
