// The names of Unix sockets: abstract ones here, paths by their inodes.
#include "kernel/local_names.hpp"

#include <cstdio>

namespace vigil::sim {

LocalSocket* LocalNames::find(std::string_view name) const noexcept {
  const auto found = names_.find(name);
  return found == names_.end() ? nullptr : found->second;
}

bool LocalNames::add(std::string_view name, LocalSocket& socket) {
  return names_.emplace(std::string(name), &socket).second;
}

void LocalNames::remove(std::string_view name, const LocalSocket& socket) noexcept {
  const auto found = names_.find(name);
  if (found != names_.end() && found->second == &socket) {
    names_.erase(found);
  }
}

std::string LocalNames::fresh() {
  std::string name;
  do {
    char digits[8];
    std::snprintf(digits, sizeof digits, "%05x", ++last_fresh_ & 0xfffffu);
    name.assign(1, '\0').append(digits);
  } while (names_.contains(name));
  return name;
}

}  // namespace vigil::sim
