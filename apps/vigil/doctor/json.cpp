// The report for programs. Names of fields and values are promised in docs/doctor.md.
#include <algorithm>

#include "doctor/report.hpp"
#include "site/text.hpp"

namespace vigil::app {
namespace {

std::string quoted(std::string_view text) {
  std::string out = "\"";
  site::append_json_text(out, text);
  return out + '"';
}

std::string number(std::optional<std::uint64_t> value) {
  return value ? std::to_string(*value) : "null";
}

std::string object(const Capability& one) {
  return "{\"name\": " + quoted(one.name) + ", \"state\": " + quoted(state_of(one)) +
         ", \"cause\": " + (one.available ? "null" : quoted(cause_name(one.cause))) +
         ", \"error\": " + (one.error == 0 ? "null" : quoted(error_name(one.error))) +
         ", \"why\": " + quoted(one.why) + "}";
}

std::string object(const MachineLimit& limit) {
  return "{\"name\": " + quoted(limit.name) + ", \"place\": " + quoted(limit.place) +
         ", \"unit\": " + quoted(limit.unit) + ", \"value\": " + number(limit.value) +
         ", \"most\": " + number(limit.most) + ", \"low\": " + (limit.low ? "true" : "false") +
         ", \"meaning\": " + quoted(limit.meaning) + ", \"change\": " + quoted(limit.change) + "}";
}

// An array, an element a line; `indent` is that of its own line.
template <class Range, class Wanted>
std::string array(const Range& range, const std::string& indent, Wanted wanted) {
  std::string out = "[";
  for (const auto& one : range) {
    if (wanted(one)) {
      out += (out.size() == 1 ? "\n" : ",\n") + indent + "  " + object(one);
    }
  }
  return out.size() == 1 ? "[]" : out + "\n" + indent + "]";
}

std::string of_kind(const Report& report, Capability::Kind kind, const std::string& indent) {
  return array(report.capabilities, indent,
               [kind](const Capability& one) { return one.kind == kind; });
}

}  // namespace

std::string as_json(const Report& report) {
  return "{\n  \"vigil\": " + quoted(report.version) + ",\n  \"system\": " + quoted(report.system) +
         ",\n  \"auto\": {\"engine\": " + quoted(report.chosen.name) +
         ", \"why\": " + quoted(report.chosen.why) +
         "},\n  \"selectors\": " + of_kind(report, Capability::Kind::selector, "  ") +
         ",\n  \"engines\": " + of_kind(report, Capability::Kind::engine, "  ") +
         ",\n  \"ring\": {\n    \"features\": " +
         of_kind(report, Capability::Kind::ring_feature, "    ") +
         ",\n    \"operations\": " + of_kind(report, Capability::Kind::ring_operation, "    ") +
         "\n  },\n  \"limits\": " +
         array(report.limits, "  ", [](const MachineLimit&) { return true; }) + "\n}\n";
}

}  // namespace vigil::app
