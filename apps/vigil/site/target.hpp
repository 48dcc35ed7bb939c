// From a request target to a path below the root. What comes out has been decoded exactly once, has
// no empty, ".", ".." or hidden segment and no NUL: opened beneath the root, it cannot name
// anything outside.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace vigil::site {

enum class TargetFault : std::uint8_t {
  none,
  malformed,   // no path at all, or a '%' without two hexadecimal digits: 400
  nul,         // a NUL in the path: 400
  above_root,  // ".." past the root: 400
  no_file,  // a name that no served file can have: hidden, with an encoded slash, or too long: 404
};

struct Target {
  TargetFault fault = TargetFault::none;
  bool directory = false;  // the path ended in a slash (or in "." or "..")
  std::string path;  // bytes, relative to the root, without a slash at either end; empty: the root
  std::string_view query;  // without '?', as it came; a view into what was parsed
};

// Reads origin-form ("/a/b?q") and absolute-form ("http://host/a/b?q") of RFC 9112 section 3.2.
// `into.path` keeps its memory between calls, so that nothing is allocated in the steady state.
void parse_target(std::string_view text, Target& into);

// Appends `bytes` percent-encoded so that they can stand in a path or href: all but unreserved
// characters (RFC 3986 section 2.3) and, if `keep_slashes`, '/'.
void append_encoded(std::string& out, std::string_view bytes, bool keep_slashes = false);

// The Location, relative to the request, that leads from a directory's name to the directory: its
// last segment, encoded, with a slash, and the query after it.
void append_directory_location(std::string& out, const Target& target);

}  // namespace vigil::site
