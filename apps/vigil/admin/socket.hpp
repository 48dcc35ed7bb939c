// Where admin sockets are: one a process, named by its number.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "vigil/coro/task.hpp"
#include "vigil/net/tcp.hpp"

namespace vigil::app {

// The directories that `vigil list` looks in, and the first that can be used is where a server's
// socket is: /run/vigil, and what XDG_RUNTIME_DIR names.
std::vector<std::string> admin_directories();

// Their paths.
Task<std::vector<std::string>> sockets_in(std::string directory);

struct AdminSocket {
  TcpListener listener;
  std::string path;  // empty: there is none
};

// Where a process listens whose predecessor still has the path that is named: it takes that when it
// serves.
std::string before_its_time(const std::string& path);

// Listens for its owner (and root) alone. `where` is a path, or "auto": in one of the directories
// above, which is made if it can be; if there is none, there is no socket, and no error. What other
// servers have left there is removed. Errors: those of TcpListener::listen.
Task<Result<AdminSocket>> open_admin_socket(std::string where, bool succeeds);

}  // namespace vigil::app
