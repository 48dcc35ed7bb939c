// The choice of an answer.
#include "site/answer.hpp"

#include <algorithm>

#include "site/page.hpp"
#include "site/types.hpp"
#include "vigil/http/date.hpp"

namespace vigil::site {
namespace {

using http::Method;

constexpr std::string_view kAllow = "GET, HEAD, OPTIONS";

void line(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += ": ";
  out += value;
  out += "\r\n";
}

void answer_method(const Ask& ask, const Circumstances& now, Answer& into) {
  if (ask.method == Method::options) {
    into.status = 204;
    line(into.fields, "Allow", kAllow);
  } else if (ask.method == Method::other) {
    answer_error(501, "This server does not know that method.", ask, now, into);
  } else {
    answer_error(405, "Files can be read here, not changed: use GET or HEAD.", ask, now, into);
    line(into.fields, "Allow", kAllow);
  }
}

void answer_fault(const Ask& ask, const Circumstances& now, Answer& into) {
  switch (ask.target.fault) {
    case TargetFault::above_root:
      return answer_error(400, "The path leads above the root.", ask, now, into);
    case TargetFault::nul:
      return answer_error(400, "The path has a NUL in it.", ask, now, into);
    case TargetFault::malformed:
      return answer_error(400,
                          "The path is malformed: it must begin with a slash, and each % needs two "
                          "hexadecimal digits.",
                          ask, now, into);
    default:
      return answer_error(404, "There is no such file here.", ask, now, into);
  }
}

void answer_redirect(const Ask& ask, const Circumstances& now, Answer& into) {
  answer_error(301, "This is a directory; its address ends in a slash.", ask, now, into);
  into.fields += "Location: ";
  append_directory_location(into.fields, ask.target);
  into.fields += "\r\n";
}

void append_validators(Answer& into, const FileTag& tag, const Validators& file, bool several) {
  line(into.fields, "ETag", tag.text());
  std::array<char, http::kDateSize> date{};
  // A time in the future would be a promise; RFC 9110 section 8.8.2.1 wants the present instead.
  http::format_date(std::min(file.modified, file.now), date);
  line(into.fields, "Last-Modified", {date.data(), date.size()});
  if (several) {
    line(into.fields, "Vary", "Accept-Encoding");
  }
}

void append_content(Answer& into, std::string_view type) {
  line(into.fields, "Content-Type", type);
  line(into.fields, "X-Content-Type-Options", "nosniff");
  for (const CodingName& row : kCodings) {
    if (row.coding == into.coding) {
      line(into.fields, "Content-Encoding", row.token);
    }
  }
}

void answer_ranges(const Circumstances& now, Answer& into) {
  into.status = 206;
  if (into.ranges.count == 1) {
    const ByteRange& range = into.ranges.items[0];
    into.length = range.size;
    into.fields += "Content-Range: ";
    append_content_range(into.fields, range, into.file_size);
    into.fields += "\r\n";
    append_content(into, into.type);
    return;
  }
  into.body = BodyPlan::parts;
  into.boundary = now.boundary;
  into.length = into.multipart().length(into.ranges.ranges());
  std::string type = "multipart/byteranges; boundary=";
  type += now.boundary;
  append_content(into, type);
}

void answer_file(const Ask& ask, const Resource& resource, const Circumstances& now, Answer& into) {
  into.coding = choose_coding(ask.accept_encoding, resource.variants);
  const FileFacts& facts = resource.variants.of(into.coding);
  const FileTag tag(facts);
  const Validators file{tag.text(), seconds(facts.modified_ns), now.now};
  const bool several = resource.variants.several();
  const Verdict verdict = evaluate(ask.conditions, file);
  if (verdict == Verdict::failed) {
    answer_error(412, "The file is not the one that was asked for.", ask, now, into);
    return;
  }
  into.file_size = facts.size;
  into.type = content_type(resource.name);
  if (verdict == Verdict::not_modified) {
    into.status = 304;
    append_validators(into, tag, file, several);
    return;
  }
  // Range is defined for GET alone (RFC 9110 section 14.2).
  if (ask.range && ask.method == Method::get && range_applies(ask.conditions.if_range, file)) {
    into.ranges = select_ranges(*ask.range, facts.size);
    // Whether a Content-Encoding beside several parts is theirs or the whole's is nowhere said: the
    // whole, then.
    if (into.ranges.count > 1 && into.coding != Coding::identity) {
      into.ranges = {};
    }
  }
  if (into.ranges.verdict == RangeVerdict::unsatisfiable) {
    answer_error(416, "The file has no such bytes.", ask, now, into);
    into.fields += "Content-Range: ";
    append_content_range(into.fields, facts.size);
    into.fields += "\r\n";
    return;
  }
  into.body = BodyPlan::file;
  append_validators(into, tag, file, several);
  line(into.fields, "Accept-Ranges", "bytes");
  if (into.ranges.verdict == RangeVerdict::satisfiable) {
    answer_ranges(now, into);
    return;
  }
  into.status = 200;
  into.length = facts.size;
  append_content(into, into.type);
}

void answer_missing(const Ask& ask, const Resource& resource, const Circumstances& now,
                    Answer& into) {
  if (!resource.variants.files[0]) {
    answer_error(404, "There is no such file here.", ask, now, into);
    return;
  }
  into.status = 404;
  into.body = BodyPlan::file;
  into.file_size = resource.variants.files[0]->size;
  into.length = into.file_size;
  into.type = content_type(resource.name);
  append_content(into, into.type);
}

void answer_directory(const Ask& ask, const Circumstances& now, Answer& into) {
  if (!now.listing) {
    answer_error(403, "This directory has no index file, and listings are off.", ask, now, into);
    return;
  }
  into.status = 200;
  into.body = BodyPlan::listing;
  append_content(into, "text/html; charset=utf-8");
  line(into.fields, "Content-Security-Policy", kPagePolicy);
  line(into.fields, "Cache-Control", "no-cache");
}

// The values of all lines of a list field as one.
std::optional<std::string_view> joined_field(const http::Fields& fields, http::KnownField field,
                                             std::string& joined) {
  if (!fields.repeated(field)) {
    return fields.find(field);
  }
  const std::size_t begin = joined.size();
  fields.for_each(field, [&](std::string_view value) {
    if (joined.size() > begin) {
      joined += ", ";
    }
    joined += value;
  });
  return std::string_view(joined).substr(begin);
}

}  // namespace

bool Ask::plain() const noexcept {
  return (method == Method::get || method == Method::head) && !range && !conditions.if_match &&
         !conditions.if_none_match && !conditions.if_modified_since &&
         !conditions.if_unmodified_since;
}

void read_ask(const http::RequestHead& head, Ask& into, std::string& joined) {
  using http::KnownField;
  const http::Fields& fields = head.fields();
  joined.clear();
  // Room for all that could be joined, so that the views stay where they are.
  joined.reserve(head.size());
  into.method = head.method();
  parse_target(head.target(), into.target);
  into.accept = joined_field(fields, KnownField::accept, joined);
  into.accept_encoding = joined_field(fields, KnownField::accept_encoding, joined);
  into.conditions.if_match = joined_field(fields, KnownField::if_match, joined);
  into.conditions.if_none_match = joined_field(fields, KnownField::if_none_match, joined);
  // These are no lists: given twice they contradict themselves, and are as good as not given (a
  // Range then is answered with the whole, an If-Range with no range).
  const auto single = [&fields](KnownField field) {
    return fields.repeated(field) ? std::nullopt : fields.find(field);
  };
  into.range = single(KnownField::range);
  into.conditions.if_modified_since = single(KnownField::if_modified_since);
  into.conditions.if_unmodified_since = single(KnownField::if_unmodified_since);
  into.conditions.if_range = fields.find(KnownField::if_range);
  if (fields.repeated(KnownField::if_range)) {
    into.range.reset();
  }
}

Found found_by(std::error_code error) noexcept {
  const auto is = [&error](std::errc code) { return error == std::make_error_condition(code); };
  if (is(std::errc::permission_denied) || is(std::errc::operation_not_permitted)) {
    return Found::denied;
  }
  if (is(std::errc::too_many_files_open) || is(std::errc::too_many_files_open_in_system) ||
      is(std::errc::not_enough_memory)) {
    return Found::no_resources;
  }
  // ELOOP and EXDEV: a link in circles, or out of the root.
  if (is(std::errc::no_such_file_or_directory) || is(std::errc::not_a_directory) ||
      is(std::errc::too_many_symbolic_link_levels) || is(std::errc::cross_device_link) ||
      is(std::errc::filename_too_long) || is(std::errc::no_such_device_or_address) ||
      is(std::errc::invalid_argument)) {
    return Found::missing;
  }
  return Found::broken;
}

void Answer::clear() noexcept {
  status = 0;
  body = BodyPlan::none;
  coding = Coding::identity;
  head_only = false;
  length = 0;
  ranges = {};
  file_size = 0;
  fields.clear();
  text.clear();
  type = {};
  boundary = {};
}

bool decided_without_file(const Ask& ask) noexcept {
  return (ask.method != Method::get && ask.method != Method::head) ||
         ask.target.fault != TargetFault::none;
}

void answer_error(int status, std::string_view why, const Ask& ask, const Circumstances& now,
                  Answer& into) {
  into.clear();
  into.status = status;
  into.body = BodyPlan::text;
  into.head_only = ask.method == Method::head;
  const bool page = ask.accept && wants_html(*ask.accept);
  if (page) {
    append_error_page(into.text, status, why, now.request_id);
  } else {
    append_error_text(into.text, status, why, now.request_id);
  }
  into.length = into.text.size();
  append_content(into, page ? "text/html; charset=utf-8" : "text/plain; charset=utf-8");
  if (page) {
    line(into.fields, "Content-Security-Policy", kPagePolicy);
  }
  line(into.fields, "Vary", "Accept");
  if (status == 503) {
    line(into.fields, "Retry-After", "1");
  }
}

void decide(const Ask& ask, const Resource& resource, const Circumstances& now, Answer& into) {
  into.clear();
  into.head_only = ask.method == Method::head;
  if (ask.method != Method::get && ask.method != Method::head) {
    return answer_method(ask, now, into);
  }
  if (ask.target.fault != TargetFault::none) {
    return answer_fault(ask, now, into);
  }
  switch (resource.found) {
    case Found::file:
      return answer_file(ask, resource, now, into);
    case Found::directory:
      return ask.target.directory ? answer_directory(ask, now, into)
                                  : answer_redirect(ask, now, into);
    case Found::missing:
      return answer_missing(ask, resource, now, into);
    case Found::denied:
      return answer_error(403, "This server may not read that file.", ask, now, into);
    case Found::no_resources:
      return answer_error(503, "This server is out of descriptors or memory; try again.", ask, now,
                          into);
    case Found::broken:
      return answer_error(500, "The file could not be read.", ask, now, into);
  }
}

}  // namespace vigil::site
