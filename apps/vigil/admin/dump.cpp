// Dumps of loops, as text and as JSON.
#include "admin/dump.hpp"

#include <nlohmann/json.hpp>

#include "vigil/loop/opcode_names.hpp"
#include "vigil/runtime/explain.hpp"

namespace vigil::app {
namespace {

using Json = nlohmann::ordered_json;

Json seconds(const std::optional<Nanos>& span) {
  return span ? Json(static_cast<double>(span->count()) / 1e9) : Json();
}

Json number(std::size_t index) { return index == Dump::kNone ? Json() : Json(index); }

std::string_view name_of(TaskState state) noexcept {
  switch (state) {
    case TaskState::running:
      return "running";
    case TaskState::ready:
      return "ready";
    case TaskState::waiting:
      return "waiting";
    case TaskState::awaiting:
      break;
  }
  return "awaiting";
}

Json object(const Dump::Task& task) {
  Json awaits = Json::array();
  for (const std::source_location& where : task.awaits) {
    awaits.push_back({{"file", where.file_name()}, {"line", where.line()}});
  }
  const bool waits = task.state == TaskState::waiting;
  return {{"awaits", awaits},
          {"state", name_of(task.state)},
          {"waits_for", waits ? Json(vigil::name_of(task.code)) : Json()},
          {"descriptor", task.handle == kNoHandle ? Json() : Json(task.handle)},
          {"peer", task.on.empty() ? Json() : Json(task.on)},
          {"work", task.work.empty() ? Json() : Json(task.work)},
          {"cancelled", task.cancelled},
          {"waits_seconds", seconds(task.waits_since)},
          {"goes_on_in_seconds", seconds(task.goes_on_in)},
          {"deadline_in_seconds", seconds(task.deadline_in)}};
}

Json object(const LoopDump& loop) {
  Json out{{"loop", loop.loop},
           {"turns", loop.turns},
           {"in_turn", loop.in_turn},
           {"stuck_seconds", seconds(loop.stuck_for)},
           {"error", loop.dump ? Json() : Json(reason(loop.dump.error()))}};
  Json scopes = Json::array();
  Json tasks = Json::array();
  if (loop.dump) {
    for (const Dump::Group& scope : loop.dump->groups) {
      scopes.push_back({{"inside", number(scope.inside)},
                        {"of_task", number(scope.of)},
                        {"deadline_in_seconds", seconds(scope.deadline_in)},
                        {"tasks", scope.tasks}});
    }
    for (const Dump::Task& task : loop.dump->tasks) {
      tasks.push_back(object(task));
    }
    out["left_out"] = loop.dump->left_out;
  }
  out["scopes"] = std::move(scopes);
  out["tasks"] = std::move(tasks);
  return out;
}

}  // namespace

std::string as_text(const std::vector<LoopDump>& loops) {
  std::string out;
  for (const LoopDump& loop : loops) {
    out += loop.loop + ", after " + std::to_string(loop.turns) + " turns" +
           (loop.stuck_for ? ", stuck for " + span_text(*loop.stuck_for) : std::string()) + ":\n";
    if (loop.dump) {
      out += text_of(*loop.dump, 2);
    } else {
      out += "  it does not answer: " + reason(loop.dump.error()) + ".\n";
    }
  }
  return out;
}

std::string as_json(const Dump::Task& task) {
  return object(task).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string as_json(const std::vector<LoopDump>& loops) {
  Json all = Json::array();
  for (const LoopDump& loop : loops) {
    all.push_back(object(loop));
  }
  // Names of local sockets may be of any bytes.
  return all.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace vigil::app
