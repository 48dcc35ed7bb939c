// Record: what a worker tells about one seed, as a line of text between processes.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "vigil/sim/faults.hpp"

namespace vigil::driver {

struct Record {
  std::uint64_t seed = 0;
  std::uint64_t trace_hash = 0;
  std::uint64_t steps = 0;
  std::uint64_t simulated = 0;  // nanoseconds
  std::uint64_t requests = 0;
  std::uint64_t answered = 0;
  std::array<std::uint64_t, sim::kFaults> strikes{};
};

// "@done 7 ..." and back; nothing if it is no such line.
std::string written(const Record& record);
std::optional<Record> read_record(std::string_view line);

// "@begin 7", "@fail 7 what went wrong" and the like: the word and the number after it.
struct Mark {
  std::string_view word;
  std::uint64_t number = 0;
  std::string_view rest;
};
std::optional<Mark> read_mark(std::string_view line);

}  // namespace vigil::driver
