// From a request target to a path below the root.
#include "site/target.hpp"

#include <cstddef>

namespace vigil::site {
namespace {

// Longer paths and names than these cannot be opened on Linux (PATH_MAX, NAME_MAX).
constexpr std::size_t kMaxPath = 4095;
constexpr std::size_t kMaxName = 255;

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool unreserved(unsigned char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

// The path and query of a target; without a leading slash if it has none.
std::string_view without_authority(std::string_view text) noexcept {
  if (text.starts_with('/')) {
    return text;
  }
  const std::size_t scheme = text.find("://");
  if (scheme == std::string_view::npos || scheme > 5) {
    return {};
  }
  text.remove_prefix(scheme + 3);
  const std::size_t path = text.find_first_of("/?");
  return path == std::string_view::npos ? std::string_view("/") : text.substr(path);
}

// Takes the last segment away; false if there is none.
bool leave(std::string& path) {
  if (path.empty()) {
    return false;
  }
  const std::size_t slash = path.rfind('/');
  path.resize(slash == std::string::npos ? 0 : slash);
  return true;
}

// What is wrong with the segment that begins at `begin`, which is no dot segment.
TargetFault judge(std::string_view path, std::size_t begin) noexcept {
  const std::string_view name = path.substr(begin);
  const bool hidden = name.starts_with('.') && !(begin == 0 && name == ".well-known");
  return hidden || name.size() > kMaxName || path.size() > kMaxPath ? TargetFault::no_file
                                                                    : TargetFault::none;
}

// Appends the decoded segment to the path, behind a slash if there is a path already.
TargetFault append_segment(std::string& path, std::string_view raw) {
  TargetFault fault = TargetFault::none;
  if (!path.empty()) {
    path += '/';
  }
  for (std::size_t i = 0; i < raw.size(); ++i) {
    char c = raw[i];
    if (c == '%') {
      const int high = i + 2 < raw.size() ? hex_digit(raw[i + 1]) : -1;
      const int low = i + 2 < raw.size() ? hex_digit(raw[i + 2]) : -1;
      if (high < 0 || low < 0) {
        return TargetFault::malformed;
      }
      c = static_cast<char>(high * 16 + low);
      i += 2;
      // No name holds a slash, so there is no such file; taken as a separator it would be a second
      // reading of the same text. The rest is still read: a NUL or a bad escape outweighs it.
      if (c == '/') {
        fault = TargetFault::no_file;
      }
    }
    if (c == '\0') {
      return TargetFault::nul;
    }
    path += c;
  }
  return fault;
}

}  // namespace

void parse_target(std::string_view text, Target& into) {
  into.fault = TargetFault::none;
  into.directory = true;
  into.path.clear();
  into.query = {};
  if (text.find('#') != std::string_view::npos) {  // a fragment is never sent
    into.fault = TargetFault::malformed;
    return;
  }
  text = without_authority(text);
  const std::size_t question = text.find('?');
  if (question != std::string_view::npos) {
    into.query = text.substr(question + 1);
    text = text.substr(0, question);
  }
  if (question == 0 && text.empty()) {
    return;  // "http://host?query" names the root
  }
  if (!text.starts_with('/')) {
    into.fault = TargetFault::malformed;
    return;
  }
  TargetFault worst = TargetFault::none;
  while (!text.empty()) {
    text.remove_prefix(1);
    const std::string_view raw = text.substr(0, text.find('/'));
    text.remove_prefix(raw.size());
    const std::size_t before = into.path.size();
    TargetFault fault = append_segment(into.path, raw);
    const std::size_t begin = before == 0 ? 0 : before + 1;
    const std::string_view name = std::string_view(into.path).substr(begin);
    into.directory = true;
    if (fault == TargetFault::none) {
      if (name.empty() || name == ".") {
        into.path.resize(before);
      } else if (name == "..") {
        into.path.resize(before);
        fault = leave(into.path) ? TargetFault::none : TargetFault::above_root;
      } else {
        into.directory = false;
        fault = judge(into.path, begin);
      }
    }
    if (fault == TargetFault::no_file) {
      worst = fault;
    } else if (fault != TargetFault::none) {
      worst = fault;
      break;
    }
  }
  into.fault = worst;
  if (worst != TargetFault::none) {
    into.path.clear();
  }
}

void append_encoded(std::string& out, std::string_view bytes, bool keep_slashes) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (unreserved(byte) || (keep_slashes && c == '/')) {
      out += c;
    } else {
      out += '%';
      out += digits[byte >> 4U];
      out += digits[byte & 15U];
    }
  }
}

void append_directory_location(std::string& out, const Target& target) {
  const std::size_t slash = target.path.rfind('/');
  append_encoded(out,
                 std::string_view(target.path).substr(slash == std::string::npos ? 0 : slash + 1));
  out += '/';
  if (!target.query.empty()) {
    out += '?';
    // As it came, but nothing that could end the field or its URI.
    for (const char c : target.query) {
      if (c > 0x20 && c < 0x7f && c != '"' && c != '<' && c != '>' && c != '\\') {
        out += c;
      } else {
        append_encoded(out, std::string_view(&c, 1));
      }
    }
  }
}

}  // namespace vigil::site
