// Succession: a new process takes the place of this one, and nobody is refused meanwhile
// (`vigil restart`, SIGUSR2). It is started with one end of a message socket as its standard input
// and kSuccessor in its environment, gets the listening sockets over it, and says when it serves.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "serve/handed.hpp"
#include "serve/places.hpp"
#include "vigil/coro/task.hpp"
#include "vigil/net/messages.hpp"

namespace vigil::app {

// How this process was started, to start the next one in the same way.
struct Origin {
  std::vector<std::string> command;      // the program's name first
  std::vector<std::string> environment;  // what was taken out of it
};

// In the process that ends: starts the next, gives it the sockets of `places`, and that of the
// status address if there is one, and waits until it serves. Its number; the failure is the rest of
// a sentence, and the process is gone.
Task<std::expected<std::int32_t, std::string>> raise_successor(const Origin* origin,
                                                               const Places* places,
                                                               NativeHandle status);

// In the process that comes.
class Predecessor {
 public:
  // Gets the sockets of the process whose place this one takes. What is in the way, as a whole
  // sentence, or nothing.
  static Task<std::string> take_sockets(Predecessor* self, PassedSockets* into);
  // All shards serve: it may end.
  Task<> say_ready();

 private:
  MessageSocket channel_;
};

}  // namespace vigil::app
