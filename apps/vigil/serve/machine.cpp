// What the program asks of its process, before any loop.
#include "serve/machine.hpp"

#include <algorithm>
#include <csignal>

#include "vigil/loop/host.hpp"

namespace vigil::app {

std::uint64_t raise_descriptor_limit() noexcept {
  return std::min(native_host().raise_descriptor_limit(), kNoLimit);
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
