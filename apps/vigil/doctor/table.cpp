// The report as people read it: a line for each thing that was looked at.
#include <algorithm>

#include "doctor/report.hpp"
#include "site/text.hpp"

namespace vigil::app {
namespace {

using Kind = Capability::Kind;

std::string painted(std::string_view text, std::string_view code, const cli::Screen& screen) {
  if (!screen.colour || text.empty() || code.empty()) {
    return std::string(text);
  }
  return "\x1b[" + std::string(code) + "m" + std::string(text) + "\x1b[0m";
}

std::string padded(std::string_view text, std::size_t columns) {
  return std::string(text) + std::string(columns - std::min(columns, text.size()), ' ');
}

// A cell and the space behind it: colour takes no room.
std::string cell(std::string_view text, std::size_t columns, std::string_view code,
                 const cli::Screen& screen) {
  const std::string all = padded(text, columns);
  return painted(text, code, screen) + all.substr(text.size());
}

// `text` in lines that begin at `indent` and end before the screen does.
std::string wrapped(std::string_view text, std::size_t indent, const cli::Screen& screen) {
  std::string out;
  std::size_t column = indent;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    if (column != indent && column + 1 + word.size() > screen.columns) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (column != indent) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
  }
  return out;
}

std::string_view colour_of(const Capability& one) noexcept {
  return one.in_use ? "32" : one.available ? "" : "33";
}

std::string explained(const Capability& one) {
  return one.error == 0 || one.cause == Capability::Cause::environment
             ? one.why
             : one.why + " (" + error_name(one.error) + ")";
}

void append_capabilities(std::string& out, const Report& report, std::string_view heading,
                         bool (*wanted)(Kind kind), const cli::Screen& screen) {
  constexpr std::size_t kState = 11;
  std::size_t width = 0;
  for (const Capability& one : report.capabilities) {
    width = wanted(one.kind) ? std::max(width, one.name.size()) : width;
  }
  out += "\n" + painted(heading, "1", screen) + "\n";
  for (const Capability& one : report.capabilities) {
    if (!wanted(one.kind)) {
      continue;
    }
    const std::string why = explained(one);
    out += "  " + padded(one.name, width + 2) +
           (why.empty() ? painted(state_of(one), colour_of(one), screen)
                        : cell(state_of(one), kState, colour_of(one), screen) +
                              wrapped(why, width + 4 + kState, screen)) +
           "\n";
  }
}

std::string amount(std::optional<std::uint64_t> value, std::string_view unit) {
  if (!value) {
    return "no limit";
  }
  if (unit != "bytes") {
    return std::to_string(*value);
  }
  std::string text;
  site::append_human_size(text, *value);
  return text;
}

void append_limits(std::string& out, const Report& report, const cli::Screen& screen) {
  std::size_t width = 0;
  std::size_t place = 0;
  for (const MachineLimit& limit : report.limits) {
    width = std::max(width, limit.name.size());
    place = std::max(place, limit.place.size());
  }
  out += "\n" + painted("Limits", "1", screen) + "\n";
  for (const MachineLimit& limit : report.limits) {
    constexpr std::size_t kAmount = 11;
    const std::string value = amount(limit.value, limit.unit);
    out += "  " + padded(limit.name, width + 2) +
           cell(value, kAmount, limit.low ? "33" : "", screen) + std::string(limit.place);
    if (limit.most) {
      out +=
          std::string(place - limit.place.size(), ' ') + "  of " + amount(limit.most, limit.unit);
    }
    out += limit.low ? painted("  low", "33", screen) + "\n" : "\n";
    constexpr std::size_t kIndent = 6;
    out += std::string(kIndent, ' ') + wrapped(limit.meaning, kIndent, screen) + "\n" +
           painted("      change: " + limit.change, "2", screen) + "\n";
  }
}

}  // namespace

std::string as_table(const Report& report, const cli::Screen& screen) {
  std::string out = painted("vigil " + report.version, "1", screen) + " on " + report.system +
                    "\n\n" + "auto: " + painted(report.chosen.name, "32", screen) + " (" +
                    std::string(report.chosen.why) + ")\n" + ring_line(report) + "\n";
  append_capabilities(
      out, report, "Engines (--engine NAME)",
      [](Kind kind) { return kind == Kind::selector || kind == Kind::engine; }, screen);
  append_capabilities(
      out, report, "io_uring: features of the ring",
      [](Kind kind) { return kind == Kind::ring_feature; }, screen);
  append_capabilities(
      out, report, "io_uring: operations", [](Kind kind) { return kind == Kind::ring_operation; },
      screen);
  append_limits(out, report, screen);
  return out;
}

}  // namespace vigil::app
