// Each way to wait, tried live, in the words that an operator is told.
#include "vigil/loop/capabilities.hpp"

#include "loop/engines.hpp"
#include "loop/uring/probe.hpp"
#include "poll/selector.hpp"

namespace vigil {
namespace {

constexpr std::string_view kUring = "uring";

// Why "auto" prefers another to one that works, and why it takes the one that it takes: by the
// tables of docs/engines.md.
struct Verdict {
  std::string_view name;
  std::string_view taken;
  std::string_view passed_over;
};
constexpr Verdict kVerdicts[] = {
    {"epoll", "the least work for each event, measured, and on every Linux", ""},
    {"poll", "works everywhere", "looks at every descriptor in each wait: slower when measured"},
    {"select", "works everywhere",
     "looks at every descriptor in each wait, and only at those below 1024"},
    {kUring, "the least work for each event, measured",
     "not ahead of epoll for every workload when measured: ask for it by name"},
};

const Verdict* verdict_on(std::string_view name) noexcept {
  for (const Verdict& verdict : kVerdicts) {
    if (verdict.name == name) {
      return &verdict;
    }
  }
  return nullptr;
}

Capability::Cause cause_of(const std::error_code& error) noexcept {
  if (error == std::errc::too_many_files_open ||
      error == std::errc::too_many_files_open_in_system) {
    return Capability::Cause::descriptors;
  }
  if (error == std::errc::not_enough_memory) {
    return Capability::Cause::memory;
  }
  return error == std::errc::operation_not_permitted ? Capability::Cause::policy
                                                     : Capability::Cause::other;
}

void try_selector(const SelectorRow& row, Capability& one) {
  const auto made = row.make();
  one.available = made.has_value();
  if (!made) {
    one.error = made.error().value();
    one.cause = cause_of(made.error());
    one.why = made.error().message();
  }
}

void try_engine(const EngineRow& row, Capability& one) {
  one.why = row.why_not != nullptr ? row.why_not() : std::string_view{};
  one.available = one.why.empty();
  if (!one.available) {
    const uring::Answer& ring = uring::probe(uring::Feature::ring);
    one.cause = ring.available ? Capability::Cause::kernel : ring.cause;
    one.error = ring.error;
  }
}

Capability judge(Capability::Kind kind, std::string_view name) {
  Capability one{.kind = kind, .name = name, .why = {}};
  if (const SelectorRow* row = find_selector(name)) {
    try_selector(*row, one);
  } else if (const EngineRow* other = find_engine(name)) {
    try_engine(*other, one);
  }
  return one;
}

Capability judge(Capability::Kind kind, std::string_view name, std::string_view taken) {
  Capability one = judge(kind, name);
  one.in_use = one.available && name == taken;
  if (one.available && !one.in_use) {
    const Verdict* verdict = verdict_on(name);
    one.why = verdict != nullptr ? verdict->passed_over : std::string_view{};
  }
  return one;
}

Capability judge(uring::Feature feature, bool ring_in_use) {
  const uring::Answer& answer = uring::probe(feature);
  Capability one{.kind = uring::is_opcode(feature) ? Capability::Kind::ring_operation
                                                   : Capability::Kind::ring_feature,
                 .name = uring::name(feature),
                 .available = answer.available,
                 .cause = answer.cause,
                 .error = answer.error,
                 .why = std::string(answer.why)};
  if (answer.available) {
    one.why = uring::only_when(feature);
    one.in_use = ring_in_use && one.why.empty();
  }
  return one;
}

}  // namespace

AutoEngine auto_engine() {
  std::string_view names = auto_engines();
  while (!names.empty()) {
    const std::string_view name = take_name(names);
    if (judge(Capability::Kind::engine, name).available) {
      const Verdict* verdict = verdict_on(name);
      return {name, verdict != nullptr ? verdict->taken : std::string_view{}};
    }
  }
  return {};
}

std::vector<Capability> capabilities() {
  const std::string_view taken = auto_engine().name;
  std::vector<Capability> all;
  for (const SelectorRow* row = first_selector(); row != nullptr; row = row->next) {
    all.push_back(judge(Capability::Kind::selector, row->name, taken));
  }
  for (const EngineRow* row = first_engine(); row != nullptr; row = row->next) {
    all.push_back(judge(Capability::Kind::engine, row->name, taken));
  }
  for (std::size_t i = 0; i < uring::kFeatures; ++i) {
    all.push_back(judge(static_cast<uring::Feature>(i), taken == kUring));
  }
  return all;
}

}  // namespace vigil
