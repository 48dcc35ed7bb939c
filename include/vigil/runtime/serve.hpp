// serve: a server as a whole program. It listens, serves until a signal says to end, drains, and
// returns what main returns.
#pragma once

#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "vigil/coro/scoped.hpp"
#include "vigil/net/serve_turns.hpp"
#include "vigil/os/signals.hpp"
#include "vigil/runtime/accept.hpp"
#include "vigil/runtime/run.hpp"
#include "vigil/runtime/shards.hpp"

namespace vigil {

struct ProgramOptions {
  // Begins every sentence that the program says on standard error (Host::log).
  std::string name = "vigil";
  LoopOptions loop = {};
  ListenOptions listen = {};
  std::size_t max_connections = 0;  // more are closed at once; 0: as many as descriptors allow
  // How long connections may go on after the first signal; then they are cut off, and counted.
  Nanos drain = std::chrono::seconds(30);
  Nanos idle_timeout{};   // of serve_turns: see ServeOptions
  bool announce = false;  // prints "listening on ADDRESS" on standard output when it does
  // Loops, each on a thread of its own but for the first; 0: as many as the process may use
  // processors for. See ShardsOptions for this and the next two.
  unsigned shards = 1;
  bool pin = false;
  std::size_t mailbox = 256;
  AcceptStrategy accept = AcceptStrategy::reuseport;  // who gets a connection, with several shards
};

// What a server program has on one of its shards.
struct ServerShard {
  TcpListener& listener;
  Drain& drain;
  Shards& shards;
  unsigned index;        // which of them this is
  Acceptors& acceptors;  // the listeners of all: their figures
};

namespace detail {

// What a server program has while it runs: its listeners, and the signals that end it. It is shard
// 0's; of a Seat each shard has its own.
class ServerProgram {
 public:
  ServerProgram(std::string_view address, const ProgramOptions& options)
      : options_(options), text_(address) {}

  ShardsOptions shards_options() const {
    return {.count = options_.shards,
            .pin = options_.pin,
            .mailbox = options_.mailbox,
            .loop = options_.loop,
            .name = options_.name};
  }

  // Reads the address and takes the signals. False: it said what is in the way.
  bool prepare();
  // Listens for all shards. False as above.
  Task<bool> listen(Shards& shards);
  // Begins to drain at the first signal, and cancels `serving` at the second. `helpers`: where it
  // tells the other shards.
  static Task<> follow_signals(ServerProgram* self, Scope* helpers, Scope* serving);
  // Accepts for the others, where that is asked for, until the drain.
  static Task<> hand_out(ServerProgram* self, Scope* serving);
  void cannot_hear(std::error_code why);
  void cannot_start(std::error_code why);
  // A shard's part ended for good: says why, if it should not have.
  void ended(const Result<>& result);
  // Says what has to be said of how it went.
  void report();

  bool draining() const noexcept { return draining_; }
  int status() const noexcept { return status_; }
  Shards& shards() noexcept { return *shards_; }

  // What one shard has, used on its loop; other shards look at nothing of it.
  struct alignas(64) Seat {
    Drain* drain = nullptr;
    bool draining = false;
    ServeFigures figures;
  };
  Seat& seat(unsigned shard) noexcept { return seats_[shard]; }

  // On a shard: its listener and its drain, for as long as this lives.
  class Here {
   public:
    explicit Here(ServerProgram& program);
    ~Here() { seat_.drain = nullptr; }
    Here(const Here&) = delete;
    Here& operator=(const Here&) = delete;

    const Result<>& ready() const noexcept { return ready_; }
    ServerShard& shard() noexcept { return shard_; }
    // For a body that is vigil::serve itself.
    ServeOptions serve_options() noexcept;
    // Whether its body, which ended so, is to begin anew, and after how long: a shard that fails
    // does not take the others with it, unless it goes on failing.
    std::optional<Nanos> again(const std::string& why);

   private:
    ServerProgram& program_;
    Seat& seat_;
    TcpListener listener_;
    Drain drain_;
    ServerShard shard_;
    Result<> ready_;
    unsigned failures_ = 0;
    Instant began_;
  };

 private:
  bool fail(const std::string& sentence, int status);
  void say(const std::string& sentence) const;
  Task<> announce();
  static Task<> begin_drain(ServerProgram* self);

  const ProgramOptions& options_;
  std::string text_;
  Address address_;
  std::optional<os::Signals> signals_;
  Shards* shards_ = nullptr;
  std::unique_ptr<Acceptors> acceptors_;
  std::unique_ptr<Seat[]> seats_;
  bool draining_ = false;
  int status_ = 0;
};

// Why a body ended, for the log.
std::string why_it_ended(const Result<>& result, const std::exception_ptr& thrown);

// A copy of an argument for one of several runs of a body; what cannot be copied is moved, and then
// there is one run.
template <class T>
T another(T& argument) {
  if constexpr (std::is_copy_constructible_v<T>) {
    return T(std::as_const(argument));
  } else {
    return std::move(argument);
  }
}

// Runs the body on this shard, and anew when it failed and others go on.
template <class F, class... A>
Task<Result<>> serve_shard(ServerProgram* program, F body, A... args) {
  constexpr bool kOnce = !(std::is_copy_constructible_v<A> && ...);
  ServerProgram::Here here(*program);
  if (!here.ready()) {
    co_return here.ready();
  }
  const bool alone = program->shards().size() == 1;
  check(
      alone || !kOnce,
      "a server's arguments cannot be copied, and each of its shards needs them: run one shard, or "
      "pass what can be copied");
  for (;;) {
    std::exception_ptr thrown;
    Result<> result;
    try {
      auto task = body(here, another(args)...);
      result = co_await std::move(task);
    } catch (...) {
      thrown = std::current_exception();
    }
    if (alone && thrown) {
      std::rethrow_exception(thrown);
    }
    const bool whole = result && !thrown;
    if (alone || whole || here.shard().drain.begun() ||
        (!thrown && result.error() == std::errc::operation_canceled)) {
      co_return result;
    }
    const auto pause = here.again(why_it_ended(result, thrown));
    if (!pause) {
      co_return error(std::errc::state_not_recoverable);
    }
    if (const Result<> slept = co_await sleep_for(*pause); !slept) {
      co_return slept;
    }
  }
}

template <class F, class... A>
Task<> serve_elsewhere(ServerProgram* program, Scope* serving, unsigned shard, F body, A... args) {
  Result<> result;
  for (;;) {
    auto call =
        program->shards().run_on(shard, &serve_shard<F, A...>, program, body, another(args)...);
    result = co_await std::move(call);
    if (result || result.error() != std::errc::not_enough_memory) {
      break;
    }
    // It did not begin: there may be memory for it later.
    if (const Result<> slept = co_await sleep_for(kAcceptPause); !slept) {
      co_return;
    }
  }
  program->ended(result);
  if (!result && !program->draining()) {
    serving->cancel();
  }
}

// Without somebody who hears the signals it could not be ended in order: then it does not begin.
template <class F, class... A>
Task<> serve_everywhere(Scope& serving, ServerProgram* program, Result<> hears, F body, A... args) {
  const unsigned count = program->shards().size();
  if (hears && count > 1) {
    hears = serving.spawn(&ServerProgram::hand_out, program, &serving);
  }
  for (unsigned shard = 1; shard < count && hears; ++shard) {
    hears =
        serving.spawn(&serve_elsewhere<F, A...>, program, &serving, shard, body, another(args)...);
  }
  if (!hears) {
    program->cannot_hear(hears.error());
    serving.cancel();
    co_return;
  }
  auto own = serve_shard<F, A...>(program, body, std::move(args)...);
  const Result<> result = co_await std::move(own);
  program->ended(result);
  if (!result && !program->draining()) {
    serving.cancel();
  }
}

template <class F, class... A>
Task<> serve_with_signals(Scope& helpers, ServerProgram* program, F body, A... args) {
  auto serving = scoped(
      [](Scope& scope, Scope* outer, ServerProgram* of, F each, A... with) -> Task<> {
        const Result<> hears = outer->spawn(&ServerProgram::follow_signals, of, outer, &scope);
        return serve_everywhere(scope, of, hears, each, std::move(with)...);
      },
      &helpers, program, body, std::move(args)...);
  co_await std::move(serving);
  helpers.cancel();
}

template <class F, class... A>
Task<> serve_on_shards(Shards& shards, ServerProgram* program, F body, A... args) {
  auto listening = program->listen(shards);
  if (co_await std::move(listening)) {
    auto whole = scoped(&serve_with_signals<F, A...>, program, body, std::move(args)...);
    co_await std::move(whole);
    program->report();
  }
}

template <class F, class... A>
Task<int> server_main(std::string_view address, const ProgramOptions* options, F body, A... args) {
  ServerProgram program(address, *options);
  if (program.prepare()) {
    auto whole = with_shards(program.shards_options(), &serve_on_shards<F, A...>, &program, body,
                             std::move(args)...);
    const Result<> started = co_await std::move(whole);
    if (!started && !program.draining() && program.status() == 0) {
      program.cannot_start(started.error());
    }
  }
  co_return program.status();
}

// The kinds of bodies: one that has a shard, one that serves a listener, one that serves a
// connection, and one that has its turns.
template <class F, class... A>
Task<Result<>> run_server_body(ServerProgram::Here& here, F body, A... args) {
  if constexpr (std::is_invocable_v<F, ServerShard&, A...>) {
    return body(here.shard(), std::move(args)...);
  } else {
    return body(here.shard().listener, here.shard().drain, std::move(args)...);
  }
}

template <class F, class... A>
Task<Result<>> run_handlers(ServerProgram::Here& here, F handler, A... args) {
  return serve(here.shard().listener, here.serve_options(), handler, std::move(args)...);
}

template <class F, class... A>
Task<Result<>> run_turns(ServerProgram::Here& here, F turn, A... args) {
  return serve_turns(here.shard().listener, here.serve_options(), turn, std::move(args)...);
}

template <class F, class... A>
constexpr auto server_body() noexcept {
  if constexpr (std::is_invocable_v<F, TcpListener&, Drain&, A...> ||
                std::is_invocable_v<F, ServerShard&, A...>) {
    return &run_server_body<F, A...>;
  } else if constexpr (std::is_invocable_r_v<Task<After>, F, TcpStream&, A...>) {
    return &run_turns<F, A...>;
  } else {
    return &run_handlers<F, A...>;
  }
}

}  // namespace detail

// run(), for a program that says its own name in its sentences: `options.name` and `options.loop`
// count.
template <TaskBody F, class... A>
int run(const ProgramOptions& options, F body, A... args) {
  return detail::run_named(options.name, options.loop, body, std::move(args)...);
}

// A server with a frame of its own: listens on `address` (as Address::parse reads it) and runs
// `body(listener, drain, args...)`, a Task<Result<>>, which serves until the drain is over; returns
// the exit status for main. A body may take a ServerShard& in place of the two.
//
// With `options.shards` other than 1 it runs so on each shard, with copies of the arguments: what
// they point at is then used by several threads. Connections are counted against a share of
// `max_connections` on each. A body that fails on one of several shards is begun anew after a
// moment, which grows, and its listener stays; one that fails eight times in a row within seconds
// ends the program. Signals are heard by shard 0, and the drain begins on all.
//
// It asks for SIGTERM and SIGINT (os::Signals), so no thread that lets them through may run before:
// the first begins the drain, the second cancels the body. Standard error hears one sentence of
// what went wrong: the status is 2 for an address or an engine that does not exist, 1 if it cannot
// listen or the body failed, 0 if it was told to end.
template <TaskBody F, class... A>
int run_server(std::string_view address, ProgramOptions options, F body, A... args) {
  constexpr auto kBody = &detail::run_server_body<F, A...>;
  return detail::run_named(options.name, options.loop,
                           &detail::server_main<std::remove_const_t<decltype(kBody)>, F, A...>,
                           address, static_cast<const ProgramOptions*>(&options), kBody, body,
                           std::move(args)...);
}

// The whole of a server: runs `handler(stream, args...)`, a Task<>, for each connection. A signal
// ends it as above; while it drains, a handler that waits for its peer in receive() is told the
// end, as if the peer had ended, and whoever is at work finishes first.
template <TaskBody F, class... A>
int serve(std::string_view address, ProgramOptions options, F handler, A... args) {
  constexpr auto kBody = &detail::run_handlers<F, A...>;
  return detail::run_named(options.name, options.loop,
                           &detail::server_main<std::remove_const_t<decltype(kBody)>, F, A...>,
                           address, static_cast<const ProgramOptions*>(&options), kBody, handler,
                           std::move(args)...);
}

template <TaskBody F>
int serve(std::string_view address, F handler) {
  return serve(address, ProgramOptions{}, handler);
}

// The same with hibernation: runs `turn(stream, args...)`, a Task<After>, whenever something comes
// for a connection (see serve_turns() of net/serve_turns.hpp).
template <TaskBody F, class... A>
int serve_turns(std::string_view address, ProgramOptions options, F turn, A... args) {
  constexpr auto kBody = &detail::run_turns<F, A...>;
  return detail::run_named(options.name, options.loop,
                           &detail::server_main<std::remove_const_t<decltype(kBody)>, F, A...>,
                           address, static_cast<const ProgramOptions*>(&options), kBody, turn,
                           std::move(args)...);
}

// What serve() and run_server() run, as a task of a loop that is there: for a program with a main
// of its own, and for a host of a simulation. `body` is a handler of a connection, has its turns or
// serves the listener, as above; the result is the exit status. `options.loop` does not count.
template <TaskBody F, class... A>
Task<int> server_program(std::string address, ProgramOptions options, F body, A... args) {
  constexpr auto kBody = detail::server_body<F, A...>();
  auto program = detail::server_main<std::remove_const_t<decltype(kBody)>, F, A...>(
      address, &options, kBody, body, std::move(args)...);
  co_return co_await std::move(program);
}

}  // namespace vigil
