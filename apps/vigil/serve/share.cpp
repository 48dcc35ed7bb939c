// Dividing limits, caches and descriptors among the shards.
#include "serve/share.hpp"

#include <algorithm>

#include "admin/beside.hpp"
#include "cli/help.hpp"
#include "vigil/loop/loop.hpp"

namespace vigil::app {
namespace {

// What the program opens for itself: loop, lanes, log, signals, directories being listed.
constexpr std::uint64_t kOwnDescriptors = 40;
// The same of a shard that is not the first: loop, log, directories being listed.
constexpr std::uint64_t kShardDescriptors = 12;
constexpr std::uint64_t kFewestConnections = 16;  // of each
constexpr unsigned kMostShards = 256;
constexpr std::size_t kSmallestLogBuffer = 64 * 1024;
// Of a shard: with less it would have to let go of what a few requests need.
constexpr std::uint64_t kLeastMemory = 4U << 20;

// What the admin loop needs. A socket that nobody asked for by name gives way where they are few.
std::uint64_t of_admin(const cli::Settings& settings, std::uint64_t left) noexcept {
  const bool wanted = processes_of(settings) > 1 || settings.status ||
                      (settings.admin != "off" && settings.admin != "auto");
  const bool fits = settings.admin == "auto" && left >= kAdminDescriptors;
  return wanted || fits ? kAdminDescriptors : 0;
}

// The part of one of `shards` that lets all of them together have `whole`.
std::uint64_t part_of(std::uint64_t whole, unsigned shards) noexcept {
  return whole / shards + (whole % shards != 0 ? 1 : 0);
}

// The rest is for what does not grow with clients, and for the kernel's own.
std::uint64_t memory_of(const cli::Settings& settings, std::uint64_t usable,
                        unsigned shards) noexcept {
  const bool off = settings.memory_limit == cli::kNoMemoryLimit;
  const std::uint64_t all =
      off ? 0 : (settings.memory_limit != 0 ? settings.memory_limit : usable / 5 * 4);
  return all == 0 ? 0 : std::max(all / shards, kLeastMemory);
}

}  // namespace

unsigned processes_of(const cli::Settings& settings) noexcept {
  return static_cast<unsigned>(std::max<std::uint64_t>(1, settings.processes));
}

std::expected<Share, std::string> share_out(const config::Configuration& configuration,
                                            const Means& means, unsigned shards) {
  // What is asked for is for all processes, and so is memory; descriptors are this one's.
  const unsigned processes = processes_of(configuration.program.values);
  const unsigned parts = shards * processes;
  const std::uint64_t descriptors = means.descriptors;
  const std::uint64_t asked = configuration.program.values.connections;
  // A listener has a duplicate of its socket, for a process that takes this one's place, and a
  // spare descriptor, for who comes when there is no other.
  std::uint64_t own = kOwnDescriptors + (shards - 1) * kShardDescriptors +
                      shards * (3 * configuration.listeners.size() + configuration.sites.size());
  const std::uint64_t least = shards * (asked != 0 ? part_of(asked, parts) : kFewestConnections);
  own += of_admin(configuration.program.values, descriptors - std::min(descriptors, own + least));
  if (descriptors < own + least) {
    return std::unexpected(cli::too_few_descriptors(descriptors, own + least));
  }
  Share share{.shards = parts};
  share.memory = memory_of(configuration.program.values, means.memory, parts);
  for_each_site(configuration, [&](const config::Part& site) {
    share.wanted += part_of(site.values.cache_files, parts);
  });
  share.files = std::min(share.wanted, (descriptors - own - least) / 4 / shards);
  share.connections = asked != 0 ? part_of(asked, processes)
                                 : ((descriptors - own) / shards - share.files) * shards;
  return share;
}

std::size_t connections_of(const config::Part& listener,
                           const config::Configuration& configuration) noexcept {
  const std::uint64_t asked = listener.values.connections;
  return asked == 0
             ? 0
             : static_cast<std::size_t>(part_of(asked, processes_of(configuration.program.values)));
}

// What was not asked for gives way where descriptors are few.
unsigned count_shards(const config::Configuration& configuration, std::uint64_t descriptors) {
  const cli::Settings& settings = configuration.program.values;
  if (settings.shards != 0) {
    return static_cast<unsigned>(settings.shards);
  }
  const unsigned usable = std::min(Loop::current()->host().processors().usable, kMostShards);
  unsigned count = std::max(1U, usable / processes_of(settings));
  while (count > 1 && !share_out(configuration, {.descriptors = descriptors}, count)) {
    --count;
  }
  return count;
}

http::Limits limits_of(const cli::Settings& settings, const Share& share) noexcept {
  http::Limits limits;
  limits.head.head = static_cast<std::uint16_t>(settings.head_limit);
  limits.head.request_line = static_cast<std::uint16_t>(settings.line_limit);
  limits.fields = static_cast<std::uint16_t>(settings.fields_limit);
  limits.head_time = settings.head_timeout;
  limits.idle_time = settings.idle_timeout;
  limits.body_bytes = settings.body_limit;
  limits.minimum_rate = settings.min_rate;
  limits.rate_grace = settings.min_rate_after;
  limits.write_stall = settings.write_timeout;
  limits.connections = static_cast<std::size_t>(share.connections);
  limits.memory = share.memory;
  return limits;
}

SiteOptions options_of(const cli::Settings& site, const Share& share) noexcept {
  const std::uint64_t asked = part_of(site.cache_files, share.shards);
  const std::uint64_t files =
      share.wanted == share.files ? asked : asked * share.files / share.wanted;
  return {.cache = {.files = static_cast<std::size_t>(files),
                    .memory = static_cast<std::size_t>(part_of(site.cache_memory, share.shards))},
          .body = static_cast<std::size_t>(site.cache_body),
          .recheck = {.unwatched = site.cache_recheck,
                      .watched =
                          site.cache_recheck > kForever / 10 ? kForever : 10 * site.cache_recheck},
          .precompressed = site.precompressed};
}

std::size_t log_buffer_of(const cli::Settings& settings, unsigned shards) noexcept {
  const unsigned parts = shards * processes_of(settings);
  return std::max(static_cast<std::size_t>(part_of(settings.log_buffer, parts)),
                  kSmallestLogBuffer);
}

}  // namespace vigil::app
