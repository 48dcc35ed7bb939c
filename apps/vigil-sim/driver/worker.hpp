// Worker: a process that runs seeds of a scenario and tells of each on its standard output.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "scenarios/scenario.hpp"
#include "vigil/sim/faults.hpp"

namespace vigil::driver {

// What a worker is to do. Seeds are first, first + stride, first + 2 stride ...
struct Job {
  std::string program = {};   // what is executed; empty: the pool's own
  std::string scenario = {};  // several, with commas between: they take turns
  std::uint64_t first = 1;
  std::uint64_t stride = 1;
  std::uint64_t count = 1;
  std::string faults_file = {};
  std::uint64_t shrink_seconds = 60;
  std::uint64_t scatter = 0;   // see points/allocation.hpp; 0: not
  bool first_only = false;     // ends at the first seed that fails
  std::string what = "seeds";  // or a kind of fault points
};

// The words after the program's name, the first being kWorkerWord.
inline constexpr std::string_view kWorkerWord = "--worker";
std::vector<std::string> words_of(const Job& job);
// The exit status.
int work(std::span<const std::string_view> words);

// The weather of a seed: without a file, some seeds are calm, some have only what a kernel does to
// a program that expects it, and the others are ordinary. `strict`: nothing excuses a failed
// request.
struct SeedWeather {
  sim::Faults faults = sim::Faults::none();
  bool strict = false;
};
SeedWeather weather_of(std::uint64_t seed, const sim::Faults* from_file);
bool excuses_nothing(const sim::Faults& faults) noexcept;

}  // namespace vigil::driver
