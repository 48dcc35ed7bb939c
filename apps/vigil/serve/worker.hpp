// Worker: what one shard of `vigil serve` has for itself, and what it is told to do.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "serve/handler.hpp"
#include "serve/opened.hpp"
#include "vigil/coro/sync.hpp"
#include "vigil/runtime/stall_watcher.hpp"

namespace vigil::app {

class Conductor;

// Why a worker that has ended opens nothing.
inline constexpr std::string_view kEnded = "vigil serve: cannot begin to serve: a shard has ended.";

// Of one loop, and used on it alone. The Conductor finds it by the number of its shard, on that
// shard. What is to change comes in two steps: all is opened, then it takes effect, or is let go.
//
// Who comes with something to do that waits holds a share in it: it may have to end meanwhile.
class Worker : public std::enable_shared_from_this<Worker> {
 public:
  explicit Worker(Conductor& conductor);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  struct Ended {
    std::uint64_t unwritten = 0;  // lines of the log, at most
    bool failed = false;          // it stopped before it was told to, and said why
  };
  // Its whole life, until it was told to end and all its connections have.
  static Task<Ended> live(Conductor* conductor);

  // The first step. Sites and log, then listeners: what is in the way, as a whole sentence, or
  // nothing.
  Task<std::string> open(const Plan* plan);
  std::string take(const Plan* plan);
  // For a log that is to be opened again alone: why it cannot be.
  Task<std::string> open_log_again(const Plan* plan);

  // The second: cannot fail, and may come twice.
  void apply() noexcept;
  void discard() noexcept;

  // No connection is taken any more; then idle ones are closed, and the last answers of others say
  // so.
  void begin_drain() noexcept;
  void begin_drain_elsewhere() noexcept;  // the same, and another process accepts now
  void cut_off() noexcept;

  // Whose requests are under way.
  std::vector<Address> peers() const { return server_.active_peers(); }
  const http::Server& server() const noexcept { return server_; }
  http::Server& server() noexcept { return server_; }

 private:
  // Accepts for this shard, until its last connection has ended.
  struct Listening {
    std::shared_ptr<Place> place;
    TcpListener listener;
    Drain accepting{kForever};  // the cut is the conductor's
    ManualResetEvent decided;   // whether it is to be used
    bool used = false;
  };

  http::ServerOptions options(Conductor& conductor) noexcept;
  // Three scopes, each outliving the next: the log is written until the last answer is in it;
  // changes are followed while anything is served.
  static Task<> with_log(Scope& log, Worker* self);
  static Task<> with_helpers(Scope& helpers, Worker* self);
  static Task<> with_servers(Scope& servers, Worker* self);
  static Task<> serve_one(Worker* self, std::unique_ptr<Listening> listening);
  static Task<> follow_changes(Hosts::Shared hosted);
  static void leave(const Hosts& hosts) noexcept;
  Task<std::error_code> open_log_of(const Plan* plan, Opened* into);

  Conductor& conductor_;
  const unsigned shard_;
  Service service_;
  Drain drain_{kForever};  // likewise
  http::Server server_;
  std::vector<Listening*> listeners_;
  std::unique_ptr<StallWatcher::Watch> watch_;
  std::unique_ptr<Opened> next_;
  Scope* helpers_ = nullptr;
  Scope* serving_ = nullptr;
  ManualResetEvent over_;
  bool failed_ = false;
};

}  // namespace vigil::app
