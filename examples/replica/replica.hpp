// A list of words on several machines. One of them leads and takes words, the others follow it. A
// word is acknowledged when a majority has it on its disk; who was away gets what it missed.
//
// The protocol is lines of text: "add WORD" is answered with "ok"; "follow NAME COUNT", from who
// has COUNT words already, with the words after those, one by one, each answered with "have". An
// empty line in between says that the leader is still there.
#pragma once

#include <algorithm>
#include <charconv>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lines.hpp"
#include "log.hpp"
#include "vigil/vigil.hpp"

namespace replica {

inline constexpr std::size_t kMajority = 2;                         // of three
inline constexpr vigil::Nanos kPatience = std::chrono::seconds(2);  // with who does not answer
inline constexpr vigil::Nanos kHeartbeat = std::chrono::milliseconds(500);

class Replica {
 public:
  explicit Replica(Log log) : log_(std::move(log)) {}

  static vigil::Task<> attend(vigil::TcpStream peer, Replica* self) {
    Lines lines(peer);
    for (;;) {
      auto next = lines.next();
      const std::optional<std::string> line = co_await std::move(next);
      if (!line) {
        co_return;
      }
      if (line->starts_with("follow ")) {
        auto feeding = self->feed(peer, lines, std::string_view(*line).substr(7));
        co_await std::move(feeding);
        co_return;
      }
      auto adding = vigil::timeout(kPatience,
                                   self->add(line->substr(std::min(line->size(), std::size_t{4}))));
      const vigil::Result<> added = co_await std::move(adding);
      if (!added || !co_await peer.send(vigil::as_bytes("ok\n"))) {
        co_return;  // whoever asked does not know: it asks again
      }
    }
  }

  // Follows `leader` for as long as it answers.
  static vigil::Task<> follow(Replica* self, std::string name, vigil::Address leader) {
    auto connecting = vigil::timeout(kPatience, vigil::TcpStream::connect(leader));
    auto peer = co_await std::move(connecting);
    if (!peer) {
      co_return;
    }
    const std::string hello =
        "follow " + name + " " + std::to_string(self->log_.words().size()) + "\n";
    Lines lines(*peer);
    bool goes_on = (co_await peer->send(vigil::as_bytes(hello))).has_value();
    while (goes_on) {
      auto next = vigil::timeout(kPatience, lines.next_or_error());
      const vigil::Result<std::string> word = co_await std::move(next);
      goes_on = word.has_value();
      if (goes_on && !word->empty()) {
        auto storing = self->store(*word);
        goes_on = (co_await std::move(storing)).has_value();
      }
      goes_on = goes_on && (co_await peer->send(vigil::as_bytes("have\n"))).has_value();
    }
  }

 private:
  // Until a majority has the word; one that is there already is not added twice.
  vigil::Task<vigil::Result<>> add(std::string word) {
    auto storing = store(word);
    if (const vigil::Result<> stored = co_await std::move(storing); !stored) {
      co_return stored;
    }
    const auto& words = log_.words();
    const auto count =
        static_cast<std::size_t>(std::find(words.begin(), words.end(), word) - words.begin() + 1);
    while (copies(count) < kMajority) {
      if (const auto waited = co_await moved_.wait(); !waited) {
        co_return waited;
      }
    }
    co_return vigil::Result<>{};
  }

  vigil::Task<vigil::Result<>> store(std::string word) {
    auto lock = co_await storing_.lock();
    if (!lock) {
      co_return std::unexpected(lock.error());
    }
    const auto& words = log_.words();
    if (std::find(words.begin(), words.end(), word) == words.end()) {
      auto appending = log_.append(word);
      if (const vigil::Result<> appended = co_await std::move(appending); !appended) {
        co_return appended;
      }
      wake();
    }
    co_return vigil::Result<>{};
  }

  // Sends a follower what it has not, and keeps count of what it has.
  vigil::Task<> feed(vigil::TcpStream& peer, Lines& lines, std::string_view who) {
    const std::size_t space = who.find(' ');
    const std::string name(who.substr(0, space));
    std::size_t has = 0;
    std::from_chars(who.data() + std::min(space + 1, who.size()), who.data() + who.size(), has);
    for (;;) {
      have_[name] = has;
      wake();
      if (has >= log_.words().size()) {
        auto news = vigil::timeout(kHeartbeat, next_move());
        static_cast<void>(co_await std::move(news));
      }
      const bool more = has < log_.words().size();
      const std::string line = (more ? log_.words()[has] : std::string()) + "\n";
      if (!co_await peer.send(vigil::as_bytes(line))) {
        co_return;
      }
      auto next = vigil::timeout(kPatience, lines.next_or_error());
      if (const auto answer = co_await std::move(next); !answer) {
        co_return;
      }
      has += more ? 1 : 0;
    }
  }

  std::size_t copies(std::size_t count) const {
    return 1 +
           static_cast<std::size_t>(std::count_if(
               have_.begin(), have_.end(), [&](const auto& who) { return who.second >= count; }));
  }

  vigil::Task<vigil::Result<>> next_move() { co_return co_await moved_.wait(); }
  void wake() {
    moved_.set();
    moved_.reset();
  }

  Log log_;
  std::map<std::string, std::size_t> have_;  // how many words each follower has, as it said
  vigil::ManualResetEvent moved_;            // some count changed
  vigil::Mutex storing_;
};

namespace detail {

inline vigil::Task<> follow_always(Replica* self, std::string name, vigil::Address leader) {
  for (;;) {
    auto following = Replica::follow(self, name, leader);
    co_await std::move(following);
    if (!co_await vigil::sleep_for(std::chrono::milliseconds(100))) {
      co_return;
    }
  }
}

inline vigil::Task<> with_followers(vigil::Scope& scope, Replica* self,
                                    vigil::TcpListener* listener, std::string at,
                                    std::string leader) {
  if (at != leader && !scope.spawn(follow_always, self, at, *vigil::Address::parse(leader))) {
    co_return;  // no memory: one that follows nobody would only seem to be a replica
  }
  auto serving = vigil::serve(*listener, {}, &Replica::attend, self);
  static_cast<void>(co_await std::move(serving));
  scope.cancel();
}

}  // namespace detail

namespace detail {

// Until the system refuses it something.
inline vigil::Task<> live(std::string at, std::string leader) {
  auto opening = Log::open("words");
  auto log = co_await std::move(opening);
  auto listener = vigil::TcpListener::listen(*vigil::Address::parse(at));
  if (log && listener) {
    Replica self(std::move(*log));
    auto whole = vigil::scoped(with_followers, &self, &*listener, at, leader);
    co_await std::move(whole);
  }
}

}  // namespace detail

// A replica that listens on `at` and follows `leader`, unless it is that itself. Where the disk or
// the network refuse it something, it begins anew.
inline vigil::Task<> serve(std::string at, std::string leader) {
  do {
    auto living = detail::live(at, leader);
    co_await std::move(living);
  } while (co_await vigil::sleep_for(std::chrono::milliseconds(100)));
}

// Asks `leader` to add one word, once.
inline vigil::Task<vigil::Result<>> add_once(vigil::Address leader, std::string word) {
  auto connecting = vigil::TcpStream::connect(leader);
  auto peer = co_await std::move(connecting);
  if (!peer) {
    co_return std::unexpected(peer.error());
  }
  const std::string line = "add " + word + "\n";
  if (const auto sent = co_await peer->send(vigil::as_bytes(line)); !sent) {
    co_return sent;
  }
  Lines lines(*peer);
  auto next = lines.next_or_error();
  const auto answer = co_await std::move(next);
  if (!answer) {
    co_return std::unexpected(answer.error());
  }
  co_return vigil::Result<>{};
}

// A client: adds "1", "2" ... up to `count`, each until it is acknowledged.
inline vigil::Task<> add_words(std::string leader, int count) {
  for (int i = 1; i <= count; ++i) {
    bool acknowledged = false;
    while (!acknowledged) {
      auto adding = vigil::timeout(2 * kPatience,
                                   add_once(*vigil::Address::parse(leader), std::to_string(i)));
      acknowledged = (co_await std::move(adding)).has_value();
      co_await vigil::sleep_for(std::chrono::milliseconds(20));
    }
  }
}

// What a replica's disk then holds.
inline std::string words(int count) {
  std::string text;
  for (int i = 1; i <= count; ++i) {
    text.append(std::to_string(i)).append("\n");
  }
  return text;
}

}  // namespace replica
