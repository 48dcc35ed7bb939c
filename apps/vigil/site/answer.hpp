// The choice of an answer: what was asked and what was found go in, status, fields and a plan for
// the body come out. Pure; an Answer that is used again keeps its memory, so that nothing is
// allocated in the steady state.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "site/coding.hpp"
#include "site/conditional.hpp"
#include "site/ranges.hpp"
#include "site/target.hpp"
#include "vigil/http/message.hpp"

namespace vigil::site {

// What an answer depends on of a request.
struct Ask {
  http::Method method = http::Method::get;
  Target target;
  std::optional<std::string_view> accept;
  std::optional<std::string_view> accept_encoding;
  std::optional<std::string_view> range;
  Preconditions conditions;

  // Whether nothing but the target (and, with siblings, Accept-Encoding) matters: a GET or HEAD
  // whose answer can be the same as for the last such request.
  bool plain() const noexcept;
};

// Reads the request. The views point into `head` and `joined`, where list fields that came in
// several lines are put together; both must outlive `into`.
void read_ask(const http::RequestHead& head, Ask& into, std::string& joined);

// What was found at the target's path.
enum class Found : std::uint8_t {
  file,          // the file itself, or the index file of a directory that was named with its slash
  directory,     // without an index file, or named without its slash
  missing,       // also what must not be seen, and a file that was named with a slash
  denied,        // this process may not read it
  no_resources,  // too many open files, no memory
  broken,        // the device failed
};
struct Resource {
  Found found = Found::missing;
  // Of a file. Of what is missing: 404.html in the first place, if there is one.
  Variants variants;
  std::string_view name;  // of the file that is sent, for its type: "docs/index.html"
};
// What an error of opening or looking means for the client.
Found found_by(std::error_code error) noexcept;

struct Circumstances {
  std::int64_t now = 0;  // seconds since 1970
  bool listing = false;  // directories are shown
  std::string_view request_id;
  std::string_view boundary;  // for several ranges: 32 random hexadecimal digits
};

enum class BodyPlan : std::uint8_t {
  none,
  text,     // Answer::text
  file,     // of Answer::coding, the whole or ranges.items[0]
  parts,    // of the file each of `ranges`, with the heads of `multipart()` around them
  listing,  // the page of the directory, which the caller makes and puts into Answer::text
};

struct Answer {
  int status = 0;
  BodyPlan body = BodyPlan::none;
  Coding coding = Coding::identity;
  bool head_only = false;  // HEAD: the fields of the body, without it
  std::uint64_t length =
      0;            // Content-Length; meaningless for none and for a listing that is not yet made
  RangeSet ranges;  // none: the whole file
  std::uint64_t file_size = 0;
  std::string fields;  // whole lines, without Date, Content-Length, Connection and X-Request-Id
  std::string text;
  std::string_view type;  // Content-Type of the file
  std::string_view boundary;

  Multipart multipart() const noexcept { return {boundary, type, file_size}; }
  void clear() noexcept;
};

// The answer to `ask`. `into` is cleared first.
void decide(const Ask& ask, const Resource& resource, const Circumstances& now, Answer& into);

// Whether the answer needs no look at the file system: another method, or a target that names no
// file.
bool decided_without_file(const Ask& ask) noexcept;

// An error with `why`, one sentence, as page or text by what the client accepts; also for what the
// HTTP driver refuses.
void answer_error(int status, std::string_view why, const Ask& ask, const Circumstances& now,
                  Answer& into);

}  // namespace vigil::site
