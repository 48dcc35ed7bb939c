// Succession: a new process takes the place of this one, and nobody is refused meanwhile
// (`vigil restart`, SIGUSR2). It is started with one end of a message socket as its standard input
// and kSuccessor in its environment, gets the listening sockets over it, and says when it serves.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "serve/handed.hpp"
#include "serve/places.hpp"
#include "vigil/coro/task.hpp"
#include "vigil/net/messages.hpp"

namespace vigil::app {

// Words of a line over which sockets go: how an address was configured follows the first two.
inline constexpr std::string_view kLent = "lent ";
inline constexpr std::string_view kGiven = "given ";
inline constexpr std::string_view kAll = "all";
inline constexpr std::string_view kServing = "serving";

// A process that does not serve in this time is held to be stuck. Opening a large site, or a slow
// disk, may take a while.
inline constexpr Nanos kStartPatience = std::chrono::minutes(1);

// Takes in what came with a word of sockets; what is in the way, as the rest of a sentence, or
// nothing. The handles are `into`'s in any case but the first two.
std::string take_sockets_of(std::string_view word, const std::vector<NativeHandle>& handles,
                            const ReceivedMessage& came, PassedSockets* into);

// How this process was started, to start the next one in the same way.
struct Origin {
  std::vector<std::string> command;      // the program's name first
  std::vector<std::string> environment;  // what was taken out of it
};

// The end of a line that is another process's: here it is closed as soon as that has it, or cannot.
class TheirEnd {
 public:
  explicit TheirEnd(NativeHandle handle) noexcept : handle_(handle) {}
  ~TheirEnd() { close(); }
  TheirEnd(const TheirEnd&) = delete;
  TheirEnd& operator=(const TheirEnd&) = delete;

  NativeHandle get() const noexcept { return handle_; }
  NativeHandle release() noexcept { return std::exchange(handle_, kNoHandle); }
  void close() noexcept;

 private:
  NativeHandle handle_;
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
