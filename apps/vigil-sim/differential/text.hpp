// fill(): a sentence with its blanks filled in.
#pragma once

#include <concepts>
#include <cstdio>
#include <initializer_list>
#include <string>
#include <string_view>

namespace vigil::differential {

class Piece {
 public:
  template <std::integral N>
  Piece(N number) : text_(std::to_string(number)) {}   // NOLINT(google-explicit-constructor)
  Piece(std::string_view text) : text_(text) {}        // NOLINT(google-explicit-constructor)
  Piece(const char* text) : text_(text) {}             // NOLINT(google-explicit-constructor)
  Piece(std::string text) : text_(std::move(text)) {}  // NOLINT(google-explicit-constructor)
  const std::string& text() const noexcept { return text_; }

 private:
  std::string text_;
};

// Each "{}" is the next piece.
inline std::string fill(std::string_view format, std::initializer_list<Piece> pieces) {
  std::string text;
  auto piece = pieces.begin();
  while (!format.empty()) {
    const std::size_t blank = piece == pieces.end() ? format.npos : format.find("{}");
    text += format.substr(0, blank);
    if (blank == format.npos) {
      break;
    }
    text += piece++->text();
    format.remove_prefix(blank + 2);
  }
  return text;
}

inline std::string hex(unsigned long long value) {
  char text[24];
  std::snprintf(text, sizeof text, "%#llx", value);
  return text;
}

inline std::string one_decimal(double value) {
  char text[64];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

}  // namespace vigil::differential
