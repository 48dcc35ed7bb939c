// The options of `vigil serve`. Adding one here adds it to the command line, the configuration
// file,
// --help, the manual and the example.
#include "cli/serve_options.hpp"

#include <algorithm>
#include <array>

#include "cli/store.hpp"

namespace vigil::cli {
namespace {

constexpr std::uint64_t kKiB = 1ULL << 10;
constexpr std::uint64_t kMiB = 1ULL << 20;
constexpr std::uint64_t kTiB = 1ULL << 40;

// Adds a place; an empty text takes all away.
std::optional<std::string> store_listen(Settings& into, std::string_view text) {
  if (text.empty()) {
    into.listen.clear();
    return "is empty. Write ADDR:PORT, such as 127.0.0.1:8080, or unix:PATH.";
  }
  auto endpoint = parse_endpoint(text);
  if (!endpoint) {
    return std::move(endpoint.error());
  }
  into.listen.push_back(std::move(*endpoint));
  return std::nullopt;
}

// Adds a name; an empty text takes all away.
std::optional<std::string> store_host(Settings& into, std::string_view text) {
  if (text.empty()) {
    into.hosts.clear();
    return "is empty. Write a name, such as example.org, or *.example.org for all below it.";
  }
  auto name = parse_host_pattern(text);
  if (!name) {
    return std::move(name.error());
  }
  into.hosts.push_back(std::move(*name));
  return std::nullopt;
}

std::optional<std::string> store_connections(Settings& into, std::string_view text) {
  if (text == "auto") {
    into.connections = 0;
    return std::nullopt;
  }
  return store<&Settings::connections, within<&parse_count, 1, 100'000'000>>(into, text);
}

std::optional<std::string> store_memory_limit(Settings& into, std::string_view text) {
  if (text == "auto" || text == "off") {
    into.memory_limit = text == "auto" ? 0 : kNoMemoryLimit;
    return std::nullopt;
  }
  return store<&Settings::memory_limit, within<&parse_size, 16 * kMiB, 1024 * kTiB>>(into, text);
}

std::optional<std::string> store_shards(Settings& into, std::string_view text) {
  if (text == "auto") {
    into.shards = 0;
    return std::nullopt;
  }
  return store<&Settings::shards, within<&parse_count, 1, 256>>(into, text);
}

// What is shorter than a look at the loops cannot be seen.
Parsed<Nanos> parse_stall_limit(std::string_view text) {
  Parsed<Nanos> limit = parse_duration(text);
  if (limit && *limit < std::chrono::milliseconds(4)) {
    return std::unexpected("is too short. Choose 4ms or more, or off.");
  }
  return limit;
}

std::optional<std::string> store_admin(Settings& into, std::string_view text) {
  if (text != "auto" && text != "off" && text.find('/') == std::string_view::npos) {
    return "is neither auto nor off nor a path. Write a path with a / in it, such as "
           "./admin.sock.";
  }
  into.admin = text;
  return std::nullopt;
}

std::optional<std::string> store_status(Settings& into, std::string_view text) {
  into.status.reset();
  if (text == "off") {
    return std::nullopt;
  }
  auto endpoint = parse_endpoint(text);
  if (!endpoint) {
    return std::move(endpoint.error());
  }
  into.status = std::move(*endpoint);
  return std::nullopt;
}

constexpr std::array<Option, 36> kServeOptions{{
    {"config", "FILE", "",
     "a configuration file (TOML), in which each option here has a key of the same name; what the "
     "command line says goes before it. SIGHUP reads it again",
     "", "Configuration", store_text<&Settings::config>, Keyed::nowhere},

    {"listen", "ADDR:PORT|unix:PATH", "127.0.0.1:8080",
     "where to listen; may be given several times. Port 0 lets the system choose one", "",
     "Listening", store_listen, Keyed::program, true},
    {"shards", "N|auto", "auto",
     "loops, each on a thread of its own; they share nothing, and limits and caches are divided "
     "among them. auto: as many as this process may use processors (affinity, cpuset, quota)",
     "", "Listening", store_shards, Keyed::program, false, true},
    {"processes", "N", "1",
     "processes that serve, each with its own descriptors and shards. More than 1: the one that "
     "was "
     "started keeps the listeners, starts again what dies, and answers for all",
     "", "Listening", store<&Settings::processes, within<&parse_count, 1, 256>>, Keyed::program,
     false, true},
    {"pin", "", "off", "keep each shard on a processor of its own", "", "Listening",
     store_switch<&Settings::pin>, Keyed::program, false, true},
    {"accept", "STRATEGY", "reuseport",
     "which shard gets a connection: reuseport (a socket each, the kernel spreads), reuseport-cpu "
     "(the processor on which it comes in), exclusive (one socket, who is free takes it) or "
     "handoff "
     "(the first shard gives it to who has the fewest). It stays until the listener is closed",
     "", "Listening", store<&Settings::accept, parse_accept>, Keyed::listener},
    {"engine", "NAME[,NAME...]", "auto",
     "how to wait: names that `vigil doctor` lists; of several, the first that can run here, and "
     "the reason is said once. auto takes VIGIL_ENGINE, else the best that works here",
     "", "Listening", store_text<&Settings::engine>, Keyed::program, false, true},
    {"spin", "MICROSECONDS|adaptive", "0",
     "busy-poll for so long before the loop sleeps: less delay for a processor's time, which is "
     "told at the end. adaptive gives up when nothing comes; 0 is off",
     "", "Listening", store<&Settings::spin, parse_spin>, Keyed::program, false, true},
    {"busy-poll", "MICROSECONDS", "0",
     "let the kernel ask the network card for so long (SO_BUSY_POLL); above net.core.busy_poll it "
     "takes CAP_NET_ADMIN. Connections within this machine show no effect",
     "", "Listening", store<&Settings::busy_poll, within<&parse_count, 0, 1'000'000>>,
     Keyed::listener},
    {"sqpoll", "", "off",
     "with --engine uring: a thread of the kernel takes up submissions, and keeps a processor busy",
     "", "Listening", store_switch<&Settings::sqpoll>, Keyed::program, false, true},
    {"user", "NAME", "",
     "once it listens and its log is open, run as this user and in this user's groups; takes root, "
     "which is given up for good",
     "", "Listening", store_text<&Settings::user>, Keyed::program, false, true},
    {"drain", "TIME", "30s",
     "how long SIGTERM or SIGINT waits for answers under way; a second signal ends at once", "",
     "Listening", store<&Settings::drain, parse_duration>},

    {"listing", "", "off", "show what a directory without an index file holds, as a page", "",
     "Content", store_switch<&Settings::listing>, Keyed::site},
    {"listing-limit", "N", "10000",
     "entries shown of one directory; the page says how many are missing", "", "Content",
     store<&Settings::listing_limit, within<&parse_count, 1, 1'000'000>>, Keyed::site},
    {"precompressed", "on|off", "on",
     "send FILE.br, FILE.zst or FILE.gz in place of FILE to clients that accept it", "", "Content",
     store_switch<&Settings::precompressed>, Keyed::site},

    {"log", "json|common|off", "json", "one line for each request, in this format", "",
     "Access log", store<&Settings::log, parse_log_format>},
    {"log-file", "PATH", "-", "where the lines go; - is standard output", "", "Access log",
     store_path<&Settings::log_file>},
    {"log-buffer", "SIZE", "8M",
     "lines waiting to be written; when it is full, lines are dropped and the log says how many",
     "", "Access log", store<&Settings::log_buffer, within<&parse_size, 64 * kKiB, 1024 * kMiB>>,
     Keyed::program, false, true},

    {"admin", "auto|PATH|off", "auto",
     "a Unix socket that shows its owner and root what the server does (`vigil list`, `vigil "
     "top`). "
     "auto: /run/vigil/PID.sock, or in vigil/ of XDG_RUNTIME_DIR; where neither can be, there is "
     "none",
     "", "Seeing inside", store_admin, Keyed::program, false, true},
    {"status", "ADDR:PORT|off", "off",
     "where /metrics, /healthz, /readyz and a page for the browser are; whoever reaches the "
     "address "
     "sees them",
     "", "Seeing inside", store_status, Keyed::program, false, true},
    {"stall-limit", "TIME", "20ms",
     "a shard that does not turn for so long is named on standard error, with file and line of "
     "what "
     "keeps it",
     "", "Seeing inside", store<&Settings::stall_limit, parse_stall_limit>, Keyed::program, false,
     true},

    {"head-limit", "SIZE", "32K", "request line and header fields of one request", "431", "Limits",
     store<&Settings::head_limit, within<&parse_size, 1 * kKiB, 65'535>>},
    {"line-limit", "SIZE", "8K", "request line of one request", "414", "Limits",
     store<&Settings::line_limit, within<&parse_size, 256, 65'535>>},
    {"fields-limit", "N", "100", "header fields of one request", "431", "Limits",
     store<&Settings::fields_limit, within<&parse_count, 1, 10'000>>, Keyed::program, false, true},
    {"head-timeout", "TIME", "10s", "from the first byte of a request to the end of its head",
     "408", "Limits", store<&Settings::head_timeout, parse_duration>},
    {"body-limit", "SIZE", "1M", "body of one request", "413", "Limits",
     store<&Settings::body_limit, within<&parse_size, 0, kTiB>>},
    {"idle-timeout", "TIME", "60s", "between two requests of a connection", "close", "Limits",
     store<&Settings::idle_timeout, parse_duration>},
    {"min-rate", "RATE", "500/s", "bytes a second that a client must send or take", "408 or close",
     "Limits", store<&Settings::min_rate, parse_rate>},
    {"min-rate-after", "TIME", "10s", "when the slowest rate begins to be asked for", "", "Limits",
     store<&Settings::min_rate_after, parse_duration>},
    {"write-timeout", "TIME", "30s", "during which a client takes no byte of its answer", "close",
     "Limits", store<&Settings::write_timeout, parse_duration>},
    {"connections", "N|auto", "auto",
     "open connections; of a listener: those that come by it. auto: the descriptor limit, raised "
     "as "
     "far as allowed, less a reserve",
     "503", "Limits", store_connections, Keyed::listener},
    {"memory-limit", "SIZE|auto|off", "auto",
     "memory that grows with clients. Near it caches give back, then connections that rest are "
     "closed, then those whose client moves nothing are reset. auto: four fifths of what the "
     "machine and its control groups allow",
     "503", "Limits", store_memory_limit},

    {"cache-files", "N", "1000", "open files kept for the next request", "", "Cache",
     store<&Settings::cache_files, within<&parse_count, 0, 1'000'000>>, Keyed::site},
    {"cache-memory", "SIZE", "16M", "memory for the bodies of small files", "", "Cache",
     store<&Settings::cache_memory, within<&parse_size, 0, kTiB>>, Keyed::site},
    {"cache-body", "SIZE", "16K", "the largest body kept in memory; others are sent from the file",
     "", "Cache", store<&Settings::cache_body, within<&parse_size, 0, 1 * kMiB>>, Keyed::site},
    {"cache-recheck", "TIME", "1s",
     "how often a cached file is looked at where the system does not report changes", "", "Cache",
     store<&Settings::cache_recheck, parse_duration>, Keyed::site},
}};

constexpr std::array<Option, 2> kPrinting{{
    {"json", "", "off", "the same as one JSON object, for programs", "", "Output",
     store_switch<&Settings::json>, Keyed::nowhere},
    {"example", "", "off", "every key with its default and its meaning: a file to begin with", "",
     "Output", store_switch<&Settings::example>, Keyed::nowhere},
}};

constexpr auto kConfigOptions = [] {
  std::array<Option, kServeOptions.size() + kPrinting.size()> all = {};
  std::ranges::copy(kServeOptions, all.begin());
  std::ranges::copy(kPrinting, all.begin() + kServeOptions.size());
  return all;
}();

constexpr std::array<Option, 3> kServeKeys{{
    {"host", "NAME", "",
     "the name that clients ask for, or a list of names: example.org, or *.example.org for all "
     "names below it. The longest that fits is taken",
     "", "Sites", store_host, Keyed::site_only, true},
    {"directory", "PATH", ".",
     "the directory that is served. Beside [[site]] tables: to those who ask for other names, who "
     "else are answered 421",
     "", "Sites", store_path<&Settings::directory>, Keyed::each_site},
    {"address", "ADDR:PORT|unix:PATH", "", "where this listener listens", "", "Listening",
     store_listen, Keyed::listener_only},
}};

}  // namespace

std::span<const Option> serve_options() noexcept { return kServeOptions; }
std::span<const Option> config_options() noexcept { return kConfigOptions; }
std::span<const Option> serve_keys() noexcept { return kServeKeys; }

}  // namespace vigil::cli
