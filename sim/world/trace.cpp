// The hash of a run, and its notes.
#include "world/trace.hpp"

#include <algorithm>
#include <cstring>

namespace vigil::sim {
namespace {

__extension__ using Wide = unsigned __int128;

std::uint64_t fold(std::uint64_t a, std::uint64_t b) noexcept {
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

std::uint64_t word_value(std::string_view word) noexcept {
  std::uint64_t value = word.size();
  for (const char c : word) {
    value = value * 0x100000001b3ULL + static_cast<unsigned char>(c);
  }
  return value;
}

// A result may be an error.
std::string number_text(std::uint64_t number) {
  constexpr std::uint64_t kErrors = 4096;  // as Linux returns them: the last of the range
  if (number <= ~std::uint64_t{0} - kErrors) {
    return std::to_string(number);
  }
  const auto error = static_cast<int>(~number + 1);
  const char* name = strerrorname_np(error);
  return name != nullptr ? name : "-" + std::to_string(error);
}

}  // namespace

std::uint64_t mix(std::uint64_t hash, std::uint64_t value) noexcept {
  return fold(hash ^ 0xa0761d6478bd642fULL, value ^ 0xe7037ed1a0b428dbULL) + hash;
}

Trace::Trace(const Clock& clock, bool keep_all)
    : clock_(clock), keep_all_(keep_all), hash_(0x8ebc6af09c88c6e3ULL) {}

void Trace::add_host(std::string_view name) { places_.push_back({.name = std::string(name)}); }

void Trace::note(HostId host, std::string_view what, std::uint64_t a, std::uint64_t b) noexcept {
  const Nanos at = clock_.now() - Clock::kBegin;
  hash_ = mix(hash_, static_cast<std::uint64_t>(at.count()));
  hash_ = mix(hash_, word_value(what) + host);
  hash_ = mix(mix(hash_, a), b);
  ++notes_;
  const Note note{at, what, a, b, host == turn_host_ ? turn_program_ : kNobody, host};
  if (host < places_.size()) {
    Place& place = places_[host];
    place.last[place.notes++ % kLast] = note;
  }
  if (keep_all_) {
    all_.push_back(note);
  }
}

std::string_view Trace::host_name(HostId host) const noexcept {
  return host < places_.size() ? std::string_view(places_[host].name) : "world";
}

std::vector<Trace::Note> Trace::last(HostId host) const {
  const Place& place = places_[host];
  const std::uint64_t count = std::min<std::uint64_t>(place.notes, kLast);
  std::vector<Note> notes;
  notes.reserve(count);
  for (std::uint64_t i = place.notes - count; i != place.notes; ++i) {
    notes.push_back(place.last[i % kLast]);
  }
  return notes;
}

std::string Trace::text() const {
  std::string text;
  for (const Note& note : all_) {
    text.append(seconds_text(note.at)).append(" ").append(host_name(note.host)).append(" ");
    text.append(note_text(note)).append("\n");
  }
  return text;
}

std::string seconds_text(Nanos span) {
  const std::int64_t micros = span.count() / 1000;
  std::string decimals = std::to_string(micros % 1'000'000);
  decimals.insert(0, 6 - decimals.size(), '0');
  return std::to_string(micros / 1'000'000) + "." + decimals;
}

std::string note_text(const Trace::Note& note) {
  return std::string(note.what) + " " + numbers_text(note);
}

std::string numbers_text(const Trace::Note& note) {
  return std::to_string(static_cast<std::int64_t>(note.a)) + " " + number_text(note.b);
}

}  // namespace vigil::sim
