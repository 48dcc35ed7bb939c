// What the program asks of its process, before any loop.
#include "serve/machine.hpp"

#include <algorithm>
#include <csignal>

#include "vigil/loop/host.hpp"
#include "vigil/loop/machine.hpp"

namespace vigil::app {

std::uint64_t raise_descriptor_limit() noexcept {
  return std::min(native_host().raise_descriptor_limit(), kNoLimit);
}

std::uint64_t usable_memory() {
  std::uint64_t least = 0;
  for (const MachineLimit& limit : machine_limits()) {
    const auto bytes = limit.place == "MemAvailable" ? limit.most
                       : limit.place == "memory.max" ? limit.value
                                                     : std::nullopt;
    if (bytes && *bytes != 0 && (least == 0 || *bytes < least)) {
      least = *bytes;
    }
  }
  return least;
}

cli::Screen screen() noexcept {
  cli::Screen screen;
  const auto columns = native_host().terminal_columns();
  if (!columns) {
    return screen;
  }
  if (*columns != 0) {
    screen.columns = std::clamp<std::size_t>(*columns, 60, 100);
  }
  screen.colour = !native_host().environment("NO_COLOR").has_value() &&
                  native_host().environment("TERM").value_or("dumb") != "dumb";
  return screen;
}

void ignore_signals() noexcept {
  for (const int number : {SIGPIPE, SIGHUP, SIGUSR1, SIGUSR2}) {
    std::signal(number, SIG_IGN);
  }
}

}  // namespace vigil::app
