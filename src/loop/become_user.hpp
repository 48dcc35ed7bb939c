// Another user for the whole program.
#pragma once

#include <string_view>

#include "vigil/base/result.hpp"

namespace vigil {

// Host::become() of the machine.
Result<> become_user(std::string_view user);

}  // namespace vigil
