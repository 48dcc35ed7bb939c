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
  // All shards serve.
  void begins() noexcept { serves_.store(true, std::memory_order_relaxed); }
  bool serves() const noexcept { return serves_.load(std::memory_order_relaxed); }
  // Not ready any more: connections are not taken.
  void drains() noexcept { draining_.store(true, std::memory_order_relaxed); }
  bool draining() const noexcept { return draining_.load(std::memory_order_relaxed); }

  // What came of the last try to give the server's place to a new process.
  struct Succession {
    std::uint64_t tries = 0;   // so far
    std::int32_t process = 0;  // that serves now; 0: none took the place
    std::string said;          // a sentence
  };
  // Who is to hear of something, on its own loop. One without a loop hears nothing: so it takes
  // that back before `context` goes.
  struct Ear {
    Loop* loop = nullptr;
    void (*heard)(void* context) noexcept = nullptr;
    void* context = nullptr;
  };
  // Shard 0 hears that a new process is asked for, and tells what came of it; the admin loop hears
  // that one serves.
  void hear_of_wish(const Ear& ear) noexcept;
  void hear_of_successor(const Ear& ear) noexcept;
  // False: nobody hears.
  bool ask_to_give_way() const;
  void tell_succession(std::int32_t process, std::string said);
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
  struct Word;
  void say(Ear Panel::* to) const;
  std::optional<http::ConnectionView> look_here(unsigned shard, NativeHandle handle) const;

  StallWatcher* const watcher_;
  mutable std::mutex mutex_;
  std::vector<Shard> shards_;
  std::vector<Listener> listeners_;
  Ear of_wish_;
  Ear of_successor_;
  Succession succession_;
  std::atomic<bool> serves_{false};
  std::atomic<bool> draining_{false};
};

}  // namespace vigil::app
