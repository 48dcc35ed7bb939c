// Which addresses a machine has, and which it can reach.
#pragma once

#include "kernel/kernel.hpp"
#include "net/endpoint.hpp"

namespace vigil::sim {

// Whether bind(2) takes the address: it is the machine's own, or the wildcard.
bool may_bind(const Kernel& kernel, const Endpoint& address, bool only_v6) noexcept;
// 0, or why connect(2) or sendto(2) to it fails at once: -ENETUNREACH, -EINVAL.
int may_reach(const Kernel& kernel, const Endpoint& to, const Endpoint& from,
              bool only_v6) noexcept;

}  // namespace vigil::sim
