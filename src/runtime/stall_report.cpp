// What a stall was, and how it is said.
#include "runtime/stall_report.hpp"

#include <algorithm>
#include <filesystem>
#include <string_view>

namespace vigil {
namespace {

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// vigil's own, as far as it is the runtime and not a program that stands on it.
bool is_ours(std::string_view file, std::string_view root) {
  return has(file, "/include/vigil/") ||
         (!root.empty() && file.starts_with(root) && file.substr(root.size()).starts_with("src/"));
}

bool is_systems(std::string_view file) {
  return file.starts_with("/usr/") || has(file, "/sysdeps/") || has(file, "/compiler-rt/");
}

// Where the loop begins: what lies further out is the same in every stack.
// Line tables alone know functions without their namespaces, so files count, too.
bool is_loop(const CodePlace& place) {
  return has(place.function, "vigil::resume_task") || has(place.function, "vigil::Loop::") ||
         place.file.ends_with("/vigil/loop/loop.hpp");
}

std::string place_text(const CodePlace& place) {
  std::string text = place.function;
  if (!place.file.empty()) {
    text += (text.empty() ? "" : " at ") + place.file + ":" + std::to_string(place.line);
  }
  return text.empty() ? "code that is not known" : text;
}

std::string why(const StallReport& report) {
  const std::string had = " (" + span_text(report.shares.processor) + " of a processor)";
  const std::string place = place_text(report.place);
  switch (report.cause) {
    case StallCause::computing:
      return ": " + place + (report.goes_on ? " keeps the processor" : " kept the processor") +
             had + ".";
    case StallCause::blocked:
      return ": " + place + (report.goes_on ? " is blocked" : " was blocked") +
             (report.call.empty() ? "" : " in " + report.call) + had + ".";
    case StallCause::not_run:
      return ", for want of a processor: it had " + span_text(report.shares.processor) + " of one" +
             ", and waited for one for " + span_text(report.shares.queued) +
             ". Nothing in it is to blame.";
    case StallCause::stopped:
      return ": it was stopped, by SIGSTOP or a debugger.";
  }
  return ".";
}

std::string task_line(const StallReport& report) {
  const std::string places = places_text(report.awaits);
  std::string text = "  task: " + (places.empty() ? "it has not awaited yet" : places);
  if (const std::string work = work_text(report.tag, report.work); !work.empty()) {
    text += ", " + work;
  }
  return text;
}

}  // namespace

StallCause judge_stall(Nanos limit, const StallShares& shares) noexcept {
  if (shares.stopped) {
    return StallCause::stopped;
  }
  if (shares.processor + shares.asleep < limit) {
    return StallCause::not_run;
  }
  return shares.processor >= shares.asleep ? StallCause::computing : StallCause::blocked;
}

CodePlace whose_code(const std::vector<CodePlace>& stack, const std::string& root) {
  for (const CodePlace& place : stack) {
    if (!place.file.empty() && !is_systems(place.file) && !is_ours(place.file, root)) {
      return place;
    }
  }
  for (const CodePlace& place : stack) {
    if (!place.file.empty() || !place.function.empty()) {
      return place;
    }
  }
  return {};
}

std::string plain_path(const std::string& path) {
  return std::filesystem::path(path).lexically_normal().string();
}

std::string root_of(const std::string& file) {
  const std::size_t own = file.rfind("src/runtime/");
  return own == std::string::npos ? std::string() : file.substr(0, own);
}

std::vector<std::string> text_of(const StallReport& report) {
  const std::string wall = span_text(report.wall);
  switch (report.kind) {
    case StallReport::Kind::again:
      return {report.loop + ": " + std::to_string(report.times) + " more " +
              (report.times == 1 ? "stall" : "stalls") +
              (report.cause == StallCause::not_run ? std::string(" for want of a processor")
                                                   : " in " + place_text(report.place)) +
              ", of at most " + wall + "."};
    case StallReport::Kind::is_over:
      return {report.loop + " turns again after " + wall + "."};
    case StallReport::Kind::stall:
      break;
  }
  std::vector<std::string> lines;
  lines.push_back(report.loop + (report.goes_on ? " has not turned for " : " did not turn for ") +
                  wall + why(report));
  if (report.cause == StallCause::not_run || report.cause == StallCause::stopped) {
    return lines;
  }
  lines.push_back(task_line(report));
  for (const CodePlace& place : report.stack) {
    if (is_loop(place)) {
      break;
    }
    lines.push_back("  at " + place_text(place));
  }
  return lines;
}

}  // namespace vigil
