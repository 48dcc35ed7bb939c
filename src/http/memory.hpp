// Memory: what the requests of a server hold, and who is let go when all of it is too much.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vigil/base/counters.hpp"
#include "vigil/http/server.hpp"
#include "vigil/loop/timer.hpp"

namespace vigil::http {

// One server's, on its loop. What is counted is what grows with clients: Works, heads in pieces and
// what handlers charged, here; frames and receive buffers of the loop; and what the owner has
// beside (ServerOptions::beside).
//
// From half of the limit on it is noted, ten times a second, whose client moves bytes. Above seven
// eighths, and down to three quarters: pools and the owner's caches give back; then some of those
// that rest are closed, the longest first, who lose nothing; then connections that wait for their
// client are reset, first those that hold most for longest without that a byte moved. At fifteen
// sixteenths nobody is let in, so that requests of those who are there have the last of it; at the
// limit they have none either. Each state ends lower than it begins, so that nothing flaps.
class Memory : private Timer {
 public:
  explicit Memory(Server::State& server) noexcept;
  ~Memory();
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  // Bytes; 0: none.
  void set_limit(std::uint64_t bytes) noexcept;

  // What the requests of this server hold: more, and less.
  void took(std::uint64_t bytes) noexcept {
    held_ += bytes;
    if (held_.get() >= look_at_) [[unlikely]] {
      look();
    }
  }
  void gave(std::uint64_t bytes) noexcept { held_ -= bytes; }

  // A connection that comes. False: there is no room for it.
  bool admits() noexcept {
    if (--arrivals_ == 0) [[unlikely]] {
      look();
    }
    return !shut_;
  }
  // Whether connections are let go.
  bool relieving() const noexcept { return relieving_; }
  // Whether a request can have no more.
  bool full() const noexcept { return limit_ != 0 && held_.get() + others_ >= limit_; }
  // From time to time, for what grows without a word.
  void look() noexcept;

  // Any thread.
  MemoryFigures figures() const noexcept;

  // Bytes that a connection holds beside the frames of its tasks.
  static std::uint64_t of(const Session& session) noexcept;
  static std::uint64_t of(const Work& work) noexcept;

 private:
  static void again(Timer& timer) noexcept;
  std::uint64_t all() noexcept;
  std::uint64_t judge() noexcept;
  void go_round(std::uint64_t held) noexcept;
  void relieve() noexcept;
  void watch_waiting() noexcept;
  static std::uint64_t weight_of(const Session& session) noexcept;
  std::uint64_t reset_waiting(std::uint64_t wanted) noexcept;
  void reset(Session& session) noexcept;
  void reset_sending(std::uint64_t wanted) noexcept;
  std::uint64_t close_resting(std::uint64_t wanted) noexcept;
  std::uint64_t close_sleepers(std::uint64_t wanted) noexcept;

  Server::State& server_;
  std::uint64_t limit_ = 0;
  std::uint64_t watched_ = 0;  // who moves is noted
  std::uint64_t high_ = 0;     // relief begins
  std::uint64_t low_ = 0;      // and ends
  std::uint64_t look_at_ = ~std::uint64_t{0};
  std::uint64_t most_frames_ = 0;  // that were seen together
  std::uint32_t arrivals_ = kArrivals;
  std::uint64_t others_ = 0;    // all but `held_`, when last looked at
  std::uint64_t leaving_ = 0;   // bytes of connections that were reset, and have not ended yet
  std::uint64_t reset_at_ = 0;  // the turn of that
  std::uint64_t turn_ = 0;
  bool relieving_ = false;
  bool shut_ = false;  // nobody is let in
  Counter held_;
  Counter all_;     // when last looked at
  Counter beside_;  // likewise
  Counter shown_limit_;
  Counter refused_;
  Counter reset_;
  Counter closed_;

  static constexpr std::uint32_t kArrivals = 64;

  friend class SessionRun;
};

}  // namespace vigil::http
