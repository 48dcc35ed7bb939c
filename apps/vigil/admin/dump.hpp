// What every task of a running server waits for, as text and as JSON.
#pragma once

#include <string>
#include <vector>

#include "vigil/runtime/stall_watcher.hpp"

namespace vigil::app {

std::string as_text(const std::vector<LoopDump>& loops);
// On one line, without its end. Names are interface: docs/admin.md.
std::string as_json(const std::vector<LoopDump>& loops);
std::string as_json(const Dump::Task& task);

}  // namespace vigil::app
