// Trace: what happened, in one number for every run, as lines for a run that is looked at.
//
// Every note goes into the hash. The last few of each host are kept always, for the timeline of a
// failure; all of them on request.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/clock.hpp"
#include "kernel/kernel.hpp"

namespace vigil::sim {

// Mixes `value` into a running hash; the same on every machine.
std::uint64_t mix(std::uint64_t hash, std::uint64_t value) noexcept;

class Trace final : public Tracer {
 public:
  static constexpr HostId kWorld = 0xffff;       // a note about no one host
  static constexpr std::uint32_t kNobody = ~0U;  // no program's
  static constexpr std::size_t kLast = 256;      // notes kept of each host

  struct Note {
    Nanos at{};  // since the world began
    std::string_view what;
    std::uint64_t a = 0;
    std::uint64_t b = 0;
    std::uint32_t program = kNobody;
    HostId host = kWorld;
  };

  // `keep_all`: for text().
  Trace(const Clock& clock, bool keep_all);

  void add_host(std::string_view name);
  // Whose turn it is: the notes about its host are its own.
  void set_turn(HostId host, std::uint32_t program) noexcept {
    turn_host_ = host;
    turn_program_ = program;
  }
  // `what` is a literal: it is kept by reference.
  void note(HostId host, std::string_view what, std::uint64_t a, std::uint64_t b) noexcept override;

  // What goes into the hash alone: the choice of a step.
  void stir(std::uint64_t value) noexcept { hash_ = mix(hash_, value); }

  std::uint64_t hash() const noexcept { return hash_; }
  std::uint64_t notes() const noexcept { return notes_; }
  std::string_view host_name(HostId host) const noexcept;

  // The last notes about a host, oldest first.
  std::vector<Note> last(HostId host) const;
  // All notes, if they were kept.
  std::span<const Note> all() const noexcept { return all_; }
  // All notes as lines, "12.345678 server receive 5 64".
  std::string text() const;

 private:
  struct Place {
    std::string name;
    std::vector<Note> last = std::vector<Note>(kLast);
    std::uint64_t notes = 0;
  };

  const Clock& clock_;
  const bool keep_all_;
  std::uint64_t hash_;
  std::uint64_t notes_ = 0;
  HostId turn_host_ = kWorld;
  std::uint32_t turn_program_ = kNobody;
  std::vector<Place> places_;
  std::vector<Note> all_;
};

// Seconds with six decimals, "12.345678".
std::string seconds_text(Nanos span);
// A note as a line without its host: "receive 5 64", "connect 5 ECONNREFUSED".
std::string note_text(const Trace::Note& note);
// Its two numbers alone; a result that is an error by its name.
std::string numbers_text(const Trace::Note& note);

}  // namespace vigil::sim
