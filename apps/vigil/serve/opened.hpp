// What a configuration needs of the machine, opened before anything is changed: what cannot be had
// is said, and leaves all as it was.
#pragma once

#include <expected>
#include <memory>
#include <string>

#include "config/configuration.hpp"
#include "serve/access.hpp"
#include "serve/hosts.hpp"
#include "serve/places.hpp"
#include "serve/share.hpp"

namespace vigil::app {

// What is to be, as shard 0 has it: the others look at it while they open what is theirs.
struct Plan {
  const config::Configuration* configuration = nullptr;
  Share share = {};
  Places places = {};  // those that were not there
  // Where lines go. A stream is shard 0's alone, a file is opened by each.
  enum class Log : std::uint8_t { same, file, stream };
  Log log = Log::same;
  std::shared_ptr<LogSink> sink = nullptr;  // shard 0's, unless it is the same
};

// What one shard needs of it.
struct Opened {
  http::Limits limits = {};
  std::shared_ptr<const Hosts> hosts = nullptr;  // null: the same as before
  cli::LogFormat format = cli::LogFormat::off;
  std::shared_ptr<LogSink> log = nullptr;  // null: the same
};

// On a shard. Directories are opened anew, for what they are now. The failure is the whole
// sentence.
Task<std::expected<std::shared_ptr<const Hosts>, std::string>> open_sites(const Plan* plan);

}  // namespace vigil::app
