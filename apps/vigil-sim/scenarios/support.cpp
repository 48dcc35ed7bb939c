// Payloads, books and frames of the scenarios.
#include "scenarios/support.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <csignal>
#include <cstring>

#include "world/core.hpp"

namespace vigil::scenarios {
namespace {

std::uint64_t mix(std::uint64_t z) noexcept {
  z += 0x9e3779b97f4a7c15ULL;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

// What the weather can do to a request, as errno tells it.
constexpr std::array kCauses{
    std::errc::connection_reset,
    std::errc::connection_refused,
    std::errc::connection_aborted,
    std::errc::broken_pipe,
    std::errc::timed_out,
    std::errc::host_unreachable,
    std::errc::network_unreachable,
    std::errc::network_down,
    std::errc::too_many_files_open,
    std::errc::too_many_files_open_in_system,
    std::errc::not_enough_memory,
    std::errc::no_buffer_space,
    std::errc::address_not_available,
    std::errc::no_space_on_device,
    std::errc::io_error,
    std::errc::address_in_use,
    std::errc::not_connected,
    std::errc::resource_unavailable_try_again,
};

constexpr Nanos kOrderlyEnd = std::chrono::seconds(60);

}  // namespace

Payload::Payload(std::uint64_t connection, std::uint64_t request) noexcept
    : key_(mix(mix(connection) ^ request)) {}

std::uint64_t Payload::word(std::uint64_t index) const noexcept { return mix(key_ + index); }

void Payload::fill(std::span<std::byte> room, std::uint64_t offset) const noexcept {
  std::size_t at = 0;
  while (at < room.size()) {
    const std::uint64_t place = offset + at;
    const std::uint64_t bits = word(place / 8) >> (8 * (place % 8));
    const std::size_t count = std::min<std::size_t>(8 - place % 8, room.size() - at);
    for (std::size_t i = 0; i < count; ++i) {
      room[at + i] = static_cast<std::byte>(bits >> (8 * i));
    }
    at += count;
  }
}

bool Payload::matches(ByteView bytes, std::uint64_t offset) const noexcept {
  std::array<std::byte, 512> expected;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t count = std::min(expected.size(), bytes.size() - at);
    fill(std::span(expected).first(count), offset + at);
    if (std::memcmp(expected.data(), bytes.data() + at, count) != 0) {
      return false;
    }
    at += count;
  }
  return true;
}

std::string Payload::text(std::size_t size) const {
  constexpr std::string_view kLetters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
  std::string out(size, ' ');
  for (std::size_t i = 0; i < size; ++i) {
    out[i] = kLetters[word(i) % kLetters.size()];
  }
  return out;
}

void Books::wrong(std::string what) {
  if (sim::World* world = sim::this_world()) {
    world->fail(std::move(what));
  }
}

bool names_a_cause(const std::error_code& error) noexcept {
  return std::any_of(kCauses.begin(), kCauses.end(),
                     [&error](std::errc cause) { return error == cause; });
}

void Books::failed(const std::error_code& error, std::string_view doing) {
  ++failed_;
  if ((run_.cancelled || run_.memory_fails) && error == std::errc::operation_canceled) {
    return;  // its own program was told to end, or a task beside it had no memory
  }
  if (!names_a_cause(error)) {
    wrong(std::string(doing) + " failed with \"" + error.message() + "\", which names no cause");
  } else if (strict_ && (answered_ != 0 || error != std::errc::connection_refused)) {
    // Before the first answer the server may not have begun to listen.
    wrong(std::string(doing) + " failed with \"" + error.message() +
          "\", and nothing in this weather can be why");
  }
}

void Books::ended(std::string_view doing) {
  ++failed_;
  if (strict_) {
    wrong("the connection ended in the middle of " + std::string(doing) +
          ", and nothing in this weather can be why");
  }
}

Sleep think(sim::Random& random, Nanos mean) noexcept {
  const auto whole = static_cast<std::uint64_t>(mean.count());
  return sleep_for(Nanos(static_cast<std::int64_t>(random.between(whole / 2, whole / 2 + whole))));
}

Task<bool> back_off(sim::Random& random, unsigned tries) {
  const Nanos mean = std::chrono::milliseconds(50) * (1u << std::min(tries, 7u));
  const Result<> slept = co_await think(random, mean);
  co_return slept.has_value();
}

Task<Result<os::Signals>> signals_at_last() {
  for (unsigned tries = 0;; ++tries) {
    auto signals = os::Signals::open({SIGTERM});
    if (signals || tries == 600) {
      co_return std::move(signals);
    }
    if (auto slept = co_await sleep_for(std::chrono::milliseconds(100)); !slept) {
      co_return std::unexpected(slept.error());
    }
  }
}

Address address_of(const std::string& text) {
  const auto address = Address::parse(text);
  return address ? *address : Address();
}

bool run_until(Run& run, const std::function<bool()>& done, Nanos at_most) {
  const Nanos limit = run.world.now() + at_most;
  if (run.interrupt) {
    const bool ended = run.world.run_until(
        [&] { return done() || run.world.steps() >= run.interrupt_at; }, at_most);
    if (!ended || !run.interrupt || run.world.steps() < run.interrupt_at) {
      return ended;
    }
    std::exchange(run.interrupt, {})();
  }
  return run.world.run_until(done, limit - run.world.now());
}

void Programs::add(Start start, bool is_server) {
  sim::Program program = start();
  kept_.push_back({std::move(start), program, is_server});
}

bool Programs::Kept::gave_up() const {
  if (program.running()) {
    return false;
  }
  const int status = program.status().value_or(0);
  const bool was_killed = status < 0 && sim::WorldCore::state(program).host.up;
  return status > 0 || was_killed || (status == 0 && is_server);
}

bool Programs::any_gave_up() const {
  return std::any_of(kept_.begin(), kept_.end(), [](const Kept& kept) { return kept.gave_up(); });
}

void Programs::start_again(Run& run) {
  for (Kept& kept : kept_) {
    if (!kept.gave_up()) {
      continue;
    }
    const int status = kept.program.status().value_or(0);
    // A server may find no memory or descriptor to begin with; once it serves, it goes on.
    const bool had_served = kept.program.output().find(": stopped ") != std::string::npos;
    if (run.strict || status <= 0 || had_served) {
      run.world.fail(kept.program.name() + " ended with " + std::to_string(status) +
                     ", and nobody had asked it to: " + kept.program.output());
      return;
    }
    kept.program.start_again();  // not as one more: a crash would bring back both
  }
}

void Programs::signal(int number) {
  for (Kept& kept : kept_) {
    if (kept.program.running()) {
      kept.program.signal(number);
    }
  }
}

void Programs::check_ends(Run& run) const {
  for (const Kept& kept : kept_) {
    if (kept.program.status() != 0 && !run.cancelled) {
      run.world.fail(kept.program.name() + " ended with " +
                     std::to_string(kept.program.status().value_or(-2)) +
                     " after SIGTERM: " + kept.program.output());
      return;
    }
  }
}

void until_done(Run& run, const Shared& books, Programs& programs, Nanos at_most) {
  const Nanos limit = run.world.now() + at_most;
  while (books->busy() != 0 && !run.world.failure() && run.world.now() < limit) {
    const bool moved = run_until(
        run, [&] { return books->busy() == 0 || programs.any_gave_up(); }, limit - run.world.now());
    if (run.cancelled) {
      run_until(run, [&] { return books->busy() == 0; }, kOrderlyEnd);
      break;
    }
    programs.start_again(run);
    if (!moved) {
      break;
    }
  }
  run.requests = books->requests();
  run.answered = books->answered_count();
  if (books->busy() != 0 && !run.cancelled && !run.world.failure()) {
    run.world.fail(std::to_string(books->busy()) + " clients have not ended after " +
                   std::to_string(run.world.now() / std::chrono::seconds(1)) + " s: " +
                   std::to_string(books->requests()) + " requests had, and something hangs");
  }
}

void finish(Run& run, const Shared&, Programs& programs) {
  if (run.world.failure()) {
    return;
  }
  run.world.set_faults(sim::Faults::none());
  run.world.heal();
  run_until(run, [] { return false; }, std::chrono::seconds(15));  // who crashed is back
  programs.signal(SIGTERM);
  if (run.world.run_to_end(kOrderlyEnd)) {
    programs.check_ends(run);
  } else if (!run.world.failure()) {
    run.world.fail("a program had not ended 60 s after SIGTERM in fair weather");
  }
}

Task<> alone_program(Alone body, std::uint64_t rounds, std::uint64_t seed, Shared books) {
  for (bool again = true; again;) {
    again = false;
    try {
      sim::Random random(seed, "alone");
      for (std::uint64_t round = 0; round < rounds; ++round) {
        auto playing = body(books.get(), &random);
        co_await std::move(playing);
        books->answered();
      }
    } catch (const std::bad_alloc&) {
      books->failed(std::make_error_code(std::errc::not_enough_memory), "a round");
      again = true;
    }
  }
  books->done(0);
}

void play_alone(Run& run, Alone body, std::uint64_t rounds) {
  auto books = std::make_shared<Books>(run);
  books->expect(1);
  sim::Host host = run.world.host("machine");
  Programs programs;
  programs.add_client([=, seed = run.world.seed()]() mutable {
    return host.start("alone", alone_program, body, rounds, seed, books);
  });
  until_done(run, books, programs, std::chrono::hours(24 * 365));
  finish(run, books, programs);
}

}  // namespace vigil::scenarios
