// The word that was meant.
#include "cli/nearest.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

namespace vigil::cli {
namespace {

// Insertions, deletions, replacements and swaps of neighbours that turn one word into the other.
std::size_t distance(std::string_view a, std::string_view b) {
  const std::size_t width = b.size() + 1;
  std::vector<std::size_t> before(width);
  std::vector<std::size_t> above(width);
  std::vector<std::size_t> row(width);
  std::iota(above.begin(), above.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j < width; ++j) {
      const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    std::swap(before, above);
    std::swap(above, row);
  }
  return above[b.size()];
}

}  // namespace

std::string_view nearest(std::span<const std::string_view> names, std::string_view word) {
  std::string_view best;
  std::size_t least = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (const std::string_view name : names) {
    std::size_t off = distance(word, name);
    if (off > 1 && word.size() >= 3 && name.starts_with(word)) {
      off = 1;
    }
    if (off < least) {
      least = off;
      best = name;
    }
  }
  return best;
}

std::string shown(std::string_view word) {
  if (word.empty()) {
    return "''";
  }
  std::string text;
  for (const char c : word.substr(0, 60)) {
    text += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  }
  return text + (word.size() > 60 ? "..." : "");
}

}  // namespace vigil::cli
