// The values that options take, read from text and written back. Each reader answers with the
// value, or with the rest of a sentence whose subject is the text ("... has no unit. Write 30s,
// 500ms or 2m.").
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "vigil/base/time.hpp"
#include "vigil/loop/spin.hpp"
#include "vigil/runtime/accept.hpp"

namespace vigil::cli {

template <class T>
using Parsed = std::expected<T, std::string>;

// "30s", "500ms", "1.5m", "2h", "1d", "0", or "off", which is kForever. A number without a unit is
// refused.
Parsed<Nanos> parse_duration(std::string_view text);
// "4096", "32K", "32KiB", "1M", "1.5G": bytes, in powers of 1024. The fraction must come to whole
// bytes.
Parsed<std::uint64_t> parse_size(std::string_view text);
// A size, "/s" after it if wanted: bytes a second. "off" is 0: no rate is asked for.
Parsed<std::uint64_t> parse_rate(std::string_view text);
// A whole number without sign.
Parsed<std::uint64_t> parse_count(std::string_view text);

// "50" (microseconds), "adaptive" or "0".
Parsed<Spin> parse_spin(std::string_view text);

// "reuseport", "reuseport-cpu", "exclusive" or "handoff".
Parsed<AcceptStrategy> parse_accept(std::string_view text);

enum class LogFormat : std::uint8_t { json, common, off };
Parsed<LogFormat> parse_log_format(std::string_view text);

// Where a server listens: an address of this machine with a port, or the path of a Unix socket.
struct Endpoint {
  std::string host;        // "127.0.0.1", "::1" (without brackets); empty for a Unix socket
  std::uint16_t port = 0;  // 0: the system chooses
  std::string path;        // of a Unix socket, else empty

  bool is_unix() const noexcept { return !path.empty(); }
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};
// "127.0.0.1:8080", "[::1]:8080", "localhost:8080", "8080" (on 127.0.0.1) or "unix:PATH". An
// address is always named, so that nothing listens on all of them by an oversight.
Parsed<Endpoint> parse_endpoint(std::string_view text);

// The name of a site: "example.org", "*.example.org" or "[::1]", without a port; in lower case and
// without a dot at the end, as requests are compared with it.
Parsed<std::string> parse_host_pattern(std::string_view text);

// The shortest text that the reader above turns into the same value.
std::string duration_text(Nanos span);
std::string size_text(std::uint64_t bytes);
std::string endpoint_text(const Endpoint& endpoint);

// `parse`, refusing what lies outside; the limits are part of what the refusal says.
template <auto Parse, std::uint64_t lowest, std::uint64_t highest>
Parsed<std::uint64_t> within(std::string_view text) {
  Parsed<std::uint64_t> value = Parse(text);
  if (value && (*value < lowest || *value > highest)) {
    constexpr bool plain = Parse == &parse_count;
    return std::unexpected("is out of range. Choose from " +
                           (plain ? std::to_string(lowest) : size_text(lowest)) + " to " +
                           (plain ? std::to_string(highest) : size_text(highest)) + ".");
  }
  return value;
}

}  // namespace vigil::cli
