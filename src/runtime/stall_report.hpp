// Stalls, judged and put to words.
#pragma once

#include <string>
#include <vector>

#include "vigil/runtime/stall_watcher.hpp"

namespace vigil {

// The innermost place of `stack` that is neither a system library's nor vigil's own; failing that
// the innermost that anything is known of. `root` is where vigil's sources were when it was
// compiled, with a slash at its end; empty: not known.
CodePlace whose_code(const std::vector<CodePlace>& stack, const std::string& root);
// As `path` is, without "x/../" in it.
std::string plain_path(const std::string& path);
// Of `file`, which is src/runtime/stall_report.cpp somewhere, that somewhere.
std::string root_of(const std::string& file);

}  // namespace vigil
