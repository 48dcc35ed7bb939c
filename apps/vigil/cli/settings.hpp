// What a command was asked to do: `vigil serve`, and at the end the others. The initial values
// stand in the tables of options (serve_options.cpp, commands.cpp), nowhere else.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/values.hpp"
#include "vigil/base/time.hpp"
#include "vigil/loop/spin.hpp"

namespace vigil::cli {

inline constexpr std::uint64_t kNoMemoryLimit = ~std::uint64_t{0};

struct Settings {
  std::string config;  // path of the configuration file; empty: none
  std::string directory;
  std::vector<std::string> hosts;  // of a site: as parse_host_pattern gives them
  std::vector<Endpoint> listen;
  std::string engine;  // "auto": the VIGIL_ENGINE variable, else the best that works here
  Spin spin{};
  bool sqpoll = false;
  std::uint64_t shards = 0;     // loops; 0: as many as this process may use processors
  std::uint64_t processes = 0;  // that serve; 1: the one that was started
  bool pin = false;
  AcceptStrategy accept = AcceptStrategy::reuseport;
  std::uint64_t busy_poll = 0;  // microseconds; 0: as the system is set
  std::string user;             // who to become; empty: nobody else

  bool listing = false;
  std::uint64_t listing_limit = 0;  // entries shown of one directory
  bool precompressed = true;

  LogFormat log = LogFormat::off;
  std::string log_file;          // "-" is standard output
  std::uint64_t log_buffer = 0;  // bytes; lines beyond are dropped and counted

  std::uint64_t head_limit = 0;  // bytes of request line and fields
  std::uint64_t line_limit = 0;  // bytes of the request line
  std::uint64_t fields_limit = 0;
  Nanos head_timeout{};
  std::uint64_t body_limit = 0;  // bytes
  Nanos idle_timeout{};
  std::uint64_t min_rate = 0;  // bytes a second, each way; 0: none
  Nanos min_rate_after{};
  Nanos write_timeout{};          // without a byte taken by the client
  std::uint64_t connections = 0;  // 0: as many as there are descriptors, less a reserve
  // Bytes; 0: a part of what the machine and its control groups allow; kNoMemoryLimit: none.
  std::uint64_t memory_limit = 0;

  std::uint64_t cache_files = 0;   // open files kept
  std::uint64_t cache_memory = 0;  // bytes of small bodies kept
  std::uint64_t cache_body = 0;    // bytes up to which a body is kept
  Nanos cache_recheck{};           // where changes are not reported

  Nanos drain{};

  std::string admin;               // "auto", "off" or the path of the admin socket
  std::optional<Endpoint> status;  // where the status page is
  Nanos stall_limit{};             // kForever: none is looked for

  std::string target;    // top, dump, explain: a process number or a path; empty: the only one
  std::string peer;      // explain
  bool json = false;     // doctor, list, top, dump, explain
  bool example = false;  // config
};

}  // namespace vigil::cli
