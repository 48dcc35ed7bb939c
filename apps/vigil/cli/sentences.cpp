// One sentence for each thing that the system can refuse: what failed, why, and what to do.
#include "cli/help.hpp"
#include "vigil/runtime/explain.hpp"

namespace vigil::cli {
namespace {

bool is(std::error_code error, std::errc code) { return error == std::make_error_condition(code); }

std::string sink(std::string_view path) {
  return path == "-" ? "standard output" : std::string(path);
}

}  // namespace

std::string cannot_serve(std::string_view directory, std::error_code error) {
  return "vigil serve: cannot serve " + std::string(directory) + ": " + reason(error) + ". " +
         (is(error, std::errc::permission_denied)
              ? "Give this user the right to read it, or name another directory."
          : is(error, std::errc::not_a_directory) ? "Name the directory that holds the file."
                                                  : "Name a directory that exists.");
}

std::string cannot_become(std::string_view user, std::error_code error) {
  const std::string what = "vigil serve: cannot run as the user " + std::string(user) + ": ";
  if (is(error, std::errc::no_such_file_or_directory)) {
    return what + "there is none. Name one that is in the user database (getent passwd).";
  }
  return what + reason(error) + ". Start it as root, which may, or without --user.";
}

std::string cannot_log(std::string_view path, std::error_code error) {
  return "vigil serve: cannot write the log to " + sink(path) + ": " + reason(error) +
         ". Choose another --log-file, or --log off.";
}

std::string log_lost(std::string_view path, std::uint64_t lines, Nanos waited) {
  return "vigil serve: up to " + std::to_string(lines) + " lines of the log did not reach " +
         sink(path) + ", which could not be written for the last " + duration_text(waited) + ".";
}

std::string too_few_descriptors(std::uint64_t allowed, std::uint64_t needed) {
  return "vigil serve: this process may open " + std::to_string(allowed) +
         " descriptors and needs " + std::to_string(needed) + ". Raise the limit (ulimit -n " +
         std::to_string(needed) + "), or lower --connections or --cache-files.";
}

}  // namespace vigil::cli
