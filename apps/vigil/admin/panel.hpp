// What a running server shows of itself: who has figures tells so here, and the admin loop looks.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "vigil/base/time.hpp"
#include "vigil/http/server.hpp"
#include "vigil/loop/figures.hpp"
#include "vigil/runtime/accept.hpp"
#include "vigil/runtime/stall_watcher.hpp"

namespace vigil::app {

// One shard of a server, as it is seen from outside.
struct ShardSnapshot {
  unsigned number = 0;
  LoopFigures loop;
  http::ServerFigures http;
  std::uint64_t log_dropped = 0;  // lines
};

// Of one shard; all zero where nobody looks for stalls.
struct StallSnapshot {
  unsigned number = 0;
  std::uint64_t stalls = 0;
  std::uint64_t not_run = 0;
  Nanos longest{};
  Nanos total{};
};

struct ListenerSnapshot {
  std::string at;  // as the system says it: "127.0.0.1:8080"
  std::string accept;
  std::vector<AcceptFigures> shards;
};

// What the system says of the process; zero where it says nothing.
struct ProcessSnapshot {
  std::uint64_t id = 0;
  Nanos processor_time{};  // user and system, of all threads
  std::uint64_t resident_bytes = 0;
  std::uint64_t descriptors = 0;
  std::uint64_t descriptor_limit = 0;
};

struct Snapshot {
  std::string version;
  std::string engine;
  Nanos wall{};  // since 1970
  Nanos uptime{};
  bool draining = false;
  ProcessSnapshot process;
  std::vector<ShardSnapshot> shards;
  std::vector<StallSnapshot> stalls;
  std::vector<ListenerSnapshot> listeners;
};

// Any thread: those who have figures leave before the figures do. For figures nobody is asked
// anything, so that a shard that is stuck can be looked at, too.
class Panel {
 public:
  struct Shard {
    Loop* loop = nullptr;
    const http::Server* server = nullptr;
    const Counter* log_dropped = nullptr;
  };
  struct Listener {
    std::string at;
    const Acceptors* acceptors = nullptr;
  };

  // Who looks for stalls; null: nobody. It outlives the panel.
  explicit Panel(StallWatcher* watcher = nullptr) noexcept : watcher_(watcher) {}

  // How many shards there are: room for each.
  void resize(unsigned shards);
  void show(unsigned shard, const Shard& figures) noexcept;
  void hide(unsigned shard) noexcept { show(shard, {}); }
  // All that there are now, in place of those before.
  void show_listeners(std::vector<Listener> listeners) noexcept;
  void hide_listener(const Acceptors& acceptors) noexcept;
  // Not ready any more: connections are not taken.
  void drains() noexcept { draining_.store(true, std::memory_order_relaxed); }
  bool draining() const noexcept { return draining_.load(std::memory_order_relaxed); }

  // What came of the last try to give the server's place to a new process.
  struct Succession {
    std::uint64_t tries = 0;   // so far
    std::int32_t process = 0;  // that serves now; 0: none took the place
    std::string said;          // a sentence
  };
  // Shard 0 says what it does when it is asked to give way, and takes that back (null) before
  // `context` goes; and what came of it.
  void obey_with(void (*give_way)(void* context) noexcept, void* context) noexcept;
  void tell_succession(std::int32_t process, std::string said) noexcept;
  // False: nobody is there who could.
  bool ask_to_give_way() const;
  Succession succession() const;

  // All of it but what is the process's, and the time.
  Snapshot snapshot() const;

  // The shard that has the connection whose socket is `handle`, and what its server knows of it:
  // each is asked on its own loop, and one that does not turn has not answered by then. Blocks, at
  // most for `at_most`: from a task, call it by offload().
  struct Told {
    unsigned shard = 0;
    http::ConnectionView view;
  };
  struct Answers {
    std::optional<Told> told;
    std::vector<unsigned> silent;  // shards
  };
  Answers ask_for(NativeHandle handle, Nanos at_most) const;

  StallWatcher* watcher() const noexcept { return watcher_; }

 private:
  struct Question;
  struct Request;
  std::optional<http::ConnectionView> look_here(unsigned shard, NativeHandle handle) const;

  StallWatcher* const watcher_;
  mutable std::mutex mutex_;
  std::vector<Shard> shards_;
  std::vector<Listener> listeners_;
  void (*give_way_)(void* context) noexcept = nullptr;
  void* obeys_ = nullptr;
  Succession succession_;
  std::atomic<bool> draining_{false};
};

}  // namespace vigil::app
