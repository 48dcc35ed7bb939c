// The registry of engines, and the choice among them.
#include "loop/engines.hpp"

#include <string>

#include "loop/uring/probe.hpp"
#include "poll/selector.hpp"
#include "vigil/loop/capabilities.hpp"
#include "vigil/loop/loop.hpp"

#if VIGIL_WITH_URING
#include "loop/uring/engine.hpp"
#endif

namespace vigil {
namespace {

// What the engine on io_uring cannot do without, and is missing; for all else it has another way.
const uring::Answer* missing_for_ring() noexcept {
  for (const uring::Feature needed :
       {uring::Feature::ring, uring::Feature::no_drop, uring::Feature::wait_timeout,
        uring::Feature::poll_add, uring::Feature::poll_multishot, uring::Feature::async_cancel}) {
    if (const uring::Answer& answer = uring::probe(needed); !answer.available) {
      return &answer;
    }
  }
  return nullptr;
}

std::string_view why_no_ring() noexcept {
  const uring::Answer* missing = missing_for_ring();
  return missing != nullptr ? missing->why : std::string_view{};
}

// A build without liburing knows the name, and says why it does not run.
Result<std::unique_ptr<Engine>> make_ring([[maybe_unused]] EngineParts parts) {
  if (const uring::Answer* missing = missing_for_ring()) {
    return error(missing->error);
  }
#if VIGIL_WITH_URING
  return make_uring_engine(parts);
#else
  return error(std::errc::function_not_supported);
#endif
}

constinit EngineRow ring_row{"uring", make_ring, nullptr, why_no_ring};
constinit EngineRow* first = &ring_row;

Result<std::unique_ptr<Engine>> make_one(std::string_view name, EngineParts parts) {
  if (const EngineRow* row = find_engine(name)) {
    return row->make(parts);
  }
  auto selector = find_selector(name)->make();
  if (!selector) {
    return std::unexpected(selector.error());
  }
  return make_readiness_engine(std::move(*selector), parts);
}

bool all_known(std::string_view names) noexcept {
  if (names.empty()) {
    return false;
  }
  while (!names.empty()) {
    const std::string_view name = take_name(names);
    if (find_engine(name) == nullptr && find_selector(name) == nullptr) {
      return false;
    }
  }
  return true;
}

}  // namespace

EngineRow* first_engine() noexcept { return first; }

const EngineRow* find_engine(std::string_view name) noexcept {
  for (const EngineRow* row = first; row != nullptr; row = row->next) {
    if (row->name == name) {
      return row;
    }
  }
  return nullptr;
}

void add_engine(EngineRow& row) noexcept {
  EngineRow** last = &first;
  while (*last != nullptr) {
    if (*last == &row) {
      return;
    }
    last = &(*last)->next;
  }
  row.next = nullptr;
  *last = &row;
}

std::string_view take_name(std::string_view& names) noexcept {
  const std::size_t comma = names.find(',');
  const std::string_view name = names.substr(0, comma);
  names.remove_prefix(comma == std::string_view::npos ? names.size() : comma + 1);
  return name;
}

// The best first, by what was measured (docs/engines.md); all of them are always built.
std::string_view auto_engines() noexcept { return "epoll,poll,select"; }

Result<std::unique_ptr<Engine>> make_engine(std::string_view names, EngineParts parts,
                                            std::string& passed_over) {
  if (names == "auto") {
    names = auto_engines();
  }
  if (!all_known(names)) {
    return error(std::errc::invalid_argument);
  }
  while (true) {
    const std::string_view name = take_name(names);
    auto made = make_one(name, parts);
    // Who has no descriptor for one has none for the next, or for what the loop is to do.
    const bool descriptors = !made && (made.error() == std::errc::too_many_files_open ||
                                       made.error() == std::errc::too_many_files_open_in_system);
    if (made || names.empty() || descriptors) {
      return made;
    }
    passed_over.append(passed_over.empty() ? "" : ", ");
    passed_over.append(name).append(" (").append(why_not(name, made.error())).append(")");
  }
}

std::string why_not(std::string_view engine, const std::error_code& error) {
  const EngineRow* row = find_engine(engine);
  const std::string_view why =
      row != nullptr && row->why_not != nullptr ? row->why_not() : std::string_view{};
  return why.empty() ? error.message() : std::string(why);
}

std::string engines() {
  std::string names;
  const auto add = [&names](std::string_view name) {
    names.append(names.empty() ? "" : ", ").append(name);
  };
  for (const SelectorRow* row = first_selector(); row != nullptr; row = row->next) {
    add(row->name);
  }
  for (const EngineRow* row = first; row != nullptr; row = row->next) {
    if (row->why_not == nullptr || row->why_not().empty()) {
      add(row->name);
    }
  }
  return names;
}

}  // namespace vigil
