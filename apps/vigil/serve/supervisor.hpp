// Supervisor: who looks after this process, and is told how it is: systemd, or what speaks its
// protocol (sd_notify(3), sd_watchdog_enabled(3)).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "serve/handed.hpp"
#include "vigil/coro/sync.hpp"
#include "vigil/coro/task.hpp"
#include "vigil/runtime/shards.hpp"

namespace vigil::app {

// Shard 0's. Where nobody asked to be told, all of it does nothing. What cannot be told is dropped,
// and that is said once: the server goes on.
class Supervisor {
 public:
  explicit Supervisor(const HandedDown& handed) noexcept : handed_(handed) {}

  // Whether anybody asked to be told.
  bool listens() const noexcept { return !handed_.notify.empty(); }

  // ---- Words for it, in order; none waits for it to listen. ----

  // All shards serve, at `places`; also after each reload, whatever came of it.
  void ready(std::string_view places, unsigned shards) noexcept;
  void reloading() noexcept;
  void stopping() noexcept;
  // Another process serves in the place of this one.
  void follow(std::int32_t process) noexcept;

  // ---- Until they are cancelled. ----

  // Sends the words.
  static Task<> speak(Supervisor* self);
  // Sends a sign of life at half of the interval that was asked for, each time after every shard
  // has taken up a message and answered it. While one does not, none is sent. Null: there are none.
  static Task<> watch(Supervisor* self, Shards* shards);

 private:
  void say(std::string words);
  Task<Result<>> send(std::string_view words) const;
  void complain_once(std::error_code why);

  const HandedDown& handed_;
  std::vector<std::string> words_;
  ManualResetEvent said_;
  bool complained_ = false;
  bool followed_ = false;
};

}  // namespace vigil::app
