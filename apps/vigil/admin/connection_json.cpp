// One connection's bytes, for programs.
#include <nlohmann/json.hpp>

#include "admin/connection.hpp"
#include "admin/dump.hpp"

namespace vigil::app {
namespace {

using Json = nlohmann::ordered_json;

double seconds(Nanos span) { return static_cast<double>(span.count()) / 1e9; }

Json object(const SocketQueues& kernel) {
  Json out{{"to_read_bytes", kernel.to_read},
           {"unsent_bytes", kernel.unsent},
           {"unacknowledged_bytes", kernel.in_flight}};
  if (kernel.is_tcp) {
    const bool window = kernel.peer_window != SocketQueues::kUnknown;
    out["state"] = name_of_state(kernel.state);
    out["tries"] = kernel.tries;
    out["peer_window_bytes"] = window ? Json(kernel.peer_window) : Json();
    out["since_received_seconds"] = seconds(kernel.since_received);
    out["round_trip_seconds"] = seconds(kernel.round_trip);
  }
  return out;
}

Json object(const http::ConnectionView& http) {
  return {{"stage", name_of_stage(http.stage)},
          {"method", http.method.empty() ? Json() : Json(http.method)},
          {"early_bytes", http.early},
          {"received_bytes", http.received},
          {"body_bytes", http.body_read},
          {"collected_bytes", http.collected},
          {"unsent_bytes", http.unsent},
          {"to_send_bytes", http.to_send},
          {"memory_bytes", http.memory}};
}

}  // namespace

std::string as_json(const ConnectionState& state) {
  const Json out{{"peer", state.peer},
                 {"descriptor", state.handle},
                 {"loop", state.loop.empty() ? Json() : Json(state.loop)},
                 {"stuck_seconds", state.stuck_for ? Json(seconds(*state.stuck_for)) : Json()},
                 {"stuck_in", state.stuck_in.empty() ? Json() : Json(state.stuck_in)},
                 {"kernel", state.kernel ? object(*state.kernel) : Json()},
                 {"http", state.http ? object(*state.http) : Json()},
                 {"task", state.task ? Json::parse(as_json(*state.task)) : Json()},
                 {"sentence", sentence_of(state)}};
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace vigil::app
