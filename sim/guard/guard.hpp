// Guard: names what escapes the simulation. While a simulated program's step runs, a system call, a
// real clock or a new thread is not of that world: it would make the run another one the next time.
//
// System calls are caught by the kernel's own syscall user dispatch (prctl(2)), but for those that
// get memory; what the vDSO answers without a call, and threads, by symbols of this program that
// stand before the C library's. The first escape fails the world with the place that it was called
// from. It is for whole programs whose main this is: it takes SIGSYS.
#pragma once

namespace vigil::guard {

// Guards the simulated programs of this thread from now on. False: this kernel has no syscall user
// dispatch (Linux 5.11, x86-64), or the program is built with a sanitizer, which makes calls of its
// own; clocks and threads are caught all the same.
bool begin() noexcept;

}  // namespace vigil::guard
