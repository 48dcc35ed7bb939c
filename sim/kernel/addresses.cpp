// What a machine may bind, and what it may reach.
#include "kernel/addresses.hpp"

#include <cerrno>

namespace vigil::sim {

bool may_bind(const Kernel& kernel, const Endpoint& address, bool only_v6) noexcept {
  if (address.is_v4() && only_v6) {
    return false;
  }
  return address.is_any() || address.is_loopback() || address.host() == kernel.id();
}

int may_reach(const Kernel& kernel, const Endpoint& to, const Endpoint& from,
              bool only_v6) noexcept {
  if (to.is_v4() && only_v6) {
    return -ENETUNREACH;
  }
  const bool within = to.is_any() || to.is_loopback() || to.host() == kernel.id();
  if (!within && !to.host()) {
    return -ENETUNREACH;
  }
  if (!from.is_any() && (from.is_v4() != to.is_v4() || (from.is_loopback() && !within))) {
    return from.is_v4() == to.is_v4() ? -EINVAL : -ENETUNREACH;
  }
  return 0;
}

}  // namespace vigil::sim
