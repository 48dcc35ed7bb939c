// The request line (RFC 9112 section 3), and what a whole request head means.
#include <algorithm>
#include <cstring>

#include "http/field_parser.hpp"
#include "http/framing.hpp"
#include "http/start_line.hpp"
#include "vigil/http/fields.hpp"
#include "vigil/http/parser.hpp"

namespace vigil::http {
namespace {

using namespace detail;

constexpr std::size_t kAfterTarget = std::string_view(" HTTP/1.1\r\n").size();

Method find_method(std::string_view text) noexcept {
  for (auto method = Method::get; method <= Method::patch;
       method = static_cast<Method>(static_cast<unsigned>(method) + 1)) {
    if (name_of(method) == text) {
      return method;
    }
  }
  return Method::other;
}

// The size of the authority of an absolute-form target; nothing if it is not an http URI (RFC 9110
// section 4.2).
std::optional<std::size_t> absolute_authority(std::string_view target) noexcept {
  const std::size_t colon = target.find(':');
  if (colon == std::string_view::npos || !target.substr(colon).starts_with("://")) {
    return std::nullopt;
  }
  const std::string_view scheme = target.substr(0, colon);
  if (!equal_ignoring_case(scheme, "http") && !equal_ignoring_case(scheme, "https")) {
    return std::nullopt;
  }
  const std::string_view rest = target.substr(colon + 3);
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?"));
  if (authority.empty() || authority.starts_with(':') || !is_authority(authority)) {
    return std::nullopt;
  }
  return authority.size();
}

}  // namespace

// Which of the four forms the target has, and whether the method may have it (RFC 9112
// section 3.2).
[[gnu::noinline]] Fault RequestParser::read_target(RequestHead& head) noexcept {
  const std::string_view target = head.target();
  if (head.method_ == Method::connect) {
    head.form_ = TargetForm::authority;
    const std::size_t colon = target.rfind(':');
    const bool whole = colon != std::string_view::npos && colon > 0 && colon + 1 < target.size();
    return whole && is_authority(target) ? Fault::none : Fault::target_not_for_method;
  }
  if (target == "*") {
    head.form_ = TargetForm::asterisk;
    return head.method_ == Method::options ? Fault::none : Fault::target_not_for_method;
  }
  head.form_ = TargetForm::absolute;
  const auto size = absolute_authority(target);
  head.authority_size_ = static_cast<std::uint16_t>(size.value_or(0));
  return size ? Fault::none : Fault::bad_target;
}

// All that the fields say when it is more than the usual: framing, connection, expectations.
[[gnu::noinline]] Fault RequestParser::read_meaning(RequestHead& head) noexcept {
  const Fields& fields = head.fields_;
  if (const Fault fault = read_framing(fields, head.version_, head.framing_);
      fault != Fault::none) {
    return fault;
  }
  ConnectionOptions options;
  if (const Fault fault = read_connection(fields, options); fault != Fault::none) {
    return fault;
  }
  const bool modern = head.version_ == Version::http_1_1;
  head.keep_alive_ = options.persists(head.version_);
  head.wants_upgrade_ = modern && options.upgrade && fields.has(KnownField::upgrade);
  if (modern && fields.has(KnownField::expect)) {
    // RFC 9110 section 10.1.1; one that is given twice is none that we know.
    if (fields.repeated(KnownField::expect) ||
        !equal_ignoring_case(*fields.find(KnownField::expect), "100-continue")) {
      return Fault::expectation_unknown;
    }
    head.expects_continue_ = true;
  }
  return Fault::none;
}

[[gnu::always_inline]] inline Progress RequestParser::finish(RequestHead& head) noexcept {
  constexpr std::uint64_t kUnusual =
      FieldParser::mask(KnownField::content_length, KnownField::transfer_encoding,
                        KnownField::connection, KnownField::expect);
  const Fields& fields = head.fields_;
  if (const auto host = fields.find(KnownField::host)) {
    if (fields.repeated(KnownField::host)) {
      return refuse(Fault::host_repeated);
    }
    if (!is_simple_host(*host, head.base_ + head.size_) && !is_authority(*host)) {
      return refuse(Fault::host_invalid);
    }
  } else if (head.version_ == Version::http_1_1) {
    return refuse(Fault::host_missing);
  }
  head.framing_ = {};
  head.keep_alive_ = head.version_ == Version::http_1_1;
  head.expects_continue_ = false;
  head.wants_upgrade_ = false;
  if (FieldParser::any_of(fields, kUnusual)) {
    if (const Fault fault = read_meaning(head); fault != Fault::none) {
      return refuse(fault);
    }
  }
  place_ = {};
  return Progress::complete;
}

Progress RequestParser::refuse(Fault fault) noexcept {
  place_.fault = fault;
  return Progress::refused;
}

// The request line from place_ on. Returns the byte behind it; or null, with place_ saying why or
// where to go on.
[[gnu::always_inline]] inline const char* RequestParser::parse_line(RequestHead& head,
                                                                    const char* base,
                                                                    const char* end) noexcept {
  const char* p = base + place_.at;
  const auto pause = [&](Stage stage) {
    place_.stage = stage;
    place_.at = static_cast<std::uint32_t>(p - base);
    return static_cast<const char*>(nullptr);
  };
  const auto fail = [&](Fault fault) {
    place_.fault = fault;
    return static_cast<const char*>(nullptr);
  };
  const char* method_at = p;
  switch (place_.stage) {
    case kStartLf:
      goto start_lf;
    case kMethod:
      method_at = base + (*base == '\r' ? 2 : 0);
      goto method;
    case kTarget:
      goto target;
    case kVersion:
      goto version;
    default:
      break;
  }
  if (end - p >= 4 && std::memcmp(p, "GET ", 4) == 0) [[likely]] {
    head.method_ = Method::get;
    head.method_size_ = 3;
    p += 4;
  } else {
    if (p == end) {
      return pause(kStart);
    }
    if (*p == '\r') {
    start_lf:
      if (end - p < 2) {
        return pause(kStartLf);
      }
      if (p[1] != '\n') {
        return fail(Fault::bare_cr);
      }
      p += 2;
      method_at = p;
    }
  method:
    if (!skip_to<TokenBytes, ' '>(base, p, end) || p == method_at) {
      return p == end ? pause(kMethod) : fail(fault_of_byte(*p, Fault::bad_method));
    }
    const std::string_view text(method_at, static_cast<std::size_t>(p - method_at));
    head.method_ = find_method(text);
    head.method_size_ = static_cast<std::uint16_t>(text.size());
    ++p;
  }
  head.target_at_ = static_cast<std::uint16_t>(p - base);
target:
  if (!skip_to<TargetBytes, ' '>(base, p, end)) [[unlikely]] {
    if (p == end) {
      return pause(kTarget);
    }
    return fail(*p == '\r' ? Fault::bad_version : fault_of_byte(*p, Fault::bad_target));
  }
  head.target_size_ = static_cast<std::uint16_t>(p - base - head.target_at_);
  if (head.target_size_ == 0) [[unlikely]] {
    return fail(Fault::bad_target);
  }
  ++p;
version:
  if (end - p >= 10 && std::memcmp(p, "HTTP/1.1\r\n", 10) == 0) [[likely]] {
    head.version_ = Version::http_1_1;
  } else {
    const VersionLine line = read_version({p, static_cast<std::size_t>(end - p)});
    if (line.fault != Fault::none) {
      return fail(line.fault);
    }
    if (!line.whole) {
      return pause(kVersion);
    }
    head.version_ = line.version;
  }
  return p + 10;
}

// Whether the lines of `head` stand at `lines` again, of which there are `size` bytes. They end
// with the empty line, so nothing that follows can change their meaning.
[[gnu::always_inline]] inline bool RequestParser::knows_lines(const RequestHead& head,
                                                              const char* lines,
                                                              std::size_t size) noexcept {
  return head.known_size_ != 0 && size >= head.known_size_ && head.version_ == Version::http_1_1 &&
         std::memcmp(lines, head.known_lines_, head.known_size_) == 0;
}

// Credentials are not kept for longer than their request; and nobody can learn by the time it takes
// whether somebody else sent the same.
[[gnu::always_inline]] inline void RequestParser::keep_lines(RequestHead& head, const char* lines,
                                                             std::size_t size) noexcept {
  constexpr std::uint64_t kSecret = FieldParser::mask(KnownField::authorization, KnownField::cookie,
                                                      KnownField::proxy_authorization);
  if (size <= head.known_room_ && head.version_ == Version::http_1_1 &&
      !FieldParser::any_of(head.fields_, kSecret)) {
    std::memcpy(head.known_lines_, lines, size);
    head.known_size_ = static_cast<std::uint32_t>(size);
  }
}

Progress RequestParser::parse(ByteView buffer, RequestHead& head,
                              const HeadLimits& limits) noexcept {
  if (place_.fault != Fault::none) [[unlikely]] {
    return Progress::refused;
  }
  const char* base = as_text(buffer).data();
  const std::size_t window = std::min<std::size_t>(buffer.size(), limits.head);
  const char* end = base + window;
  head.base_ = base;
  if (place_.stage < kLineStart) [[likely]] {
    const std::size_t line_limit = std::min(limits.request_line, limits.head);
    const std::size_t line_window = std::min(window, line_limit);
    const char* lines = parse_line(head, base, base + line_window);
    if (lines == nullptr) {
      if (place_.fault == Fault::none && line_window == line_limit) {
        place_.fault = Fault::request_line_too_long;
      }
      return place_.fault == Fault::none ? Progress::need_more : Progress::refused;
    }
    head.form_ = TargetForm::origin;
    if (base[head.target_at_] != '/' || head.method_ == Method::connect) {
      if (const Fault fault = read_target(head); fault != Fault::none) {
        return refuse(fault);
      }
    }
    if (knows_lines(head, lines, static_cast<std::size_t>(end - lines))) [[likely]] {
      FieldParser::rebase(head.fields_, lines);
      head.size_ = static_cast<std::uint32_t>(lines - base) + head.known_size_;
      place_ = {};
      return Progress::complete;
    }
    head.known_size_ = 0;
    FieldParser::begin(head.fields_);
    place_ = {.at = 0, .stage = kLineStart, .fault = Fault::none};
  }
  const char* lines = base + head.target_at_ + head.target_size_ + kAfterTarget;
  FieldParser::rebase(head.fields_, lines);
  const char* p = FieldParser::parse(place_, head.fields_, lines, lines + place_.at, end);
  if (p == nullptr) {
    if (place_.fault == Fault::none && window == limits.head) {
      place_.fault = Fault::head_too_large;
    }
    return place_.fault == Fault::none ? Progress::need_more : Progress::refused;
  }
  head.size_ = static_cast<std::uint32_t>(p - base);
  const Progress progress = finish(head);
  if (progress == Progress::complete) [[likely]] {
    keep_lines(head, lines, static_cast<std::size_t>(p - lines));
  }
  return progress;
}

}  // namespace vigil::http
