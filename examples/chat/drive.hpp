// The other side of the measurement: many users of one server, from one process. It checks what
// they hear, and asks the server what they cost.
#pragma once

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "vigil/vigil.hpp"

namespace chat {

struct Load {
  std::uint64_t users = 10'000;
  std::uint64_t rooms = 1'000;
  std::uint64_t rate = 100;  // messages a second, of all users together
  std::uint64_t seconds = 10;
};

class Driver {
 public:
  Driver(const Load& load, std::uint16_t port) : load_(load), at_(vigil::Address::loopback(port)) {}

  // The exit status: 0 if everybody heard exactly what was said in the own room.
  static vigil::Task<int> run(Driver* self) {
    auto whole = vigil::scoped(&Driver::run_in, self);
    co_return co_await std::move(whole);
  }

 private:
  // What the server says of itself, in the order of its line.
  struct Stats {
    std::uint64_t users = 0, rooms = 0, messages = 0, deliveries = 0, dropped = 0, cpu_us = 0,
                  memory_kib = 0;
  };
  static constexpr std::uint32_t kConnecting = 128;  // at the same time
  static constexpr auto kSettle = std::chrono::seconds(10);

  static vigil::Task<int> run_in(vigil::Scope& users, Driver* self) {
    auto connecting = vigil::TcpStream::connect(self->at_);
    auto control = co_await std::move(connecting);
    if (!control) {
      co_return fail("cannot connect to " + self->at_.text() + ": " +
                     vigil::reason(control.error()) + ". Start the server first: chat PORT.");
    }
    auto asking = ask(&*control);
    const auto before = co_await std::move(asking);
    self->streams_.resize(self->load_.users);
    for (std::uint64_t i = 0; i < self->load_.users && self->problem_.empty(); ++i) {
      auto place = co_await self->connecting_.acquire();
      if (!place || !users.spawn(&Driver::user, self, i, std::move(*place))) {
        self->problem_ = "no memory for another user";
      }
    }
    auto joining = self->settle(&self->joined_, self->load_.users);
    co_await std::move(joining);
    auto asking_joined = ask(&*control);
    const auto joined = co_await std::move(asking_joined);
    auto talking = self->talk();
    co_await std::move(talking);
    auto hearing = self->settle(&self->heard_, self->expected_);
    co_await std::move(hearing);
    auto asking_after = ask(&*control);
    const auto after = co_await std::move(asking_after);
    users.cancel();
    if (self->problem_.empty() && (!before || !joined || !after)) {
      self->problem_ = "the server does not answer /stats";
    }
    co_return self->problem_.empty() ? self->report(*before, *joined, *after)
                                     : fail(self->problem_ + ".");
  }

  static int fail(const std::string& why) {
    std::fprintf(stderr, "chat --drive: %s\n", why.c_str());
    return 1;
  }

  // Joins its room, and then hears.
  static vigil::Task<> user(Driver* self, std::uint64_t index,
                            vigil::Semaphore::Permit connecting) {
    auto opening = vigil::TcpStream::connect(self->at_);
    auto stream = co_await std::move(opening);
    if (!stream) {
      self->problem_ =
          "user " + std::to_string(index) + " cannot connect: " + vigil::reason(stream.error());
      co_return;
    }
    const std::uint64_t room = index % self->load_.rooms;
    const std::string hello =
        "/name u" + std::to_string(index) + "\n/join r" + std::to_string(room) + "\n";
    if (!co_await stream->send(vigil::as_bytes(hello))) {
      self->problem_ = "a user cannot speak";
      co_return;
    }
    self->streams_[index] = &*stream;
    std::string begun;
    while (auto bytes = co_await stream->receive()) {
      if (bytes->empty()) {
        self->problem_ = "the server closed a connection";
        break;
      }
      begun.append(vigil::as_text(bytes->bytes()));
      std::size_t end = 0;
      for (std::size_t next; (next = begun.find('\n', end)) != std::string::npos; end = next + 1) {
        if (self->hear(std::string_view(begun).substr(end, next - end), room)) {
          connecting.release();
        }
      }
      begun.erase(0, end);
      if (begun.empty()) {
        begun = std::string();
      }
    }
    self->streams_[index] = nullptr;
  }

  // "u17: 17 123456789": who said it, and when. True: the line says that the room was joined.
  bool hear(std::string_view line, std::uint64_t room) {
    if (line.starts_with("* you are in ")) {
      ++joined_;
      return true;
    }
    if (line.starts_with("* ")) {
      return false;
    }
    std::uint64_t from = 0;
    std::uint64_t said = 0;
    std::int64_t when = 0;
    const char* end = line.data() + line.size();
    if (line.starts_with('u')) {
      const auto name = std::from_chars(line.data() + 1, end, from);
      const auto again = std::from_chars(std::min(name.ptr + 2, end), end, said);
      std::from_chars(std::min(again.ptr + 1, end), end, when);
    }
    if (when == 0 || from != said || from % load_.rooms != room) {
      problem_ = "a user in room r" + std::to_string(room) +
                 " heard what was not for it: " + std::string(line);
      return false;
    }
    ++heard_;
    delays_.push_back(vigil::Loop::current()->engine().now().time_since_epoch().count() - when);
    return false;
  }

  vigil::Task<> talk() {
    const vigil::Instant begin = vigil::Loop::current()->now();
    const std::uint64_t messages = load_.rate * load_.seconds;
    for (std::uint64_t i = 0; i < messages && problem_.empty(); ++i) {
      const auto due = std::chrono::nanoseconds(1'000'000'000 * i / load_.rate);
      if (!co_await vigil::sleep_until(begin + due)) {
        break;
      }
      const std::uint64_t who = i * 7919 % load_.users;  // spread over the rooms
      if (streams_[who] == nullptr) {
        continue;
      }
      const auto now = vigil::Loop::current()->engine().now().time_since_epoch().count();
      const std::string line = std::to_string(who) + " " + std::to_string(now) + "\n";
      if (!co_await streams_[who]->send(vigil::as_bytes(line))) {
        problem_ = "a user cannot speak";
      }
      ++said_;
      expected_ += members(who % load_.rooms) - 1;
    }
  }

  std::uint64_t members(std::uint64_t room) const noexcept {
    return load_.users / load_.rooms + (room < load_.users % load_.rooms ? 1 : 0);
  }

  // Waits until `count` has come to `wanted`, but not for ever.
  vigil::Task<> settle(const std::uint64_t* count, std::uint64_t wanted) {
    const vigil::Instant limit = vigil::Loop::current()->now() + kSettle;
    while (*count < wanted && problem_.empty()) {
      if (vigil::Loop::current()->now() >= limit) {
        problem_ =
            "after 10 s " + std::to_string(*count) + " of " + std::to_string(wanted) + " are there";
      }
      static_cast<void>(co_await vigil::sleep_for(std::chrono::milliseconds(10)));
    }
  }

  static vigil::Task<vigil::Result<Stats>> ask(vigil::TcpStream* control) {
    if (auto sent = co_await control->send(vigil::as_bytes("/stats\n")); !sent) {
      co_return std::unexpected(sent.error());
    }
    std::string line;
    while (line.find('\n') == std::string::npos) {
      auto bytes = co_await control->receive();
      if (!bytes || bytes->empty()) {
        co_return vigil::error(std::errc::connection_reset);
      }
      line.append(vigil::as_text(bytes->bytes()));
    }
    Stats stats;
    for (std::uint64_t* into : {&stats.users, &stats.rooms, &stats.messages, &stats.deliveries,
                                &stats.dropped, &stats.cpu_us, &stats.memory_kib}) {
      const std::size_t digits = std::min(line.find_first_of("0123456789"), line.size());
      const char* begin = line.data() + digits;
      const auto read = std::from_chars(begin, line.data() + line.size(), *into);
      line.erase(0, static_cast<std::size_t>(read.ptr - line.data()));
    }
    co_return stats;
  }

  int report(const Stats& before, const Stats& joined, const Stats& after) {
    const auto users = static_cast<double>(load_.users);
    const auto seconds = static_cast<double>(load_.seconds);
    const double cpu = static_cast<double>(after.cpu_us - joined.cpu_us) / 1e6;
    const double memory =
        (static_cast<double>(joined.memory_kib) - static_cast<double>(before.memory_kib)) * 1024;
    std::sort(delays_.begin(), delays_.end());
    const auto delay = [this](std::size_t hundredths) {
      return delays_.empty()
                 ? 0.0
                 : static_cast<double>(delays_[delays_.size() * hundredths / 100]) / 1e3;
    };
    std::printf(
        "%llu users in %llu rooms, %llu messages in %.0f s: %llu of %llu deliveries heard, "
        "%llu users dropped\n",
        number(joined.users - 1), number(joined.rooms), number(said_), seconds, number(heard_),
        number(expected_), number(after.dropped));
    std::printf("delay from speaker to hearer: median %.0f us, 99th percentile %.0f us\n",
                delay(50), delay(99));
    std::printf(
        "server CPU: %.3f s, %.2f %% of one core, %.1f us a second for each user, "
        "%.1f us a delivery\n",
        cpu, 100 * cpu / seconds, 1e6 * cpu / seconds / users,
        1e6 * cpu / std::max(1.0, static_cast<double>(heard_)));
    std::printf("server memory: %.0f bytes a user (%llu KiB in all)\n", memory / users,
                number(after.memory_kib));
    return heard_ == expected_ && after.dropped == 0 ? 0 : 1;
  }

  static unsigned long long number(std::uint64_t value) noexcept { return value; }

  const Load load_;
  const vigil::Address at_;
  vigil::Semaphore connecting_{kConnecting};
  std::vector<vigil::TcpStream*> streams_;  // by user; null until it is there
  std::uint64_t joined_ = 0;
  std::uint64_t said_ = 0;
  std::uint64_t expected_ = 0;  // deliveries
  std::uint64_t heard_ = 0;
  std::vector<std::int64_t> delays_;  // nanoseconds
  std::string problem_;
};

}  // namespace chat
