// What a configuration allows all shards of all processes together, and what of it each has.
#pragma once

#include <cstdint>
#include <expected>
#include <string>

#include "config/configuration.hpp"
#include "serve/site.hpp"
#include "vigil/http/server.hpp"

namespace vigil::app {

// One shard's part.
struct Share {
  unsigned shards = 1;            // of all processes
  std::uint64_t connections = 0;  // of all shards of this process together
  std::uint64_t memory = 0;       // bytes; 0: no limit
  // Of all its caches together: the files that they may keep open, and those that were asked for.
  std::uint64_t files = 0;
  std::uint64_t wanted = 0;
};

// What this process may have.
struct Means {
  std::uint64_t descriptors = 0;
  std::uint64_t memory = 0;  // bytes, of all processes; 0: nobody knows
};

unsigned processes_of(const cli::Settings& settings) noexcept;

// Divides what is asked for, and what there is. The failure is the whole sentence: there are too
// few descriptors.
std::expected<Share, std::string> share_out(const config::Configuration& configuration,
                                            const Means& means, unsigned shards);

// Those that may come by one listener, at all shards of this process together; 0: as many as there
// may be in all.
std::size_t connections_of(const config::Part& listener,
                           const config::Configuration& configuration) noexcept;

// Of each process, which may open so many descriptors: what was asked for, or what fits.
unsigned count_shards(const config::Configuration& configuration, std::uint64_t descriptors);

http::Limits limits_of(const cli::Settings& settings, const Share& share) noexcept;
SiteOptions options_of(const cli::Settings& site, const Share& share) noexcept;
// Bytes of log lines that wait to be written.
std::size_t log_buffer_of(const cli::Settings& settings, unsigned shards) noexcept;

// Calls `each(part)` for every site that is served.
template <class F>
void for_each_site(const config::Configuration& configuration, F each) {
  for (const config::Part& site : configuration.sites) {
    each(site);
  }
  if (configuration.serves_others()) {
    each(configuration.program);
  }
}

}  // namespace vigil::app
