// HeadMemo: the last head that a server wrote. Servers say the same again and again, and copying it
// is cheaper than writing it.
#pragma once

#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "vigil/http/server.hpp"

namespace vigil::http {

// Whether both are the same, without a call where they are short, as in nearly all heads.
[[gnu::always_inline]] inline bool same_text(std::string_view a, std::string_view b) noexcept {
  const std::size_t size = a.size();
  if (size != b.size()) {
    return false;
  }
  if (size == 0 || size > 16) {
    return size == 0 || std::memcmp(a.data(), b.data(), size) == 0;
  }
  const auto differs = [&]<class Word>(Word) {
    const std::size_t last = size - sizeof(Word);
    Word of_a[2];
    Word of_b[2];
    std::memcpy(&of_a[0], a.data(), sizeof(Word));
    std::memcpy(&of_b[0], b.data(), sizeof(Word));
    std::memcpy(&of_a[1], a.data() + last, sizeof(Word));
    std::memcpy(&of_b[1], b.data() + last, sizeof(Word));
    return ((of_a[0] ^ of_b[0]) | (of_a[1] ^ of_b[1])) != 0;
  };
  if (size >= 8) {
    return !differs(std::uint64_t{});
  }
  return size >= 4 ? !differs(std::uint32_t{}) : std::memcmp(a.data(), b.data(), size) == 0;
}

class HeadMemo {
 public:
  // Whether write() may be asked with so much room.
  static bool fits(std::size_t room, const Exchange::Answer& answer) noexcept {
    return room >= kLargest + kTail + answer.own_lines.text().size();
  }

  // Writes the head of an answer with a body of `length` bytes to `room` and returns its size, if
  // the last one was the same but for its length and its own lines, in the same second. Else 0.
  [[gnu::always_inline]] std::size_t write(const Exchange::Answer& answer, std::uint64_t length,
                                           std::int64_t second, std::uint8_t flags,
                                           char* room) const noexcept {
    const bool same = second == second_ && answer.status == status_ && flags == flags_ &&
                      same_text(answer.lines.text(), {lines_.data(), lines_size_}) &&
                      same_text(answer.content_type, {type_.data(), type_size_}) &&
                      !answer.own_lines.framed();
    if (!same) [[unlikely]] {
      return 0;
    }
    std::size_t size = size_;
    if (length == length_) [[likely]] {
      std::memcpy(room, text_.data(), size_);
    } else {
      std::memcpy(room, text_.data(), to_length_);
      size = to_length_ + write_tail(room + to_length_, length);
    }
    const std::string_view own = answer.own_lines.text();
    return own.empty() ? size : write_own(room, size, own);
  }

  // `head` is the one without own lines: it ends with its Content-Length.
  void keep(const Exchange::Answer& answer, std::uint64_t length, std::int64_t second,
            std::uint8_t flags, std::string_view head) noexcept {
    const std::string_view lines = answer.lines.text();
    if (head.size() + kEnd.size() > text_.size() || answer.content_type.size() > type_.size() ||
        lines.size() > lines_.size()) {
      return;
    }
    second_ = second;
    length_ = length;
    status_ = answer.status;
    flags_ = flags;
    lines_size_ = static_cast<std::uint16_t>(lines.copy(lines_.data(), lines_.size()));
    type_size_ = static_cast<std::uint8_t>(answer.content_type.copy(type_.data(), type_.size()));
    const std::size_t copied = head.copy(text_.data(), text_.size());
    size_ = static_cast<std::uint16_t>(copied + kEnd.copy(text_.data() + copied, kEnd.size()));
    to_length_ = static_cast<std::uint16_t>(head.rfind(kName));
  }

 private:
  static constexpr std::string_view kName = "Content-Length: ";
  static constexpr std::string_view kEnd = "\r\n";  // of a head
  static constexpr std::size_t kLargest = 512;
  static constexpr std::size_t kTail = kName.size() + 20 + 4;

  [[gnu::noinline]] static std::size_t write_tail(char* at, std::uint64_t length) noexcept {
    std::memcpy(at, kName.data(), kName.size());
    char* end = std::to_chars(at + kName.size(), at + kTail, length).ptr;
    std::memcpy(end, "\r\n\r\n", 4);
    return static_cast<std::size_t>(end + 4 - at);
  }

  // Before the end of the head of `size` bytes; the new size.
  static std::size_t write_own(char* room, std::size_t size, std::string_view own) noexcept {
    char* at = room + size - kEnd.size();
    std::memcpy(at, own.data(), own.size());
    std::memcpy(at + own.size(), kEnd.data(), kEnd.size());
    return size + own.size();
  }

  std::int64_t second_ = 0;
  std::uint64_t length_ = 0;
  unsigned status_ = 0;  // none: nothing is kept
  std::uint8_t flags_ = 0;
  std::uint8_t type_size_ = 0;
  std::uint16_t lines_size_ = 0;
  std::uint16_t size_ = 0;
  std::uint16_t to_length_ = 0;  // bytes before the Content-Length
  std::array<char, 64> type_{};
  std::array<char, 320> lines_{};
  std::array<char, kLargest> text_{};
};

}  // namespace vigil::http
