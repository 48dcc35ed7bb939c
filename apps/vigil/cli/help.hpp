// What a person reads: --help, the manual, --version, and sentences for what the system refuses.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include "cli/option.hpp"

namespace vigil::cli {

struct Screen {
  std::size_t columns = 80;
  bool colour = false;  // only for a terminal that wants it (NO_COLOR is not set)
};

// The help of the program (null) or of one of its commands.
std::string help(const Command* command, const Screen& screen);

// The manual page as man(7) source, from the same table.
std::string manual(const Command* command);

// A script for bash that completes commands, options and values, from the same table.
std::string completion();

// "vigil 0.1.0", the commit, the compiler, and the engines that work here, a line each.
std::string version(std::string_view number, std::string_view commit, std::string_view compiler,
                    std::string_view engines);

// "vigil serve: cannot serve nowhere: no such file or directory. Name a directory that exists."
std::string cannot_serve(std::string_view directory, std::error_code error);
// "vigil serve: cannot run as the user www-data: operation not permitted. Start it as root, ..."
std::string cannot_become(std::string_view user, std::error_code error);
// "vigil serve: cannot write the log to PATH: ..."; "-" is standard output.
std::string cannot_log(std::string_view path, std::error_code error);
// "vigil serve: up to 12 lines of the log did not reach PATH, which could not be written for the
// last 2s."
std::string log_lost(std::string_view path, std::uint64_t lines, Nanos waited);
// "vigil serve: 20 descriptors are too few for ..."; `needed` includes the reserve.
std::string too_few_descriptors(std::uint64_t allowed, std::uint64_t needed);

}  // namespace vigil::cli
