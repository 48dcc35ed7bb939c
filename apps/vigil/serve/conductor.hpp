// Conductor: one run of `vigil serve` as shard 0 sees it: its signals, its configuration, and its
// workers, one on each shard.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "admin/panel.hpp"
#include "config/load.hpp"
#include "processes/parent.hpp"
#include "serve/opened.hpp"
#include "serve/places.hpp"
#include "serve/shortage.hpp"
#include "serve/succession.hpp"
#include "serve/supervisor.hpp"
#include "vigil/coro/sync.hpp"
#include "vigil/os/signals.hpp"
#include "vigil/runtime/shards.hpp"

namespace vigil::app {

class Worker;

// How long the last lines of the log may take.
inline constexpr Nanos kLogGoodbye = std::chrono::seconds(2);

// One sentence on standard error. Any shard.
void complain(const std::string& sentence);
// On standard output: lines of listening_on(), and the status address, if there is one.
Task<> announce(std::string lines, std::string status_at);
std::string listening_on(const std::string& place);

// Shard 0's, but for what says otherwise. The first configuration is in effect when it is made.
class Conductor {
 public:
  // What comes from outside, and outlives it.
  struct Around {
    const config::Source& source;
    Panel& panel;
    PassedSockets& passed;
    Supervisor& supervisor;
    Predecessor& predecessor;
    Parent& parent;
    const Origin& origin;
    NativeHandle status;     // the socket of its address, or none
    std::string admin_path;  // of the admin socket, if that takes it when all shards serve
  };
  Conductor(const Around& around, const config::Configuration& first, const Means& means,
            os::Signals signals, std::string status_at)
      : panel_(around.panel),
        passed_(around.passed),
        supervisor_(around.supervisor),
        predecessor_(around.predecessor),
        parent_(around.parent),
        origin_(around.origin),
        status_(around.status),
        admin_path_(around.admin_path),
        status_at_(std::move(status_at)),
        source_(around.source),
        configuration_(first),
        means_{.descriptors = means.descriptors - std::min(means.descriptors, passed_.size()),
               .memory = means.memory},
        signals_(std::move(signals)) {
    passed_.stand_in(configuration_);
  }

  ShardsOptions shards_options() const;
  // Serves until a signal has ended it: the body of with_shards().
  static Task<> conduct(Shards& shards, Conductor* self);
  void cannot_start(std::error_code why);
  // It said what is in the way.
  bool failed() const noexcept { return failed_; }

  // ---- Any shard. ----

  Shards& shards() const noexcept { return *shards_; }
  Panel& panel() const noexcept { return panel_; }
  http::ConnectionCount& connections() noexcept { return connections_; }
  ShortageTeller& shortage() noexcept { return shortage_; }
  // The worker of that shard, for that shard; null: it is not there yet, or not any more.
  Worker*& seat(unsigned shard) noexcept { return seats_[shard].worker; }
  // While shard 0 waits for this one.
  const cli::Settings& settings() const noexcept { return configuration_.program.values; }
  // LogSink::carry: writes lines to the stream that shard 0 has.
  static Task<Result<>> carry_lines(void* conductor, std::string_view lines);

 private:
  // What all workers are told in the same way.
  using Order = void (Worker::*)() noexcept;
  // What each is asked, on its shard; what is in the way, or nothing.
  using Question = Task<std::string> (*)(Conductor* self, const Plan* plan);

  // Three scopes, each outliving the next.
  static Task<> with_helpers(Scope& helpers, Conductor* self);
  static Task<> with_workers(Scope& workers, Conductor* self);
  static Task<> employ(Conductor* self, unsigned shard);
  Task<> begin(Scope* workers);
  void start(Plan& plan);
  Task<> take_place();
  void say_ready() noexcept;
  void fail(const std::string& sentence);
  void cannot_begin(std::error_code why);

  // Opens all that the configuration of `plan` names and is not there, here and on all shards. What
  // is in the way, as a whole sentence, or nothing.
  Task<std::string> prepare(Plan* plan);
  Task<std::error_code> open_log_for(Plan* plan);
  Task<std::string> ask_all(Question what, const Plan* plan);
  static Task<> tell(Conductor* self, const Order* order);
  static Task<> obey(Conductor* self, Order order);
  // Takes in what was opened; all that can fail comes before anything is changed.
  Result<> take_in(Plan& plan);
  static Task<> hand_out(Conductor* self, std::shared_ptr<Place> place);
  static Task<Result<>> write_here(Conductor* self, std::string_view lines);

  // ending.cpp: signals, and the end in order.
  static Task<> follow_signals(Conductor* self);
  static Task<> follow_parent(Conductor* self);
  void obey_parent(std::string_view order);
  static Task<Result<int>> next_signal(Scope& waiting, Conductor* self);
  void begin_drain(bool elsewhere = false) noexcept;
  void cut_off(bool named) noexcept;
  static Task<> end_in_order(Conductor* self);
  Task<> name_who_holds_on();

  // reload.cpp: what SIGHUP, SIGUSR1 and SIGUSR2 ask for, one after the other.
  void ask_for(bool& what) noexcept;
  void do_what_is_asked() noexcept;
  static Task<> maintain(Conductor* self);
  Task<> reload();
  Task<> reopen_log();
  Task<> give_way();
  Task<> take_over(config::Reading reading);
  std::vector<std::string> keep_what_is_fixed(config::Configuration& next) const;
  void say_what_changes(const Plan& plan, std::vector<std::string>& told) const;
  static bool stays(const Place& place, const config::Configuration& next) noexcept;
  void close_places_but(const config::Configuration& next) noexcept;

  struct alignas(64) Seat {
    Worker* worker = nullptr;
  };

  Panel& panel_;
  PassedSockets& passed_;
  Supervisor& supervisor_;
  Predecessor& predecessor_;
  Parent& parent_;
  const Origin& origin_;
  const NativeHandle status_;
  const std::string admin_path_;
  const std::string status_at_;  // empty: nowhere
  const config::Source& source_;
  config::Configuration configuration_;
  const Means means_;
  http::ConnectionCount connections_;  // of all shards
  os::Signals signals_;
  Shards* shards_ = nullptr;
  ShortageTeller shortage_;
  std::vector<Seat> seats_;
  Places places_;
  Places left_;  // of a reload that was refused: some shard may not have let go of them yet
  std::shared_ptr<LogSink> log_;  // null: it was off from the start
  Scope* helpers_ = nullptr;
  Scope* waiting_ = nullptr;  // for a signal
  ManualResetEvent drain_;
  ManualResetEvent cut_;
  Instant cut_at_ = kNever;  // until it drains
  std::uint64_t unwritten_ = 0;
  bool named_ = false;
  bool started_ = false;  // who ends it in order is there
  bool failed_ = false;
  bool maintaining_ = true;  // or beginning
  bool reload_ = false;
  bool reopen_ = false;
  bool give_way_ = false;
  bool reloaded_ = false;       // what came of the last
  std::string parents_reload_;  // the number by which the parent waits for the next, if it does
  bool elsewhere_ = false;      // another process accepts now
};

}  // namespace vigil::app
