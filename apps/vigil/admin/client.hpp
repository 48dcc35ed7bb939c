// A running server, asked over its admin socket.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "admin/json.hpp"
#include "vigil/coro/task.hpp"

namespace vigil::app {

// What stands behind a target GET at the socket. The failure is the rest of a sentence: why not.
Task<std::expected<std::string, std::string>> ask_admin(std::string path, std::string target);

// The same for a target that may be answered with another status than 200.
struct AdminAnswer {
  unsigned status = 0;
  std::string text;
};
Task<std::expected<AdminAnswer, std::string>> query_admin(std::string path, std::string target);
// The same for what changes something, by POST, and takes as long as `at_most`.
Task<std::expected<AdminAnswer, std::string>> order_admin(std::string path, std::string target,
                                                          Nanos at_most);

// A server that runs here.
struct Running {
  std::string path;  // of its admin socket
  std::string json;  // what /status.json said
  Overview overview;
};

// Those whose sockets are in the directories and answer; by process number. Sockets that nobody
// listens on any more are what a crash left behind, and are passed over.
Task<std::vector<Running>> find_running();

// The socket of `target`: a process number, or a path. Empty: of the only server that runs here.
// The failure is the rest of a sentence.
Task<std::expected<std::string, std::string>> find_socket(std::string target);

}  // namespace vigil::app
