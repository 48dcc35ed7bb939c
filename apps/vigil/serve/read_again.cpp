// What is said of a configuration that is not taken.
#include "serve/read_again.hpp"

#include "serve/conductor.hpp"
#include "vigil/runtime/explain.hpp"

namespace vigil::app {

void refuse_reload(const std::string& why) {
  complain("vigil serve: not reloaded: " + why + " The old configuration stays.");
}

Task<std::optional<config::Reading>> read_again(const config::Source* source) {
  if (source->file.empty()) {
    complain("vigil serve: there is nothing to reload: no --config was given.");
    co_return std::nullopt;
  }
  auto loading = config::load(source);
  auto reading = co_await std::move(loading);
  if (!reading) {
    refuse_reload("cannot read " + source->file + ": " + reason(reading.error()) + ".");
    co_return std::nullopt;
  }
  for (const config::Fault& warning : reading->warnings) {
    complain("vigil serve: " + config::sentence_of(source->file, warning));
  }
  if (!reading->faults.empty()) {
    const std::size_t more = reading->faults.size() - 1;
    refuse_reload(config::sentence_of(source->file, reading->faults.front()) +
                  (more == 0 ? "" : " " + std::to_string(more) + " more: see vigil check."));
    co_return std::nullopt;
  }
  co_return std::move(*reading);
}

}  // namespace vigil::app
