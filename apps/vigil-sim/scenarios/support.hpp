// What scenarios share: payloads that say whose they are, the books of a run, and the errors that a
// request may end with.
#pragma once

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "kernel/random.hpp"
#include "scenarios/scenario.hpp"
#include "vigil/sim/world.hpp"
#include "vigil/vigil.hpp"

namespace vigil::scenarios {

// A payload's bytes follow from its key and their place, and from nothing else: who gets another's,
// or a part of it, or an older one, sees it in the first bytes.
class Payload {
 public:
  Payload(std::uint64_t connection, std::uint64_t request) noexcept;
  void fill(std::span<std::byte> room, std::uint64_t offset = 0) const noexcept;
  bool matches(ByteView bytes, std::uint64_t offset = 0) const noexcept;
  std::string text(std::size_t size) const;  // letters and digits

 private:
  std::uint64_t word(std::uint64_t index) const noexcept;
  std::uint64_t key_;
};

// What the programs of a run tell it. It lives as long as any of them: each holds a share.
class Books {
 public:
  // Of a run that outlives all that its programs do.
  explicit Books(Run& run) noexcept
      : run_(run), strict_(run.strict), small_(run.size == Size::small) {}

  void answered() noexcept { ++answered_; }
  // A request ended with an error. It must name a cause that the weather can have; where nothing
  // can go wrong, there is none.
  void failed(const std::error_code& error, std::string_view doing);
  // The connection ended in the middle of a request, in order.
  void ended(std::string_view doing);
  // No answer came, and none had been promised.
  void lost() noexcept { ++failed_; }
  // What must not be.
  static void wrong(std::string what);
  static void must(bool holds, const char* what) {
    if (!holds) {
      wrong(what);
    }
  }

  std::uint64_t answered_count() const noexcept { return answered_; }
  std::uint64_t failed_count() const noexcept { return failed_; }
  std::uint64_t requests() const noexcept { return answered_ + failed_; }
  bool strict() const noexcept { return strict_; }
  // Something of the run was told to end before its time: what was to come of it need not.
  bool interrupted() const noexcept { return run_.cancelled; }
  // `full` in a run of full size, `small` in one for the fault points.
  std::uint64_t size(std::uint64_t full, std::uint64_t small) const noexcept {
    return small_ ? small : full;
  }
  bool is_small() const noexcept { return small_; }

  // Clients, numbered from 0, and who of them has done all there is to do: a crash may have a
  // client say so twice.
  void expect(std::uint64_t clients) { done_.assign(clients, false); }
  void done(std::uint64_t client) noexcept { done_[client] = true; }
  std::uint64_t busy() const noexcept {
    return static_cast<std::uint64_t>(std::count(done_.begin(), done_.end(), false));
  }

 private:
  const Run& run_;
  std::vector<bool> done_;
  bool strict_;
  bool small_;
  std::uint64_t answered_ = 0;
  std::uint64_t failed_ = 0;
};
using Shared = std::shared_ptr<Books>;

// Whether `error` tells a user why a request failed: not one that speaks of the library's insides.
bool names_a_cause(const std::error_code& error) noexcept;

// Sleeps a time around `mean`, from half of it to one and a half.
Sleep think(sim::Random& random, Nanos mean) noexcept;

// Waits before another try; false: cancelled.
Task<bool> back_off(sim::Random& random, unsigned tries);

// SIGTERM, and tries again while there is no memory or descriptor for it.
Task<Result<os::Signals>> signals_at_last();
Address address_of(const std::string& text);

// A server that gives its connections ten seconds to end.
inline ProgramOptions server_options(std::string name) {
  return {.name = std::move(name), .drain = std::chrono::seconds(10)};
}

// Runs the world until `done`, and interrupts the run where that is asked for. False: `at_most` has
// passed, nothing moves any more, or the run failed.
bool run_until(Run& run, const std::function<bool()>& done, Nanos at_most);

// The programs of a run. One that gave up by itself, for want of memory or descriptors, is started
// again, as whoever keeps a service running would; where nothing excuses that, it is a failure.
class Programs {
 public:
  using Start = std::function<sim::Program()>;
  // A server runs until it is told to end; a client ends with 0 when it has done its work.
  void add_server(Start start) { add(std::move(start), true); }
  void add_client(Start start) { add(std::move(start), false); }
  bool any_gave_up() const;
  void start_again(Run& run);
  void signal(int number);
  // All ended with status 0; says which did not.
  void check_ends(Run& run) const;

 private:
  struct Kept {
    Start start;
    sim::Program program;
    bool is_server;
    bool gave_up() const;
  };
  void add(Start start, bool is_server);
  std::vector<Kept> kept_;
};

// Runs until no client is busy, and fails if that takes longer than `at_most`.
void until_done(Run& run, const Shared& books, Programs& programs, Nanos at_most);

// Ends a run whose clients have nothing more to do: fair weather, SIGTERM to the servers, and all
// must end with status 0 in good time. Then the run's counts are written down.
void finish(Run& run, const Shared& books, Programs& programs);

// A server and many clients of it. `Shape` says how many hosts, connections of each, and requests
// of each connection; what a client has done survives its host.
struct Crowd : Books {
  using Books::Books;
  std::vector<std::uint64_t> progress;
};

template <class Shape, TaskBody F>
Task<> crowd_in(Scope& scope, F client, Address server, Shape shape, std::uint64_t host,
                std::uint64_t seed, Crowd* crowd) {
  for (std::uint64_t i = 0; i < shape.connections; ++i) {
    const std::uint64_t id = host * shape.connections + i;
    while (!scope.spawn(client, server, shape, id, seed * 1000 + id, &crowd->progress[id],
                        static_cast<Books*>(crowd))) {
      if (!co_await sleep_for(std::chrono::milliseconds(10))) {
        co_return;  // cancelled while there was no memory for a frame
      }
    }
  }
}

template <class Shape, TaskBody F>
Task<> crowd_program(F client, Address server, Shape shape, std::uint64_t host, std::uint64_t seed,
                     std::shared_ptr<Crowd> crowd) {
  for (bool again = true; again;) {
    again = false;
    try {
      auto whole = scoped(&crowd_in<Shape, F>, client, server, shape, host, seed, crowd.get());
      co_await std::move(whole);
    } catch (const std::bad_alloc&) {
      crowd->failed(std::make_error_code(std::errc::not_enough_memory), "a client");
      again = true;
    }
  }
  crowd->done(host);
}

template <class Shape, TaskBody S, TaskBody F>
void play_crowd(Run& run, Shape shape, std::uint16_t port, S server, F client,
                const std::function<void(sim::Host&)>& prepare = {}) {
  auto crowd = std::make_shared<Crowd>(run);
  shape.requests = crowd->size(shape.requests, std::min<std::uint64_t>(shape.requests, 2));
  shape.connections = crowd->size(shape.connections, std::min<std::uint64_t>(shape.connections, 2));
  shape.hosts = crowd->size(shape.hosts, 1);
  crowd->progress.resize(shape.hosts * shape.connections);
  crowd->expect(shape.hosts);
  sim::Host host = run.world.host("server");
  if (prepare) {
    prepare(host);
  }
  Programs programs;
  programs.add_server([host, server]() mutable { return host.start_always("server", server); });
  const Address address = address_of(host.address(port));
  for (std::uint64_t i = 0; i < shape.hosts; ++i) {
    sim::Host from = run.world.host("client" + std::to_string(i));
    const std::uint64_t seed = run.world.seed();
    programs.add_client([=]() mutable {
      return from.start_always("client", &crowd_program<Shape, F>, client, address, shape, i, seed,
                               crowd);
    });
  }
  until_done(run, crowd, programs, std::chrono::hours(12));
  finish(run, crowd, programs);
}

// One program on one machine, which does the same thing in many rounds.
using Alone = Task<> (*)(Books* books, sim::Random* random);
void play_alone(Run& run, Alone body, std::uint64_t rounds);

}  // namespace vigil::scenarios
