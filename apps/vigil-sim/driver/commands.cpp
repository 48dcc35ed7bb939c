// The table of commands. Adding one here adds it to the command line and to --help.
#include "driver/commands.hpp"

#include <array>
#include <charconv>
#include <cstdio>

#include "driver/differential.hpp"
#include "driver/list.hpp"
#include "driver/run.hpp"
#include "mutations/mutations.hpp"
#include "points/points.hpp"

namespace vigil::driver {
namespace {

template <auto Member, std::uint64_t lowest, std::uint64_t highest>
std::optional<std::string> store_number(Settings& into, std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault == std::errc::result_out_of_range ||
      (fault == std::errc{} && (value < lowest || value > highest))) {
    return "is out of range. Choose from " + std::to_string(lowest) + " to " +
           std::to_string(highest) + ".";
  }
  if (fault != std::errc{} || end != text.data() + text.size()) {
    return "is not a number. Write digits only.";
  }
  into.*Member = value;
  return std::nullopt;
}

template <auto Member>
std::optional<std::string> store_text(Settings& into, std::string_view text) {
  if (text.empty()) {
    return "is empty. Name a file.";
  }
  into.*Member = text;
  return std::nullopt;
}

template <auto Member>
std::optional<std::string> store_switch(Settings& into, std::string_view) {
  into.*Member = true;
  return std::nullopt;
}

constexpr std::uint64_t kMost = 1'000'000'000'000;

constexpr Option kJobs{"jobs", "J", "as many as there are processors", "processes at a time",
                       store_number<&Settings::jobs, 1, 256>};
constexpr Option kJson{"json", "", "", "one JSON object instead of text",
                       store_switch<&Settings::json>};

constexpr std::array<Option, 1> kListOptions{{
    {"faults", "", "", "the table of faults instead: what can go wrong, and how often",
     store_switch<&Settings::fault_table>},
}};
constexpr std::array<Example, 2> kListExamples{{
    {"vigil-sim list", "the scenarios, a line each"},
    {"vigil-sim list --faults", "what a file for run --faults can hold"},
}};

constexpr std::array<Option, 7> kRunOptions{{
    {"seeds", "N", "100; 1 with --seed", "how many seeds",
     store_number<&Settings::seeds, 1, kMost>},
    {"seed", "S", "drawn, and printed", "the first of them",
     store_number<&Settings::seed, 0, kMost>},
    kJobs,
    {"faults", "FILE", "",
     "the weather: a file of tables as vigil-sim list --faults names them. Without it some seeds "
     "are calm, some have only what programs never hear of, and the others are ordinary",
     store_text<&Settings::faults_file>},
    {"trace", "FILE", "", "keep the whole of one seed's run in FILE, and in FILE.html as a page",
     store_text<&Settings::trace_file>},
    {"scatter", "N", "",
     "put blocks of memory elsewhere, by N: a run that depends on addresses gets another trace "
     "hash",
     store_number<&Settings::scatter, 1, kMost>},
    kJson,
}};
constexpr std::array<Example, 5> kRunExamples{{
    {"vigil-sim run echo", "100 fresh seeds"},
    {"vigil-sim run serve --seeds 2000 --jobs 2", "as many as a change must pass"},
    {"vigil-sim run serve --seed 7 --json", "the same seed has the same trace hash, anywhere"},
    {"vigil-sim run chat --seeds 20 --faults tests/sim/storm.toml", "in heavy weather"},
    {"vigil-sim run http --seed 7 --trace http.txt", "every step of one run"},
}};

constexpr std::array<Option, 4> kDifferentialOptions{{
    {"operations", "N", "1000000", "how many calls, at least",
     store_number<&Settings::operations, 1, kMost>},
    {"seed", "S", "drawn, and printed", "of the histories",
     store_number<&Settings::seed, 0, kMost>},
    {"accepted", "", "", "show the differences between kernels that are accepted, and why",
     store_switch<&Settings::accepted>},
    kJson,
}};
constexpr std::array<Example, 2> kDifferentialExamples{{
    {"vigil-sim differential --operations 10000000", "as many as a change must pass"},
    {"vigil-sim differential --seed 7", "the same histories again"},
}};

constexpr std::array<Option, 3> kPointsOptions{{
    {"point", "KIND:N", "", "one of them alone, of the named scenario, with what happened",
     store_text<&Settings::point>},
    kJobs,
    kJson,
}};
constexpr std::array<Example, 2> kPointsExamples{{
    {"vigil-sim points", "every point of every scenario; some minutes"},
    {"vigil-sim points echo", "those of one"},
}};

constexpr std::array<Option, 4> kMutationsOptions{{
    {"seeds", "N", "1000", "how many seeds each may need",
     store_number<&Settings::seeds, 1, kMost>},
    kJobs,
    {"markdown", "", "", "the table of docs/simulation.md", store_switch<&Settings::markdown>},
    kJson,
}};
constexpr std::array<Example, 2> kMutationsExamples{{
    {"cmake --build build/release --target mutants", "builds them, beside this program"},
    {"vigil-sim mutations", "each is to be caught"},
}};

constexpr std::array<Command, 5> kCommands{{
    {"list", "show the scenarios, or the faults", "", "", false,
     "Shows the scenarios, a line each.", kListOptions, kListExamples, list},
    {"run", "run a scenario under many seeds", "SCENARIO", "which; vigil-sim list shows them", true,
     "Runs the scenario under each seed, in worker processes. A seed that fails prints what was "
     "wrong, the command that repeats it bit for bit, what each host did before, and the fewest "
     "faults that still make it fail. Ctrl-C ends it and says what was covered.",
     kRunOptions, kRunExamples, run},
    {"differential", "hold the simulated kernel against this machine's", "", "", false,
     "Runs random histories of system calls on the simulated kernel and on the real one, and "
     "compares every result. A history that differs is shrunk to the calls that matter.",
     kDifferentialOptions, kDifferentialExamples, differential},
    {"points", "make every allocation and every call fail, once each", "SCENARIO",
     "one of them; all if none is named", false,
     "Runs each scenario as often as it has points at which something can fail: each allocation "
     "that a program makes, each system call in every way that it can fail, a cancel and a crash "
     "at "
     "each step. Nothing may leak, hang, end in a check, or be answered wrongly.",
     kPointsOptions, kPointsExamples, points::run},
    {"mutations", "plant known faults in the library, and see each caught", "NAME",
     "one of them; all if none is named", false,
     "Runs programs that differ from this one by one planted fault each (tests/mutations), under "
     "seed after seed until a scenario reports it. One that survives is a failure.",
     kMutationsOptions, kMutationsExamples, mutations::run},
}};

}  // namespace

std::span<const Command> commands() noexcept { return kCommands; }

const Command* find_command(std::string_view name) noexcept {
  for (const Command& command : commands()) {
    if (command.name == name) {
      return &command;
    }
  }
  return nullptr;
}

}  // namespace vigil::driver
