// `vigil serve` on several shards, asked by many while it is told to end, or to give its place to
// another process. In weather that can lose nothing, nothing may be lost.
#include <algorithm>
#include <array>
#include <csignal>
#include <optional>
#include <vector>

#include "scenarios/rows.hpp"
#include "scenarios/serve_programs.hpp"
#include "scenarios/support.hpp"
#include "world/core.hpp"

namespace vigil::scenarios {
namespace {

constexpr std::string_view kProgram = "/bin/vigil";
constexpr Nanos kDrain = std::chrono::seconds(10);
// A connection that rested less when it is asked must be answered, whatever becomes of the server.
constexpr Nanos kMayRest = std::chrono::milliseconds(450);
// From the signal until every shard knows of it, in weather that tells of things late.
constexpr Nanos kKnown = std::chrono::milliseconds(150);
// A server that serves lets in whoever connects, at once.
constexpr Nanos kLetIn = std::chrono::milliseconds(300);
constexpr std::size_t kLarge = 3;  // the first of the files that take several reads

constexpr std::array<std::size_t, 5> kSizes{0, 90, 9000, 70'000, 300'000};

struct Stand : Crowd {
  using Crowd::Crowd;
  bool open = false;  // nobody has told it to end: who connects is let in
  bool over = false;
  unsigned round = 0;  // of beginning and ending
  Nanos told = kForever;
};

struct Shape {
  std::uint64_t hosts = 2;
  std::uint64_t connections = 6;
  std::uint64_t rounds = 3;
  Stand* stand = nullptr;
};

// Faults of the weather that is there by which no request can be lost: they stay.
void make_gentle(Run& run) {
  constexpr std::array kGentle{sim::Fault::short_read,      sim::Fault::short_write,
                               sim::Fault::interrupted,     sim::Fault::spurious_event,
                               sim::Fault::late_event,      sim::Fault::disk_slow,
                               sim::Fault::late_lane,       sim::Fault::wall_step,
                               sim::Fault::late_completion, sim::Fault::lost_cancel};
  sim::Faults faults = sim::Faults::none();
  for (const sim::Fault each : kGentle) {
    faults[each] = run.world.core().weather().faults()[each];
  }
  run.world.set_faults(faults);
  run.strict = true;
}

// ---- Clients. ----

struct Asker {
  Stand& stand;
  sim::Random random;
  std::optional<http::Connection> connection = std::nullopt;
  bool fresh = false;  // nothing was asked on it yet
  Nanos answered{};    // the last answer on it began to come: the server may be done with it
  bool says_close = false;
};

Nanos now() noexcept { return sim::this_world()->now(); }

// The head, and whether that says of the end what it must.
Task<Result<>> ask_for(Asker* asker, std::size_t file, bool close) {
  const bool knows = asker->stand.strict() && now() - asker->stand.told > kKnown;
  const std::string path = "/" + std::to_string(file);
  auto asking = asker->connection->ask({.target = path, .host = "server", .close = close});
  const auto head = co_await std::move(asking);
  if (!head) {
    co_return std::unexpected(head.error());
  }
  const auto field = (*head)->fields().find(http::KnownField::connection);
  asker->says_close = field && *field == "close";
  asker->answered = now();
  Books::must(!asker->stand.strict() || (*head)->status() == 200,
              "a request that is right was answered with an error");
  Books::must(!knows || asker->says_close,
              "an answer of a server that ends did not say Connection: close");
  co_return Result<>{};
}

Task<Result<>> take_body(Asker* asker, std::uint64_t size, bool slow) {
  std::uint64_t got = 0;
  for (;;) {
    auto reading = asker->connection->read();
    const auto piece = co_await std::move(reading);
    if (!piece) {
      co_return std::unexpected(piece.error());
    }
    if (piece->empty()) {
      break;
    }
    got += piece->size();
    if (slow) {
      static_cast<void>(co_await think(asker->random, std::chrono::milliseconds(40)));
    }
  }
  Books::must(!asker->stand.strict() || got == size, "half a file looked whole");
  co_return Result<>{};
}

// What failed before its answer began was promised none if the connection had rested: the server
// may have ended it while the request was on its way.
void judge(Asker& asker, const std::error_code& failure, bool began, bool rested) {
  Stand& stand = asker.stand;
  if (!stand.strict()) {
    stand.failed(failure, "a request");
  } else if (began) {
    Books::wrong("an answer that was begun was lost: " + failure.message());
  } else if (asker.fresh) {
    Books::wrong("a connection that was let in was not answered: " + failure.message());
  } else if (!rested) {
    Books::wrong("a connection that had not rested was not answered: " + failure.message());
  } else {
    stand.lost();
  }
}

Task<> ask_once(Asker* asker, bool close) {
  const std::size_t file = asker->random.below(kSizes.size());
  const bool slow = file >= kLarge && asker->random.below(4) == 0;
  const bool rested = now() - asker->answered > kMayRest;
  auto asking = timeout(kDrain, ask_for(asker, file, close));
  const Result<> head = co_await std::move(asking);
  if (!head) {
    judge(*asker, head.error(), false, rested);
    asker->connection.reset();
    co_return;
  }
  auto taking = timeout(kDrain, take_body(asker, kSizes[file], slow));
  if (const Result<> body = co_await std::move(taking); !body) {
    judge(*asker, body.error(), true, rested);
    asker->connection.reset();
    co_return;
  }
  asker->stand.answered();
  asker->fresh = false;
  if (asker->says_close || !asker->connection->reusable()) {
    asker->connection.reset();
  }
}

Task<> let_in(Asker* asker, const Address* server) {
  const bool open = asker->stand.open;
  const unsigned round = asker->stand.round;
  auto connecting = timeout(kLetIn, http::Connection::connect(*server));
  auto made = co_await std::move(connecting);
  if (made) {
    asker->connection.emplace(std::move(*made));
    asker->fresh = true;
    co_return;
  }
  if (open && asker->stand.open && round == asker->stand.round && asker->stand.strict()) {
    Books::wrong("a connection was not let in by a server that serves: " + made.error().message());
  }
  static_cast<void>(co_await think(asker->random, std::chrono::milliseconds(100)));
}

// Every second client keeps its connection. Its rests are shorter and longer than what the server
// gives a connection that rests when it ends.
Task<> client(Address server, Shape shape, std::uint64_t id, std::uint64_t seed, std::uint64_t*,
              Books*) {
  Asker asker{.stand = *shape.stand, .random = sim::Random(seed, "client of a server that ends")};
  const bool keeps = id % 2 == 0;
  const Nanos pause = std::chrono::milliseconds(keeps ? 350 : 60);
  while (!asker.stand.over) {
    if (!asker.connection) {
      auto connecting = let_in(&asker, &server);
      co_await std::move(connecting);
    }
    if (asker.connection) {
      auto asking = ask_once(&asker, !keeps);
      co_await std::move(asking);
    }
    if (!co_await think(asker.random, pause)) {
      co_return;
    }
  }
}

// ---- The server, and what is done to it. ----

std::vector<std::string> words_of(std::uint64_t seed) {
  constexpr std::array kStrategies{"reuseport", "exclusive", "handoff"};
  return {std::string(kProgram),
          "serve",
          "/site",
          "--listen",
          "0.0.0.0:" + std::to_string(kSitePort),
          "--shards",
          "3",
          "--accept",
          kStrategies[seed % kStrategies.size()],
          "--drain",
          std::to_string(kDrain / std::chrono::seconds(1)) + "s",
          "--log",
          "off",
          "--admin",
          "off"};
}

// One run: hosts, server, clients.
class Play {
 public:
  Play(Run& run, Shape shape)
      : run_(run),
        host_(prepared(run)),
        random_(run.world.seed(), "when it ends"),
        stand_(std::make_shared<Stand>(run)),
        rounds_(stand_->size(shape.rounds, 1)),
        server_(host_.start_always("server", site_by_words, words_of(run.world.seed()))) {
    shape.stand = stand_.get();
    shape.hosts = stand_->size(shape.hosts, 1);
    shape.connections = stand_->size(shape.connections, 2);
    stand_->progress.resize(shape.hosts * shape.connections);
    stand_->expect(shape.hosts);
    const Address address = address_of(host_.address(kSitePort));
    for (std::uint64_t i = 0; i < shape.hosts; ++i) {
      const std::shared_ptr<Crowd> crowd = stand_;
      run.world.host("client" + std::to_string(i))
          .start_always("client", &crowd_program<Shape, decltype(&client)>, &client, address, shape,
                        i, run.world.seed(), crowd);
    }
  }

  void drain_again_and_again() {
    for (; stand_->round != rounds_ && goes_on(); ++stand_->round) {
      if (stand_->round != 0) {
        server_.start_again();
      }
      if (serves_in_time(stand_->round + 1)) {
        tell(server_, SIGTERM);
      }
    }
    end();
  }

  // Whoever was started last serves; those before end when their connections have.
  void restart_again_and_again() {
    serves_in_time(1);
    for (std::uint64_t round = 0; round != rounds_ && goes_on(); ++round) {
      const std::size_t before = begun();
      newest().signal(SIGUSR2);
      const bool came = run_until(
          run_, [&] { return begun() != before && said("serves from now on") > round; }, kDrain);
      expect(came, "no new process served within 10 s");
      load();
    }
    if (goes_on()) {
      tell(newest(), SIGTERM);
    }
    end();
  }

 private:
  static sim::Host prepared(Run& run) {
    if (run.size == Size::full) {
      make_gentle(run);
    }
    sim::Host host = run.world.host("server");
    for (std::size_t i = 0; i != kSizes.size(); ++i) {
      host.write_file("/site/" + std::to_string(i), std::string(kSizes[i], 'x'));
    }
    host.install(kProgram, site_by_words);
    return host;
  }

  // Who fails a point of a small run may do it in any way that is told.
  void expect(bool holds, const std::string& what) {
    if (!holds && run_.strict && !run_.world.failure()) {
      run_.world.fail(what);
    }
  }
  bool goes_on() const { return !run_.world.failure() && !run_.cancelled; }
  std::size_t begun() const { return sim::WorldCore::state(host_).programs.size(); }
  // Of those that run.
  sim::Program newest() const {
    for (const auto& program : sim::WorldCore::state(host_).programs) {
      if (program->running()) {
        last_ = program.get();
      }
    }
    return last_ != nullptr ? sim::WorldCore::handle(*last_) : server_;
  }
  // How often the processes have said so, all together.
  std::size_t said(std::string_view what) const {
    const std::string all = all_output();
    std::size_t count = 0;
    for (std::size_t at = 0; (at = all.find(what, at)) != std::string::npos; ++at) {
      ++count;
    }
    return count;
  }
  std::string all_output() const {
    std::string all;
    std::vector<std::string_view> names;
    for (const auto& program : sim::WorldCore::state(host_).programs) {
      if (std::ranges::find(names, program->name) == names.end()) {
        names.push_back(program->name);
        all += sim::WorldCore::handle(*program).output();
      }
    }
    return all;
  }

  // Until it has begun, and a moment more.
  bool serves_in_time(std::size_t times) {
    stand_->told = kForever;
    const bool began =
        run_until(run_, [&] { return said("listening on") >= times; }, std::chrono::seconds(60));
    expect(began, "a server has not begun to listen within a minute");
    stand_->open = began;
    load();
    return began && goes_on();
  }
  void load() {
    const auto span = static_cast<std::int64_t>(random_.between(200'000, 1'500'000));
    run_until(run_, [] { return false; }, std::chrono::microseconds(span));
  }
  void tell(sim::Program program, int number) {
    stand_->open = false;
    stand_->told = run_.world.now();
    program.signal(number);
    const bool ended =
        run_until(run_, [&] { return !newest().running(); }, kDrain + std::chrono::seconds(2));
    expect(ended, "a server has not ended within its drain");
    expect(!ended || program.status() == 0, "a server ended with another status than 0");
  }

  void end() {
    stand_->over = true;
    const bool all = run_until(run_, [&] { return stand_->busy() == 0; }, 3 * kDrain);
    run_.requests = stand_->requests();
    run_.answered = stand_->answered_count();
    expect(all || run_.cancelled, "clients have not ended, and something hangs");
    expect(said("cut off") == 0, "connections of prompt clients were cut off");
    if (run_.world.failure()) {
      return;
    }
    run_.world.set_faults(sim::Faults::none());
    run_until(run_, [] { return false; }, std::chrono::seconds(15));  // who crashed is back
    for (const auto& program : sim::WorldCore::state(host_).programs) {
      sim::WorldCore::handle(*program).signal(SIGTERM);
    }
    if (!run_.world.run_to_end(std::chrono::seconds(60)) && !run_.world.failure()) {
      run_.world.fail("a program had not ended 60 s after SIGTERM in fair weather");
    }
  }

  Run& run_;
  sim::Host host_;
  sim::Random random_;
  std::shared_ptr<Stand> stand_;
  const std::uint64_t rounds_;
  sim::Program server_;
  mutable sim::Program::State* last_ = nullptr;
};

constexpr Scenario kRows[] = {
    {"drain-shards", "vigil serve on three shards is told to end under load: nothing is lost",
     [](Run& run) { Play(run, {}).drain_again_and_again(); }},
    {"restart", "new processes take the listeners under load: nobody is refused, nothing lost",
     [](Run& run) { Play(run, {}).restart_again_and_again(); }},
};

}  // namespace

std::span<const Scenario> ending_rows() noexcept { return kRows; }

}  // namespace vigil::scenarios
