// What the functions in libc_*.cpp share: which handles are simulated, and the system's own
// functions behind them.
#pragma once

#include <dlfcn.h>

#include <cerrno>
#include <cstdint>

#include "tests/support/sim/live.hpp"

namespace vigil::test {

// What names the user's end of a terminal, before its master's number.
inline constexpr const char* kTerminals = "/dev/pts/of-";

inline bool simulated(int handle) noexcept { return handle >= Live::kFirst; }

// libc's function of that name, for the handles that are the process's own.
#define VIGIL_LIBC(name) \
  (reinterpret_cast<decltype(&::name)>(reinterpret_cast<std::uintptr_t>(::dlsym(RTLD_NEXT, #name))))

// A result of the simulated kernel as libc tells it.
template <class N = int>
N as_libc(std::int64_t result) noexcept {
  if (result < 0) {
    errno = static_cast<int>(-result);
    return static_cast<N>(-1);
  }
  return static_cast<N>(result);
}

template <class N = int, class F>
N ask(F call) {
  return as_libc<N>(Live::instance().call(call));
}
template <class N = int, class F>
N ask_blocking(int handle, F call) {
  return as_libc<N>(Live::instance().call_blocking(handle, call));
}

}  // namespace vigil::test
