// What an address of this program's code belongs to.
#pragma once

#include <cstdint>
#include <vector>

#include "vigil/loop/watch.hpp"

namespace vigil {

// See ThreadWatch::places.
std::vector<CodePlace> code_places(std::uintptr_t address);

}  // namespace vigil
