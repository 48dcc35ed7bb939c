// Keys and values in memory, some with a time to live. Each expiry is a timer of the loop: exact to
// about a millisecond, and nothing sweeps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "vigil/loop/loop.hpp"

namespace resp {

// Keyed by a secret, so that nobody can choose keys that collide.
struct Hash {
  using is_transparent = void;
  std::uint64_t seed = 0;

  std::size_t operator()(std::string_view key) const noexcept {
    const char* at = key.data();
    const std::size_t size = key.size();
    std::uint64_t state = seed ^ size;
    if (size < 8) {
      std::uint64_t last = 0;
      for (std::size_t i = 0; i < size; ++i) {
        last = last << 8 | static_cast<unsigned char>(at[i]);
      }
      return static_cast<std::size_t>(mix(state ^ last));
    }
    for (std::size_t done = 0; done + 8 < size; done += 8) {
      state = mix(state ^ word(at + done));
    }
    return static_cast<std::size_t>(
        mix(state ^ word(at + size - 8)));  // may overlap the one before
  }

 private:
  static std::uint64_t word(const char* at) noexcept {
    std::uint64_t value = 0;
    std::memcpy(&value, at, sizeof value);
    return value;
  }
  // 64 by 64 bits, both halves of the product.
  static std::uint64_t mix(std::uint64_t value) noexcept {
    __extension__ using Wide = unsigned __int128;
    const Wide product = Wide{value ^ 0x9e3779b97f4a7c15} * 0xe7037ed1a0b428db;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  }
};

// Used on its loop's thread, and gone before the loop is.
class Store {
 public:
  Store(std::uint64_t seed, std::size_t memory) : memory_(memory), keys_(16, Hash{seed}) {}
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // Null if there is none. Valid until the key is written, erased, or the loop turns.
  const std::string* get(std::string_view key) {
    const auto found = find(key);
    return found == keys_.end() ? nullptr : &found->second.value;
  }

  // False: it would need more memory than is allowed. The old value's time to live is gone.
  bool set(std::string_view key, std::string_view value) {
    auto found = keys_.find(key);
    if (found == keys_.end()) {
      if (used_ + cost(key, value) > memory_) {
        return false;
      }
      used_ += cost(key, value);
      keys_.emplace(std::string(key), Entry{std::string(value), nullptr});
      return true;
    }
    if (!replace(found->second, value)) {
      return false;
    }
    found->second.expiry.reset();
    return true;
  }

  // The same, but keeps the time to live.
  bool update(std::string_view key, std::string_view value) {
    const auto found = find(key);
    return found == keys_.end() ? set(key, value) : replace(found->second, value);
  }

  bool erase(std::string_view key) {
    const auto found = find(key);
    if (found == keys_.end()) {
      return false;
    }
    remove(found);
    return true;
  }

  // False: there is no such key. A span that is not positive erases it.
  bool expire(std::string_view key, vigil::Nanos span) {
    const auto found = find(key);
    if (found == keys_.end()) {
      return false;
    }
    if (span <= vigil::Nanos::zero()) {
      remove(found);
      return true;
    }
    auto& expiry = found->second.expiry;
    if (expiry == nullptr) {
      expiry = std::make_unique<Expiry>(*this, found->first);
    }
    vigil::Loop& loop = *vigil::Loop::current();
    loop.timers().arm(*expiry, vigil::after(loop.now(), span));
    return true;
  }

  // Nothing: no such key. kForever: it does not expire.
  std::optional<vigil::Nanos> time_to_live(std::string_view key) {
    const auto found = find(key);
    if (found == keys_.end()) {
      return std::nullopt;
    }
    const auto& expiry = found->second.expiry;
    return expiry == nullptr ? vigil::kForever
                             : vigil::until(expiry->deadline, vigil::Loop::current()->now());
  }

  std::size_t size() const noexcept { return keys_.size(); }
  std::size_t used() const noexcept { return used_; }
  void clear() {
    keys_.clear();
    used_ = 0;
  }

 private:
  struct Expiry : vigil::Timer {
    Expiry(Store& of, const std::string& name) noexcept : store(of), key(name) {
      fire = [](vigil::Timer& timer) noexcept {
        auto& expiry = static_cast<Expiry&>(timer);
        expiry.store.remove(expiry.store.keys_.find(expiry.key));
      };
    }
    ~Expiry() { vigil::Loop::current()->timers().stop(*this); }
    Expiry(const Expiry&) = delete;
    Expiry& operator=(const Expiry&) = delete;
    Store& store;
    const std::string& key;  // the map's own
  };
  struct Entry {
    std::string value;
    std::unique_ptr<Expiry> expiry;
  };
  using Keys = std::unordered_map<std::string, Entry, Hash, std::equal_to<>>;

  static constexpr std::size_t kOverhead = 112;  // of a node, its link and its allocation

  static std::size_t cost(std::string_view key, std::string_view value) noexcept {
    return key.size() + value.size() + kOverhead;
  }

  // A timer fires at the end of its turn; until then the key is looked at here.
  Keys::iterator find(std::string_view key) {
    const auto found = keys_.find(key);
    if (found != keys_.end() && found->second.expiry != nullptr &&
        found->second.expiry->deadline <= vigil::Loop::current()->now()) {
      remove(found);
      return keys_.end();
    }
    return found;
  }

  bool replace(Entry& entry, std::string_view value) {
    if (value.size() > entry.value.size() && used_ + value.size() - entry.value.size() > memory_) {
      return false;
    }
    used_ += value.size() - entry.value.size();
    entry.value.assign(value);
    return true;
  }

  void remove(Keys::iterator at) {
    used_ -= cost(at->first, at->second.value);
    keys_.erase(at);
  }

  const std::size_t memory_;
  std::size_t used_ = 0;
  Keys keys_;
};

}  // namespace resp
