// Family: the parent of several processes that serve (`--processes`). It keeps the listeners, so
// that a process may die and come back without one being closed, and serves nobody itself.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/load.hpp"
#include "processes/backoff.hpp"
#include "processes/child.hpp"
#include "serve/serve.hpp"
#include "serve/supervisor.hpp"
#include "vigil/coro/sync.hpp"
#include "vigil/os/signals.hpp"
#include "vigil/runtime/bound.hpp"

namespace vigil::app {

// The main task of the parent: until all processes have ended. The exit status.
Task<int> serve_by_processes(const Beginning* beginning);

// One loop's.
class Family {
 public:
  // What comes from outside, and outlives it.
  struct Around {
    const config::Source& source;
    const Origin& origin;
    PassedSockets& passed;
    Supervisor& supervisor;
  };
  Family(const Around& around, const config::Configuration& first, std::uint64_t descriptors,
         os::Signals signals);

  // Binds all that the configuration names. What is in the way, as a whole sentence, or nothing.
  std::string open();
  // To say where it is, when all serve.
  void show_status_at(std::string at) { status_at_ = std::move(at); }
  // Serves until a signal has ended it. `helper` runs beside the processes.
  static Task<> live(Family* self, Task<> (*helper)(Family* family, void* context), void* context);
  bool failed() const noexcept { return failed_; }

  // ---- For who answers for all of them. ----

  struct Member {
    Child::Post post;
    std::vector<Child::Gift> gifts;
    std::shared_ptr<Child> current;           // null: it is being started again
    std::vector<std::shared_ptr<Child>> all;  // this one, who leaves, and who begins
    Backoff backoff;
    std::uint64_t restarts = 0;  // without having been asked for
    bool replacing = false;
  };
  const std::vector<Member>& members() const noexcept { return members_; }
  bool draining() const noexcept { return drain_.is_set(); }
  // All of them serve.
  bool ready() const noexcept;
  // Replaces each process by a new one, one after the other. What came of it.
  struct Replaced {
    bool all = false;
    std::string said;
  };
  Task<Replaced> replace();

 private:
  struct Held {
    cli::Endpoint endpoint;
    BoundSockets sockets;
    const PassedSockets::Passed* passed = nullptr;  // in place of them
    std::string text() const;
  };

  static Task<> with_helpers(Scope& helpers, Family* self,
                             Task<> (*helper)(Family* family, void* context), void* context);
  static Task<> with_children(Scope& children, Family* self);
  std::string open_one(const cli::Settings& settings);
  void hand_out();

  // family_life.cpp: one process, from its start to its end and again.
  struct Raised {
    bool serves = false;
    bool silent = false;   // it said why not
    std::string why = {};  // a sentence
  };
  Task<Raised> raise(Member* member);
  static Task<> begin(Family* self, Member* member);
  static Task<> attend(Family* self, Member* member, std::shared_ptr<Child> child);
  Task<std::shared_ptr<Child>> revive(Member* member, Nanos served);
  static Task<Result<>> drained(Family* self);
  Task<> all_serve();
  std::string name_of(const Member& member, const Child& child) const;

  // family_orders.cpp: signals, and what all are told.
  static Task<> follow_signals(Family* self);
  static Task<> maintain(Family* self);
  void ask_for(bool& what);
  void do_what_is_asked();
  Task<> reload();
  Task<> tell_all(std::string_view order);
  void begin_drain();
  static Task<> end_in_order(Family* self);
  static Task<Result<>> cut(Family* self);
  void fail(const std::string& sentence);
  void say_ready();

  const config::Source& source_;
  const Origin& origin_;
  PassedSockets& passed_;
  Supervisor& supervisor_;
  std::string status_at_;  // empty: nowhere
  config::Configuration configuration_;
  unsigned shards_;  // of each
  os::Signals signals_;
  std::vector<Held> held_;
  std::vector<Member> members_;
  std::size_t begun_ = 0;
  Scope* helpers_ = nullptr;
  Scope* children_ = nullptr;
  Semaphore replacing_{1};
  ManualResetEvent drain_;
  ManualResetEvent cut_;
  ManualResetEvent first_;  // one serves, or none will
  bool failed_ = false;
  bool maintaining_ = true;  // or beginning
  bool reload_ = false;
  bool reopen_ = false;
  bool replace_ = false;
};

}  // namespace vigil::app
