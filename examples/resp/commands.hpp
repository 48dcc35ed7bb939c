// What each command does to the store, and what it answers.
#pragma once

#include <charconv>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "protocol.hpp"
#include "store.hpp"

namespace resp {

// A name of at most eight letters as one number, whatever their case; 0 if it is longer.
constexpr std::uint64_t name(std::string_view text) noexcept {
  std::uint64_t packed = 0;
  if (text.size() <= 8) {
    for (const char c : text) {
      packed = packed << 8 | (static_cast<unsigned char>(c) | 0x20u);
    }
  }
  return packed;
}

inline std::optional<std::int64_t> integer(std::string_view text) noexcept {
  std::int64_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  return read.ec == std::errc{} && read.ptr == text.data() + text.size() ? std::optional(value)
                                                                         : std::nullopt;
}

class Commands {
 public:
  using Words = std::span<const std::string_view>;

  explicit Commands(Store& store) noexcept : store_(store) {}

  // Answers one command. False: the connection is to be closed after its reply (QUIT).
  bool run(Words words, Replies& to) {
    const std::size_t count = words.size();
    switch (name(words[0])) {
      case name("get"):
        return count == 2 ? get(words[1], to) : arity(words, to);
      case name("set"):
        return count >= 3 ? set(words, to) : arity(words, to);
      case name("incr"):
        return count == 2 ? incr(words[1], to) : arity(words, to);
      case name("del"):
        return count >= 2 ? each(words, to, &Store::erase) : arity(words, to);
      case name("exists"):
        return count >= 2 ? exists(words, to) : arity(words, to);
      case name("expire"):
        return count == 3 ? expire(words, to) : arity(words, to);
      case name("ttl"):
        return count == 2 ? ttl(words[1], to) : arity(words, to);
      case name("ping"):
        return count == 1   ? say(to, "+PONG\r\n")
               : count == 2 ? echo(words[1], to)
                            : arity(words, to);
      case name("echo"):
        return count == 2 ? echo(words[1], to) : arity(words, to);
      case name("dbsize"):
        to.integer(static_cast<std::int64_t>(store_.size()));
        return true;
      case name("flushall"):
        store_.clear();
        return say(to, "+OK\r\n");
      case name("command"):  // redis-cli asks what there is, to complete what is typed
        return say(to, "*0\r\n");
      case name("config"):
        return count == 3 && name(words[1]) == name("get") ? config(words[2], to)
                                                           : arity(words, to);
      case name("quit"):
        say(to, "+OK\r\n");
        return false;
      default:
        to.error("unknown command '", words[0], "'");
        return true;
    }
  }

 private:
  static constexpr std::string_view kNoMemory =
      "-OOM command not allowed when used memory > 'maxmemory'.\r\n";

  static bool say(Replies& to, std::string_view text) {
    to.raw(text);
    return true;
  }
  static bool arity(Words words, Replies& to) {
    to.error("wrong number of arguments for '", words[0], "' command");
    return true;
  }
  static bool echo(std::string_view text, Replies& to) {
    to.bulk(text);
    return true;
  }
  static bool refuse(Replies& to, std::string_view why) {
    to.error(why);
    return true;
  }

  bool get(std::string_view key, Replies& to) {
    if (const std::string* value = store_.get(key)) {
      to.bulk(*value);
    } else {
      to.null();
    }
    return true;
  }

  // SET key value [NX | XX] [EX seconds | PX milliseconds]
  bool set(Words words, Replies& to) {
    vigil::Nanos span = vigil::kForever;
    std::optional<bool> must_exist;
    for (std::size_t i = 3; i < words.size(); ++i) {
      const std::uint64_t option = name(words[i]);
      if (option == name("nx") || option == name("xx")) {
        must_exist = option == name("xx");
      } else if ((option == name("ex") || option == name("px")) && i + 1 < words.size()) {
        const auto count = integer(words[++i]);
        if (!count || *count <= 0 || *count > kLongest) {
          return refuse(to, "invalid expire time in 'set' command");
        }
        span = option == name("ex") ? vigil::Nanos(std::chrono::seconds(*count))
                                    : vigil::Nanos(std::chrono::milliseconds(*count));
      } else {
        return refuse(to, "syntax error");
      }
    }
    if (must_exist && (store_.get(words[1]) != nullptr) != *must_exist) {
      to.null();
      return true;
    }
    if (!store_.set(words[1], words[2])) {
      return say(to, kNoMemory);
    }
    if (span != vigil::kForever) {
      store_.expire(words[1], span);
    }
    return say(to, "+OK\r\n");
  }

  bool incr(std::string_view key, Replies& to) {
    const std::string* old = store_.get(key);
    const auto value = old != nullptr ? integer(*old) : std::optional<std::int64_t>(0);
    if (!value) {
      return refuse(to, "value is not an integer or out of range");
    }
    if (*value == INT64_MAX) {
      return refuse(to, "increment or decrement would overflow");
    }
    char digits[24];
    const char* end = std::to_chars(digits, digits + sizeof digits, *value + 1).ptr;
    if (!store_.update(key, {digits, static_cast<std::size_t>(end - digits)})) {
      return say(to, kNoMemory);
    }
    to.integer(*value + 1);
    return true;
  }

  bool each(Words words, Replies& to, bool (Store::*what)(std::string_view)) {
    std::int64_t done = 0;
    for (const std::string_view key : words.subspan(1)) {
      done += (store_.*what)(key) ? 1 : 0;
    }
    to.integer(done);
    return true;
  }
  bool exists(Words words, Replies& to) {
    std::int64_t found = 0;
    for (const std::string_view key : words.subspan(1)) {
      found += store_.get(key) != nullptr ? 1 : 0;
    }
    to.integer(found);
    return true;
  }

  bool expire(Words words, Replies& to) {
    const auto seconds = integer(words[2]);
    if (!seconds) {
      return refuse(to, "value is not an integer or out of range");
    }
    if (*seconds > kLongest) {
      return refuse(to, "invalid expire time in 'expire' command");
    }
    const auto span = *seconds > 0 ? std::chrono::seconds(*seconds) : std::chrono::seconds(0);
    to.integer(store_.expire(words[1], span) ? 1 : 0);
    return true;
  }

  // -2: no such key; -1: it does not expire.
  bool ttl(std::string_view key, Replies& to) {
    const auto left = store_.time_to_live(key);
    to.integer(!left                      ? -2
               : *left == vigil::kForever ? -1
                                          : std::chrono::ceil<std::chrono::seconds>(*left).count());
    return true;
  }

  // redis-benchmark asks for two settings; there is nothing to configure.
  static bool config(std::string_view setting, Replies& to) {
    to.array(2);
    to.bulk(setting);
    to.bulk(setting == "appendonly" ? "no" : "");
    return true;
  }

  static constexpr std::int64_t kLongest = 9'000'000'000;  // seconds: 285 years of nanoseconds

  Store& store_;
};

}  // namespace resp
