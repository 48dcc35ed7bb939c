// The values that options take.
#include "cli/values.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <span>

namespace vigil::cli {
namespace {

__extension__ using Wide = unsigned __int128;

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};
constexpr std::array<Unit, 7> kTimes{{{"ns", 1},
                                      {"us", 1'000},
                                      {"ms", 1'000'000},
                                      {"s", 1'000'000'000},
                                      {"m", 60'000'000'000},
                                      {"h", 3'600'000'000'000},
                                      {"d", 86'400'000'000'000}}};
constexpr std::array<Unit, 14> kSizes{{{"", 1},
                                       {"B", 1},
                                       {"K", 1ULL << 10},
                                       {"KiB", 1ULL << 10},
                                       {"k", 1ULL << 10},
                                       {"kB", 1ULL << 10},
                                       {"M", 1ULL << 20},
                                       {"MiB", 1ULL << 20},
                                       {"MB", 1ULL << 20},
                                       {"G", 1ULL << 30},
                                       {"GiB", 1ULL << 30},
                                       {"GB", 1ULL << 30},
                                       {"T", 1ULL << 40},
                                       {"TiB", 1ULL << 40}}};

constexpr std::string_view kDurationHelp =
    "Write a number and ns, us, ms, s, m, h or d, such as 30s.";
constexpr std::string_view kSizeHelp = "Write bytes, or a number and K, M, G or T, such as 32K.";

std::unexpected<std::string> refuse(std::string_view fault, std::string_view help) {
  return std::unexpected(std::string(fault) + ". " + std::string(help));
}

// A decimal number without sign as digits and the power of ten they are divided by ("1.25": 125 and
// 100).
struct Decimal {
  std::uint64_t digits = 0;
  std::uint64_t scale = 1;
  std::string_view rest;  // what follows: the unit
};

std::optional<Decimal> read_decimal(std::string_view text) {
  Decimal number;
  std::size_t at = 0;
  bool point = false;
  bool any = false;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '.' && !point && any) {
      point = true;
      continue;
    }
    if (c < '0' || c > '9') {
      break;
    }
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (number.digits > (std::numeric_limits<std::uint64_t>::max() - digit) / 10 ||
        number.scale > 1'000'000'000'000) {
      return std::nullopt;
    }
    any = true;
    number.digits = number.digits * 10 + digit;
    if (point) {
      number.scale *= 10;
    }
  }
  if (!any || text[at - 1] == '.') {
    return std::nullopt;
  }
  number.rest = text.substr(at);
  return number;
}

// The number times its unit, exactly; nothing if that is not whole, is too large, or the unit is
// unknown.
std::optional<std::uint64_t> scaled(const Decimal& number, std::span<const Unit> units) {
  for (const Unit& unit : units) {
    if (unit.name != number.rest) {
      continue;
    }
    const auto product = static_cast<Wide>(number.digits) * unit.factor;
    if (product % number.scale != 0 ||
        product / number.scale >
            static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      return std::nullopt;
    }
    return static_cast<std::uint64_t>(product / number.scale);
  }
  return std::nullopt;
}

std::optional<std::uint64_t> read_whole(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc{} || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

bool is_ipv4(std::string_view text) {
  int parts = 0;
  while (true) {
    const std::size_t dot = text.find('.');
    const std::string_view part = text.substr(0, dot);
    const auto value = read_whole(part);
    if (!value || *value > 255 || part.size() > 3 || (part.size() > 1 && part[0] == '0')) {
      return false;
    }
    ++parts;
    if (dot == std::string_view::npos) {
      return parts == 4;
    }
    text.remove_prefix(dot + 1);
  }
}

// Whether these can be the characters of an IPv6 address; the network floor reads its meaning.
bool resembles_ipv6(std::string_view text) {
  return std::count(text.begin(), text.end(), ':') >= 2 &&
         text.substr(0, text.find('%')).find_first_not_of("0123456789abcdefABCDEF:.") ==
             std::string_view::npos;
}

bool is_alphanumeric(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  }
  return out;
}

}  // namespace

Parsed<Nanos> parse_duration(std::string_view text) {
  if (text == "off") {
    return kForever;
  }
  const auto number = read_decimal(text);
  if (!number) {
    return refuse("is not a duration", kDurationHelp);
  }
  if (number->rest.empty()) {
    if (number->digits == 0) {
      return Nanos::zero();
    }
    return refuse("has no unit", kDurationHelp);
  }
  const auto nanos = scaled(*number, kTimes);
  if (!nanos || *nanos == static_cast<std::uint64_t>(kForever.count())) {
    return refuse("is not a duration", kDurationHelp);
  }
  return Nanos(static_cast<std::int64_t>(*nanos));
}

Parsed<std::uint64_t> parse_size(std::string_view text) {
  const auto number = read_decimal(text);
  const auto bytes = number ? scaled(*number, kSizes) : std::nullopt;
  if (!bytes) {
    return refuse("is not a size", kSizeHelp);
  }
  return *bytes;
}

Parsed<std::uint64_t> parse_rate(std::string_view text) {
  if (text == "off") {
    return 0;
  }
  const auto number = read_decimal(text.ends_with("/s") ? text.substr(0, text.size() - 2) : text);
  const auto bytes = number ? scaled(*number, kSizes) : std::nullopt;
  if (!bytes) {
    return refuse("is not a rate", "Write bytes a second, such as 500, 2K/s, or off.");
  }
  return *bytes;
}

Parsed<std::uint64_t> parse_count(std::string_view text) {
  const auto value = read_whole(text);
  if (!value) {
    return refuse("is not a number", "Write digits only.");
  }
  return *value;
}

Parsed<Spin> parse_spin(std::string_view text) {
  if (text == "adaptive") {
    return kAdaptiveSpin;
  }
  const auto value = read_whole(text);
  if (!value || *value > 1'000'000) {
    return refuse("is not a time to busy-poll",
                  "Write microseconds, 1000000 at most, or adaptive, or 0.");
  }
  return Spin{.most = std::chrono::microseconds(*value), .adaptive = false};
}

Parsed<AcceptStrategy> parse_accept(std::string_view text) {
  if (const auto strategy = accept_strategy(text)) {
    return *strategy;
  }
  return refuse("is no way to accept", "Choose reuseport, reuseport-cpu, exclusive or handoff.");
}

Parsed<LogFormat> parse_log_format(std::string_view text) {
  if (text == "json") {
    return LogFormat::json;
  }
  if (text == "common") {
    return LogFormat::common;
  }
  if (text == "off") {
    return LogFormat::off;
  }
  return refuse("is not a log format", "Choose json, common or off.");
}

Parsed<Endpoint> parse_endpoint(std::string_view text) {
  Endpoint endpoint;
  if (text.starts_with("unix:")) {
    endpoint.path = text.substr(5);
    if (endpoint.path.empty()) {
      return refuse("names no socket", "Write unix:PATH.");
    }
    // struct sockaddr_un holds 108 bytes with the NUL, unix(7).
    if (endpoint.path.size() > 107 || endpoint.path.find('\0') != std::string::npos) {
      return refuse("is too long for a Unix socket", "Choose a path of at most 107 bytes.");
    }
    return endpoint;
  }
  const std::size_t colon = text.rfind(':');
  const std::string_view port = colon == std::string_view::npos ? text : text.substr(colon + 1);
  std::string_view host = colon == std::string_view::npos ? "127.0.0.1" : text.substr(0, colon);
  const auto number = read_whole(port);
  if (!number || *number > 65535) {
    return refuse(
        colon == std::string_view::npos ? "has no port" : "has a port that is not from 0 to 65535",
        "Write ADDR:PORT, such as 127.0.0.1:8080, or unix:PATH.");
  }
  endpoint.port = static_cast<std::uint16_t>(*number);
  if (host.empty() || host == "*") {
    const std::string suffix = ":" + std::string(port);
    return refuse("names no address", "Write 127.0.0.1" + suffix + " for this machine only, [::]" +
                                          suffix + " or 0.0.0.0" + suffix +
                                          " for every network it is on.");
  }
  if (host == "localhost") {
    host = "127.0.0.1";
  }
  if (host.front() == '[' && host.back() == ']' &&
      resembles_ipv6(host.substr(1, host.size() - 2))) {
    host = host.substr(1, host.size() - 2);
  } else if (resembles_ipv6(host)) {
    return refuse("has an IPv6 address without brackets",
                  "Write [" + std::string(host) + "]:" + std::string(port) + ".");
  } else if (!is_ipv4(host)) {
    return refuse("has no numeric address",
                  "Names are not looked up here: write an address of this machine, "
                  "such as 127.0.0.1:" +
                      std::string(port) + ".");
  }
  endpoint.host = host;
  return endpoint;
}

Parsed<std::string> parse_host_pattern(std::string_view text) {
  constexpr std::string_view kHelp = "Write a name, such as example.org or *.example.org.";
  const bool below = text.starts_with("*.");
  std::string_view name = below ? text.substr(2) : text;
  if (name.starts_with('[') && name.ends_with(']') && !below &&
      resembles_ipv6(name.substr(1, name.size() - 2))) {
    return lower(name);
  }
  if (name.ends_with('.')) {
    name.remove_suffix(1);
  }
  if (name.find(':') != std::string_view::npos) {
    return refuse("has a port", "Sites are told apart by their names alone: leave it out.");
  }
  if (name.find('*') != std::string_view::npos) {
    return refuse("has a star in another place than its beginning", kHelp);
  }
  // RFC 1123 section 2.1; the underscore is no host's, and is in use all the same.
  for (const char c : name) {
    if (!is_alphanumeric(c) && c != '-' && c != '.' && c != '_') {
      return refuse("is not a host name",
                    "Write letters, digits, hyphens and dots; other letters as xn--...");
    }
  }
  if (name.empty() || name.size() > 253 || name.starts_with('.') ||
      name.find("..") != std::string_view::npos) {
    return refuse("is not a host name", kHelp);
  }
  return (below ? "*." : "") + lower(name);
}

std::string duration_text(Nanos span) {
  if (span == kForever) {
    return "off";
  }
  if (span == Nanos::zero()) {
    return "0";
  }
  const auto count = static_cast<std::uint64_t>(span.count());
  for (std::size_t i = kTimes.size(); i-- > 0;) {
    if (count % kTimes[i].factor == 0) {
      return std::to_string(count / kTimes[i].factor) + std::string(kTimes[i].name);
    }
  }
  return {};
}

std::string size_text(std::uint64_t bytes) {
  constexpr std::array<Unit, 4> units{
      {{"T", 1ULL << 40}, {"G", 1ULL << 30}, {"M", 1ULL << 20}, {"K", 1ULL << 10}}};
  for (const Unit& unit : units) {
    if (bytes != 0 && bytes % unit.factor == 0) {
      return std::to_string(bytes / unit.factor) + std::string(unit.name);
    }
  }
  return std::to_string(bytes);
}

std::string endpoint_text(const Endpoint& endpoint) {
  if (endpoint.is_unix()) {
    return "unix:" + endpoint.path;
  }
  const bool six = endpoint.host.find(':') != std::string::npos;
  return (six ? "[" + endpoint.host + "]" : endpoint.host) + ":" + std::to_string(endpoint.port);
}

}  // namespace vigil::cli
