// What the parent of several processes shows: all of them, at the places where one process shows
// itself.
#pragma once

#include <cstdint>

#include "admin/beside.hpp"
#include "processes/family.hpp"
#include "vigil/http/server.hpp"

namespace vigil::app {

struct WholeService {
  Family* family = nullptr;
  std::uint64_t descriptors = 0;  // how many the parent may open
  AdminPlaces places = {};
  Instant began{};
  bool own_names_only = false;
  bool to_owner = false;
};

// On the parent's loop, until it is cancelled: serves, and takes the socket's path away. `context`:
// a WholeService.
Task<> show_whole(Family* family, void* context);

}  // namespace vigil::app
