// RESP2 (redis.io/docs/reference/protocol-spec) without I/O: commands are read in place, replies
// are written behind each other into one buffer.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace resp {

struct Limits {
  std::size_t words = 1024;         // of one command
  std::size_t value = 1u << 20;     // bytes of one word
  std::size_t command = 2u << 20;   // bytes of all of a command
  std::size_t memory = 256u << 20;  // bytes of all keys and values
};

enum class Parsed : std::uint8_t { command, incomplete, malformed };

// Finds one command after the other. Allocates only when a command has more words than any before.
class Parser {
 public:
  explicit Parser(const Limits& limits) noexcept : limits_(limits) {}

  // Takes the next command off the front of `input`; its words() are views of it. An empty line is
  // a command of no words. Malformed: error() says how, and nothing behind it can be understood.
  Parsed next(std::string_view& input) {
    words_.clear();
    at_ = input.data();
    end_ = at_ + input.size();
    const Parsed parsed = *at_ == '*' ? array() : line();
    if (parsed == Parsed::command) [[likely]] {
      input.remove_prefix(static_cast<std::size_t>(at_ - input.data()));
    } else if (parsed == Parsed::incomplete) {
      wanted_ = std::max(wanted_, input.size() + 1);
      if (wanted_ > limits_.command) {
        return malformed("too big command");
      }
    }
    return parsed;
  }

  std::span<const std::string_view> words() const noexcept { return words_; }
  std::string_view error() const noexcept { return error_; }
  // How many bytes the input of an incomplete command must have before it is worth another look.
  std::size_t wanted() const noexcept { return wanted_; }

 private:
  Parsed array() {
    wanted_ = 0;
    const char* at = at_;
    std::int64_t count = 0;
    if (const Parsed read = number(at, count); read != Parsed::command) [[unlikely]] {
      return read == Parsed::malformed ? malformed("invalid multibulk length") : read;
    }
    if (count > static_cast<std::int64_t>(limits_.words)) [[unlikely]] {
      return malformed("invalid multibulk length");
    }
    for (; count > 0; --count) {
      if (at == end_) [[unlikely]] {
        return Parsed::incomplete;
      }
      if (*at != '$') [[unlikely]] {
        return malformed("expected '$'");
      }
      std::int64_t size = 0;
      if (const Parsed read = number(at, size); read != Parsed::command) [[unlikely]] {
        return read == Parsed::malformed ? malformed("invalid bulk length") : read;
      }
      if (size < 0 || size > static_cast<std::int64_t>(limits_.value)) [[unlikely]] {
        return malformed("invalid bulk length");
      }
      if (end_ - at < size + 2) [[unlikely]] {
        wanted_ = static_cast<std::size_t>(at - at_ + size + 2);
        return Parsed::incomplete;
      }
      words_.emplace_back(at, static_cast<std::size_t>(size));
      at += size + 2;
      if (at[-2] != '\r' || at[-1] != '\n') [[unlikely]] {
        return malformed("expected the end of a line after a bulk");
      }
    }
    at_ = at;
    return Parsed::command;
  }

  // "*2\r\n" or "$64\r\n", from its first byte, and on to what follows.
  [[gnu::always_inline]] Parsed number(const char*& at, std::int64_t& value) const {
    if (end_ - at >= 5) [[likely]] {
      const unsigned first = static_cast<unsigned>(at[1]) - '0';
      const unsigned second = static_cast<unsigned>(at[2]) - '0';
      if (first <= 9 && at[2] == '\r' && at[3] == '\n') {
        value = first;
        at += 4;
        return Parsed::command;
      }
      if (first <= 9 && second <= 9 && at[3] == '\r' && at[4] == '\n') {
        value = first * 10 + second;
        at += 5;
        return Parsed::command;
      }
    }
    return any_number(at, value);
  }

  [[gnu::noinline]] Parsed any_number(const char*& from, std::int64_t& value) const {
    const char* at = from + 1;
    const bool negative = at != end_ && *at == '-';
    at += negative ? 1 : 0;
    const char* digits = at;
    std::int64_t read = 0;
    while (at != end_ && *at >= '0' && *at <= '9') {
      read = read * 10 + (*at++ - '0');
      if (at - digits > 10) {
        return Parsed::malformed;
      }
    }
    if (at == end_ || (*at == '\r' && at + 1 == end_)) {
      return Parsed::incomplete;
    }
    if (at == digits || at[0] != '\r' || at[1] != '\n') {
      return Parsed::malformed;
    }
    value = negative ? -read : read;
    from = at + 2;
    return Parsed::command;
  }

  // What a person types: words between spaces, to the end of the line.
  Parsed line() {
    wanted_ = 0;
    const auto size = static_cast<std::size_t>(end_ - at_);
    const auto* newline = static_cast<const char*>(std::memchr(at_, '\n', size));
    if (newline == nullptr) {
      return size > kLongestLine ? malformed("too big inline request") : Parsed::incomplete;
    }
    std::string_view rest(at_, static_cast<std::size_t>(newline - at_));
    at_ = newline + 1;
    while (!rest.empty()) {
      const std::size_t begin = rest.find_first_not_of(" \t\r");
      if (begin == std::string_view::npos) {
        break;
      }
      const std::size_t end = std::min(rest.find_first_of(" \t\r", begin), rest.size());
      words_.push_back(rest.substr(begin, end - begin));
      rest.remove_prefix(end);
      if (words_.size() > limits_.words) {
        return malformed("too big inline request");
      }
    }
    return Parsed::command;
  }

  Parsed malformed(std::string_view why) noexcept {
    error_ = why;
    return Parsed::malformed;
  }

  static constexpr std::size_t kLongestLine = 64 * 1024;

  const Limits limits_;
  const char* at_ = nullptr;
  const char* end_ = nullptr;
  std::size_t wanted_ = 0;
  std::vector<std::string_view> words_;
  std::string_view error_;
};

// Replies, one behind the other.
class Replies {
 public:
  std::string_view text() const noexcept { return {bytes_.get(), size_}; }
  bool empty() const noexcept { return size_ == 0; }
  std::size_t size() const noexcept { return size_; }
  std::size_t capacity() const noexcept { return capacity_; }
  void clear() noexcept { size_ = 0; }

  // As it stands in the protocol: "+OK\r\n".
  void raw(std::string_view text) { put(room(text.size()), text); }
  void integer(std::int64_t value) { number(':', value); }
  void array(std::int64_t count) { number('*', count); }
  void null() { raw("$-1\r\n"); }
  void bulk(std::string_view value) {
    char* at = head(room(value.size() + kNumber + 2), '$', static_cast<std::int64_t>(value.size()));
    std::memcpy(at, value.data(), value.size());
    at += value.size();
    *at++ = '\r';
    *at++ = '\n';
    size_ = static_cast<std::size_t>(at - bytes_.get());
  }
  // `said` comes from the client: control bytes would be another reply.
  void error(std::string_view text, std::string_view said = {}, std::string_view rest = {}) {
    raw("-ERR ");
    raw(text);
    for (const char c : said.substr(0, 64)) {
      raw(c >= ' ' && c <= '~' ? std::string_view(&c, 1) : "?");
    }
    raw(rest);
    raw("\r\n");
  }

 private:
  static constexpr std::size_t kNumber = 24;

  char* room(std::size_t more) {
    if (capacity_ - size_ < more) [[unlikely]] {
      const std::size_t grown = std::max(2 * capacity_, size_ + more + 4096);
      auto bytes = std::make_unique_for_overwrite<char[]>(grown);
      if (size_ != 0) {
        std::memcpy(bytes.get(), bytes_.get(), size_);
      }
      bytes_ = std::move(bytes);
      capacity_ = grown;
    }
    return bytes_.get() + size_;
  }
  void put(char* at, std::string_view text) {
    std::copy(text.begin(), text.end(), at);  // memcpy takes no null, not even for nothing
    size_ += text.size();
  }
  static char* head(char* at, char kind, std::int64_t value) {
    *at++ = kind;
    if (value >= 0 && value < 10) {
      *at++ = static_cast<char>('0' + value);
    } else {
      at = std::to_chars(at, at + 21, value).ptr;
    }
    *at++ = '\r';
    *at++ = '\n';
    return at;
  }
  void number(char kind, std::int64_t value) {
    const char* end = head(room(kNumber), kind, value);
    size_ = static_cast<std::size_t>(end - bytes_.get());
  }

  std::unique_ptr<char[]> bytes_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

// A few warm buffers for all connections: one holds a buffer only while its replies are on the way.
class ReplyPool {
 public:
  struct GiveBack {
    ReplyPool* pool;
    void operator()(Replies* replies) const noexcept { pool->give(replies); }
  };
  using Lent = std::unique_ptr<Replies, GiveBack>;

  Lent take() {
    if (free_.empty()) {
      free_.reserve(++made_);
      return Lent(new Replies, GiveBack{this});
    }
    Replies* replies = free_.back().release();
    free_.pop_back();
    return Lent(replies, GiveBack{this});
  }

 private:
  static constexpr std::size_t kMostKept = 64;
  static constexpr std::size_t kLargestKept = 128 * 1024;

  void give(Replies* replies) noexcept {
    std::unique_ptr<Replies> back(replies);
    if (free_.size() < kMostKept && back->capacity() <= kLargestKept) {
      back->clear();
      free_.push_back(std::move(back));  // there is room: see take()
    } else {
      --made_;
    }
  }

  std::vector<std::unique_ptr<Replies>> free_;
  std::size_t made_ = 0;
};

}  // namespace resp
