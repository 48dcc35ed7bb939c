// The timeline of a run: for each host what it did last, and what its tasks wait for.
#include <algorithm>
#include <iterator>
#include <string>

#include "vigil/loop/dump.hpp"
#include "world/core.hpp"

namespace vigil::sim {
namespace {

constexpr std::size_t kTasks = 40;  // of a program, in a timeline
constexpr std::size_t kRecords = 1 << 16;

std::string describe_program(const Program::State& program) {
  std::string text = "    program " + program.name;
  if (!program.running()) {
    if (!program.status) {
      return text + ": not started\n";
    }
    return text + (*program.status < 0
                       ? std::string(": killed\n")
                       : ": ended with status " + std::to_string(*program.status) + "\n");
  }
  text.append(": runs, with tasks\n");
  auto room = DumpRoom::make(kRecords);
  if (room) {
    take_dump(*program.seat->loop(), *program.root, *room);
    text.append(text_of(read_dump(*room, program.seat->kernel().clock().now()), 6, kTasks));
  }
  return text;
}

struct Line {
  Nanos at;
  std::string text;
};

// The host's notes, and among them the faults that struck it.
std::vector<Line> lines_of(WorldCore& core, const Host::State& host) {
  std::vector<Line> notes;
  for (const Trace::Note& note : core.trace().last(host.id)) {
    notes.push_back({note.at, note_text(note)});
  }
  std::vector<Line> faults;
  for (const Strike& strike : core.weather().struck()) {
    if (strike.host == host.id && !notes.empty() && strike.at >= notes.front().at) {
      faults.push_back({strike.at, "! " + std::string(describe(strike.fault).name) + " (draw " +
                                       std::to_string(strike.draw) + ")"});
    }
  }
  std::vector<Line> lines;
  std::merge(faults.begin(), faults.end(), notes.begin(), notes.end(), std::back_inserter(lines),
             [](const Line& a, const Line& b) { return a.at < b.at; });
  return lines;
}

}  // namespace

std::string World::timeline(std::size_t lines) const {
  std::string text;
  for (const auto& host : core_->hosts()) {
    text.append("  ").append(host->name).append(host->up ? "\n" : ": down\n");
    const std::vector<Line> all = lines_of(*core_, *host);
    for (std::size_t i = all.size() - std::min(lines, all.size()); i != all.size(); ++i) {
      text.append("    ").append(seconds_text(all[i].at)).append("  ");
      text.append(all[i].text).append("\n");
    }
    for (const auto& program : host->programs) {
      text.append(describe_program(*program));
    }
  }
  return text;
}

}  // namespace vigil::sim
