// What the system says of this process: its number, processor time, memory and descriptors.
#pragma once

#include "admin/panel.hpp"
#include "vigil/coro/task.hpp"

namespace vigil::app {

// Reads proc(5); what is not there stays zero. `descriptor_limit`: as many as it may open.
Task<ProcessSnapshot> look_at_process(std::uint64_t descriptor_limit);

}  // namespace vigil::app
