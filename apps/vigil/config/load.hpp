// Where a configuration is read from, at the start and again at each reload.
#pragma once

#include <string>
#include <vector>

#include "config/configuration.hpp"
#include "vigil/base/result.hpp"
#include "vigil/coro/task.hpp"

namespace vigil::config {

// A command line, and the file that it names.
struct Source {
  const cli::Command* command = nullptr;
  std::string file;  // empty: none
  std::vector<cli::Given> given;
};

Source source_of(const cli::Invocation& asked);

// Reads the file, if there is one, and puts the command line over it. Errors: those of opening and
// reading it; is_a_directory; file_too_large (above 1 MiB, which no configuration is).
Task<Result<Reading>> load(const Source* source);

// "vigil serve: cannot read vigil.toml: no such file or directory. ..."
std::string cannot_read(std::string_view command, std::string_view file, std::error_code why);

}  // namespace vigil::config
