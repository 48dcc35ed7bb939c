// The live tries behind probe(): one function a feature, on a ring of eight entries.
#pragma once

#include <array>

#include "loop/uring/probe.hpp"

namespace vigil::uring {

// By feature: 0 if it works, or the errno that the kernel answered. If there is no ring at all,
// every entry has the reason of that.
using Outcomes = std::array<int, kFeatures>;

// Tries all there is, but for sqpoll; takes some milliseconds, and leaves nothing open.
Outcomes try_all() noexcept;

// Starts a thread of the kernel's, and ends it: only for who asks. 0 or errno.
int try_sqpoll() noexcept;

}  // namespace vigil::uring
