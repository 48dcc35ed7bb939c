// One connection's bytes, in words.
#include "admin/connection.hpp"

#include <array>
#include <utility>

#include "vigil/loop/opcode_names.hpp"

namespace vigil::app {
namespace {

using Stage = http::ConnectionView::Stage;
using Tcp = SocketQueues::State;

std::string bytes(std::uint64_t count) {
  return std::to_string(count) + (count == 1 ? " byte" : " bytes");
}

std::string waits_for(const Dump::Task& task) {
  const std::string places = places_text(task.awaits);
  const std::string at = places.empty() ? "" : " (" + places.substr(places.rfind(' ') + 1) + ")";
  switch (task.state) {
    case TaskState::running:
      return "it is running" + at;
    case TaskState::ready:
      return "it is about to go on" + at;
    case TaskState::waiting:
      return "it waits for " + std::string(name_of(task.code)) + at;
    case TaskState::awaiting:
      break;
  }
  return "it waits" + at;
}

std::string of_stuck(const ConnectionState& state) {
  const std::string where = state.stuck_in.empty() ? "" : " in " + state.stuck_in;
  const bool has_it = !state.loop.empty();
  return (has_it ? state.loop
                 : "A shard that may have the connection, " + state.silent.front() + ",") +
         " is stuck" + where + " for " + span_text(*state.stuck_for) +
         ": nothing of the connection moves before it goes on.";
}

// What the kernel holds for a peer that should take it.
std::string of_outgoing(const SocketQueues& kernel, std::uint64_t behind) {
  const std::string more = behind != 0 ? ", and " + bytes(behind) + " more wait in vigil" : "";
  const bool window_known = kernel.is_tcp && kernel.peer_window != SocketQueues::kUnknown;
  const bool closed = window_known && kernel.peer_window == 0;
  if (kernel.in_flight != 0 && !closed) {
    return kernel.tries > 1 ? "The peer does not acknowledge: " + bytes(kernel.in_flight) +
                                  " were sent again " + std::to_string(kernel.tries) + " times" +
                                  more + "; it or the network between is gone."
                            : "The answer is on its way: " + bytes(kernel.in_flight) +
                                  " are sent and not acknowledged, " + bytes(kernel.unsent) +
                                  " wait in the kernel's send queue" + more + ".";
  }
  const std::uint64_t held = std::uint64_t{kernel.unsent} + kernel.in_flight;
  std::string text =
      "The peer does not read: " + bytes(held) + " wait in the kernel's send queue" + more;
  if (window_known) {
    text += closed ? ", and the peer's window is closed"
                   : ", and the peer has room for " + bytes(kernel.peer_window) + " only";
  }
  return text + ".";
}

std::string since(const ConnectionState& state) {
  const bool known = state.kernel && state.kernel->is_tcp;
  return known ? "nothing came for " + span_text(state.kernel->since_received)
               : "nothing more came";
}

std::string of_handler(const ConnectionState& state) {
  const std::string method = state.http->method;
  return "The handler" + (method.empty() ? "" : " of " + method) + " has the connection" +
         (state.task ? ": " + waits_for(*state.task) : std::string()) + ".";
}

std::string of_stage(const ConnectionState& state) {
  const http::ConnectionView& http = *state.http;
  const std::uint64_t unread = http.early + (state.kernel ? state.kernel->to_read : 0);
  switch (http.stage) {
    case Stage::head:
    case Stage::body: {
      if (unread != 0) {
        return "vigil is about to go on: " + bytes(unread) + " of the request just came.";
      }
      const bool head = http.stage == Stage::head;
      return "vigil waits for the peer: " + since(state) + ", and a request's " +
             (head ? "head is half here (" + bytes(http.received) + ")."
                   : "body is not whole (" + bytes(http.body_read) + " came while it waited).");
    }
    case Stage::writing:
    case Stage::sending:
      if (state.task && state.task->state == TaskState::waiting &&
          !waits_for_writing(state.task->code)) {
        return of_handler(state);
      }
      return "The answer is about to go out: " + bytes(http.unsent) +
             " wait in vigil, and the kernel has room.";
    case Stage::handler:
      return of_handler(state);
    case Stage::ending:
      return "All is said: vigil waits for the peer to end the connection.";
    case Stage::idle:
      break;
  }
  return unread != 0 ? "vigil is about to go on: " + bytes(unread) + " of a request just came."
                     : "Nothing is on its way: the connection is idle between requests.";
}

// Who looked found nobody whose connection it is.
std::string of_nobody(const ConnectionState& state) {
  if (!state.silent.empty()) {
    return (state.loop.empty()
                ? "A shard that may have the connection, " + state.silent.front() + ","
                : state.loop) +
           " did not answer: it has much to do, or is stuck.";
  }
  return "No shard serves the connection: it was handed over, or is just beginning or ending.";
}

}  // namespace

std::string sentence_of(const ConnectionState& state) {
  if (state.stuck_for) {
    return of_stuck(state);
  }
  if (!state.kernel || state.kernel->state == Tcp::closed) {
    return "The connection is over: vigil is about to close it.";
  }
  const SocketQueues& kernel = *state.kernel;
  if (kernel.unsent != 0 || kernel.in_flight != 0) {
    return of_outgoing(kernel, state.http ? state.http->unsent + state.http->collected : 0);
  }
  return state.http ? of_stage(state) : of_nobody(state);
}

// ---- All of it. ----

std::string_view name_of_state(Tcp state) noexcept {
  constexpr std::array<std::string_view, 7> kNames{
      "unknown", "connecting", "open", "peer ended", "vigil ended", "both ended", "closed"};
  return kNames[static_cast<std::size_t>(state)];
}

std::string_view name_of_stage(Stage stage) noexcept {
  constexpr std::array<std::string_view, 7> kNames{"idle",    "head",    "handler", "body",
                                                   "writing", "sending", "ending"};
  return kNames[static_cast<std::size_t>(stage)];
}

namespace {

void line(std::string& out, std::string_view layer, const std::string& what) {
  out.append("  ").append(layer).append(26 - layer.size(), ' ').append(what).append("\n");
}

std::string of_peer(const SocketQueues& kernel) {
  std::string text(name_of_state(kernel.state));
  if (kernel.peer_window != SocketQueues::kUnknown) {
    text += ", takes " + bytes(kernel.peer_window);
  }
  if (kernel.tries != 0) {
    text += ", tried again " + std::to_string(kernel.tries) + " times";
  }
  return text + ", nothing came for " + span_text(kernel.since_received) + ", round trip " +
         std::to_string(kernel.round_trip / std::chrono::microseconds(1)) + " us";
}

}  // namespace

std::string as_text(const ConnectionState& state) {
  const std::string unknown = "not known: its loop did not say";
  std::string out = state.peer + ", descriptor " + std::to_string(state.handle) +
                    (state.loop.empty() ? "" : ", on " + state.loop) + "\n";
  const auto layer = [&](std::string_view name, std::optional<std::uint64_t> count) {
    line(out, name, count ? bytes(*count) : unknown);
  };
  const auto of_http = [&](std::uint64_t http::ConnectionView::* field) {
    return state.http ? std::optional((*state.http).*field) : std::nullopt;
  };
  const auto of_kernel = [&](std::uint32_t SocketQueues::* field) {
    return state.kernel ? std::optional<std::uint64_t>((*state.kernel).*field) : std::nullopt;
  };
  layer("kernel, to be received", of_kernel(&SocketQueues::to_read));
  layer("loop, came early", of_http(&http::ConnectionView::early));
  layer("HTTP, received, not read", of_http(&http::ConnectionView::received));
  line(out, "HTTP", state.http ? std::string(name_of_stage(state.http->stage)) : unknown);
  const bool hibernates = state.http && state.http->frame == 0;
  line(out, "task",
       state.task   ? text_of(*state.task)
       : hibernates ? "none: it hibernates"
                    : "not known");
  layer("HTTP, answers collected", of_http(&http::ConnectionView::collected));
  line(out, "HTTP, being sent",
       state.http ? bytes(state.http->unsent) + " of " + std::to_string(state.http->to_send)
                  : unknown);
  layer("kernel, not sent", of_kernel(&SocketQueues::unsent));
  layer("kernel, not acknowledged", of_kernel(&SocketQueues::in_flight));
  layer("memory of vigil", of_http(&http::ConnectionView::memory));
  if (state.kernel && state.kernel->is_tcp) {
    line(out, "peer", of_peer(*state.kernel));
  }
  return out + sentence_of(state) + "\n";
}

}  // namespace vigil::app
