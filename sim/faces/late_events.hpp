// LateEvents: readiness that is told later than it came, or that nothing is behind.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernel/clock.hpp"
#include "poll/selector.hpp"

namespace vigil::sim {

class Seat;

// Part of a Selector. An event that is late is told all the same, once: also if its descriptor was
// closed meanwhile, as one from the same batch of a real selector may be. Whoever waits knows it by
// its generation.
class LateEvents {
 public:
  explicit LateEvents(Seat& seat) noexcept;
  ~LateEvents();
  LateEvents(const LateEvents&) = delete;
  LateEvents& operator=(const LateEvents&) = delete;

  // What was asked for, so that it may be told without a cause.
  void asked(const Change& change) noexcept;

  // Those whose time has come; returns how many it put into `room`.
  std::size_t take_due(std::span<Event> room) noexcept;

  // What the weather makes of a wait whose batch fills the first `count` of `room`: one may be
  // taken out, and one may be added. `held`: one was taken out. Returns the new count.
  std::size_t weather(std::span<Event> room, std::size_t count, bool& held) noexcept;

 private:
  struct Held {
    Event event;
    Instant due;
  };
  struct Delay : Alarm {
    Seat* seat = nullptr;
  };

  bool hold(const Event& event, Nanos span) noexcept;

  Seat& seat_;
  Delay alarm_;             // of the first of held_
  std::vector<Held> held_;  // by time
  struct Asked {
    Slot slot;
    std::uint32_t interest = 0;
  };
  std::array<Asked, 8> asked_{};
  std::size_t next_ = 0;
};

}  // namespace vigil::sim
