// The figures of a server as JSON, and back: what the page, `vigil list` and `vigil top` read.
// Names are interface: docs/metrics.md.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "admin/panel.hpp"

namespace vigil::app {

// On one line, without its end.
std::string as_json(const Snapshot& snapshot);

// What a screen shows of a server, read from that.
struct Overview {
  struct Shard {
    unsigned number = 0;
    std::optional<unsigned> process;  // of several
    std::uint64_t requests = 0;
    std::uint64_t connections = 0;
    std::uint64_t active = 0;
    std::uint64_t turns = 0;
    std::uint64_t events = 0;
    std::uint64_t operations = 0;
    std::uint64_t buffer_bytes = 0;
    std::uint64_t frame_bytes = 0;
    Nanos longest_turn{};  // the bound of the highest bucket that is not empty
  };
  std::uint64_t process = 0;
  std::string version;
  std::string engine;
  std::vector<std::string> listeners;
  Nanos uptime{};
  bool draining = false;
  Nanos processor_time{};
  std::uint64_t resident_bytes = 0;
  std::uint64_t descriptors = 0;
  std::size_t processes = 1;  // that are to serve; `process` is their parent, if there are several
  std::vector<Shard> shards;
};

// Nothing: it is not that, or of a version that says other things.
std::optional<Overview> overview_of(std::string_view json);

}  // namespace vigil::app
