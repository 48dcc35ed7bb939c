// The figures of a server as OpenMetrics. Names, labels and units are interface: docs/metrics.md.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "admin/panel.hpp"

namespace vigil::app {

enum class MetricKind : std::uint8_t { counter, gauge, histogram, info };

struct MetricFamily {
  std::string_view name;  // without the suffixes that its kind adds to samples (_total, _bucket)
  MetricKind kind;
  std::string_view unit;  // "seconds", "bytes"; empty: a count
  std::string_view help;
  // Writes its samples.
  void (*samples)(std::string& out, const MetricFamily& family, const Snapshot& of);
};

// All of them, in the order of the page.
std::span<const MetricFamily> metric_families() noexcept;

inline constexpr std::string_view kOpenMetrics =
    "application/openmetrics-text; version=1.0.0; charset=utf-8";

// The whole exposition, "# EOF" at its end.
std::string as_open_metrics(const Snapshot& snapshot);

// How many operations of a family of opcodes ended ("receive", "send", "accept", "file" and so on),
// for each family.
struct OperationKind {
  std::string_view name;
  Opcode first;
  Opcode last;
};
std::span<const OperationKind> operation_kinds() noexcept;
std::uint64_t count_of(const LoopFigures& loop, const OperationKind& kind) noexcept;

}  // namespace vigil::app
