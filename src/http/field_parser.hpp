// The field lines of heads and trailer sections (RFC 9112 section 5): one state machine for the
// three parsers.
#pragma once

#include "http/known_names.hpp"
#include "http/scan.hpp"
#include "http/stage.hpp"
#include "vigil/http/parser.hpp"

namespace vigil::http::detail {

class FieldParser {
 public:
  static void begin(Fields& fields) noexcept {
    fields.count_ = 0;
    fields.seen_ = 0;
    fields.repeated_ = 0;
  }
  static void rebase(Fields& fields, const char* base) noexcept { fields.base_ = base; }

  static constexpr std::uint64_t mask(auto... known) noexcept { return (Fields::bit(known) | ...); }
  static bool any_of(const Fields& fields, std::uint64_t known) noexcept {
    return (fields.seen_ & known) != 0;
  }

  // Goes on at `p` in place.stage. Returns the byte behind the empty line; or null, with
  // place.fault set, or with place saying where to go on.
  static const char* parse(ParsePlace& place, Fields& fields, const char* base, const char* p,
                           const char* end) noexcept;

 private:
  // The line that is being read. On a pause it lies in the table's next slot, as far as it is
  // known.
  struct Line {
    const char* name;
    const char* name_end;
    const char* value;
  };
  [[gnu::cold, gnu::noinline]] static const char* pause(ParsePlace& place, Fields& fields,
                                                        Stage stage, const char* p,
                                                        Line line) noexcept {
    place.stage = stage;
    place.at = static_cast<std::uint32_t>(p - fields.base_);
    if (stage == kName || stage == kBlank || stage == kValue || stage == kLineEnd) {
      store(fields.slots_[fields.count_], line, fields.base_, line.value);
    }
    return nullptr;
  }
  [[gnu::cold, gnu::noinline]] static Line resumed(const Fields& fields) noexcept {
    const FieldSlot& slot = fields.slots_[fields.count_];
    const char* name = fields.base_ + slot.name_at;
    return {name, name + slot.name_size, fields.base_ + slot.value_at};
  }
  static void store(FieldSlot& slot, const Line& line, const char* base,
                    const char* value_end) noexcept {
    slot.name_at = static_cast<std::uint16_t>(line.name - base);
    slot.name_size = static_cast<std::uint16_t>(line.name_end - line.name);
    slot.value_at = static_cast<std::uint16_t>(line.value - base);
    slot.value_size = static_cast<std::uint16_t>(value_end - line.value);
  }
  [[gnu::cold]] static const char* refuse(ParsePlace& place, Fault fault) noexcept {
    place.fault = fault;
    return nullptr;
  }
  [[gnu::cold]] static Fault fault_in_name(char c, bool empty) noexcept {
    switch (c) {
      case ' ':
      case '\t':
        return empty ? Fault::folded_line : Fault::blank_before_colon;
      case '\r':
        return Fault::line_without_colon;
      default:
        return fault_of_byte(c, Fault::bad_name);
    }
  }
  [[gnu::always_inline]] static void add(Fields& fields, const Line& line, const char* base,
                                         const char* value_end) noexcept {
    FieldSlot& slot = fields.slots_.data()[fields.count_];
    store(slot, line, base, value_end);
    const KnownField known =
        find_known(line.name, static_cast<std::size_t>(line.name_end - line.name));
    slot.known = known;
    const std::uint64_t bit = Fields::bit(known);
    if ((fields.seen_ & bit) == 0) {
      fields.seen_ |= bit;
      fields.first_[static_cast<std::size_t>(known)] = static_cast<std::uint16_t>(fields.count_);
    } else {
      fields.repeated_ |= bit;
    }
    ++fields.count_;
  }
};

[[gnu::always_inline]] inline const char* FieldParser::parse(ParsePlace& place, Fields& fields,
                                                             const char* base, const char* p,
                                                             const char* end) noexcept {
  Line line{base, base, base};
  if (place.stage == kLastLineEnd) [[unlikely]] {
    goto last_line_end;
  }
  if (place.stage != kLineStart) [[unlikely]] {
    line = resumed(fields);
    switch (place.stage) {
      case kName:
        goto name;
      case kBlank:
        goto blank;
      case kValue:
        goto value;
      default:
        goto line_end;
    }
  }
  for (;;) {
    if (p == end) [[unlikely]] {
      return pause(place, fields, kLineStart, p, line);
    }
    if (*p == '\r') {
      break;
    }
    if (fields.count_ == fields.slots_.size()) [[unlikely]] {
      return refuse(place, Fault::too_many_fields);
    }
    line.name = p;
  name:
    if (!skip_to<TokenBytes, ':'>(base, p, end)) [[unlikely]] {
      return p == end ? pause(place, fields, kName, p, line)
                      : refuse(place, fault_in_name(*p, p == line.name));
    }
    if (p == line.name) [[unlikely]] {
      return refuse(place, Fault::empty_name);
    }
    line.name_end = p++;
  blank:
    while (p != end && (*p == ' ' || *p == '\t')) {
      ++p;
    }
    if (p == end) [[unlikely]] {
      return pause(place, fields, kBlank, p, line);
    }
    line.value = p;
  value:
    if (!skip_to<ValueBytes, '\r'>(base, p, end)) [[unlikely]] {
      return p == end ? pause(place, fields, kValue, p, line)
                      : refuse(place, fault_of_byte(*p, Fault::control_byte));
    }
  line_end:
    if (end - p < 2) [[unlikely]] {
      return pause(place, fields, kLineEnd, p, line);
    }
    if (p[1] != '\n') [[unlikely]] {
      return refuse(place, Fault::bare_cr);
    }
    const char* value_end = p;
    while (value_end != line.value && (value_end[-1] == ' ' || value_end[-1] == '\t'))
        [[unlikely]] {
      --value_end;
    }
    add(fields, line, base, value_end);
    p += 2;
  }
last_line_end:
  if (end - p < 2) [[unlikely]] {
    return pause(place, fields, kLastLineEnd, p, line);
  }
  if (p[1] != '\n') [[unlikely]] {
    return refuse(place, Fault::bare_cr);
  }
  return p + 2;
}

}  // namespace vigil::http::detail
