// The main function of a test program: words to options, and what was found to sentences.
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <optional>

#include "guard/guard.hpp"
#include "vigil/sim/explore.hpp"
#include "world/trace.hpp"

namespace vigil::sim {
namespace {

constexpr std::string_view kHelp =
    " [OPTIONS]\n"
    "Runs a simulation under many seeds. A seed that fails is run again and shrunk: what is "
    "printed\n"
    "is the command that replays it, the fewest faults that it takes, and a timeline.\n"
    "\n"
    "  --seeds N      how many seeds to run (default %s)\n"
    "  --seed S       the first seed (default %s); without --seeds the only one\n"
    "  --faults FILE  the weather, in TOML: [short_read] rate = 0.01\n"
    "  --trace FILE   keeps the whole run of the failing seed, or of the last: as text in FILE,\n"
    "                 as a page in FILE.html\n"
    "  --json         prints what was found as one JSON object\n"
    "  --help         prints this\n"
    "\n"
    "Exit status: 0 no seed failed, 1 a seed failed, 2 wrong use.\n";

std::string hexadecimal(std::uint64_t number) {
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(number));
  return digits;
}

std::string quoted(std::string_view text) {
  std::string json = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      json.append({'\\', c});
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escape[7];
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
      json.append(escape);
    } else {
      json.push_back(c);
    }
  }
  return json + "\"";
}

struct Words {
  bool json = false;
  std::string trace;
  std::string faults;
  std::optional<int> ends;  // with this status, all is said
};

class Main {
 public:
  Main(int count, char** words, const Scenario& scenario, ExploreOptions options)
      : count_(count), words_(words), scenario_(scenario), options_(std::move(options)) {
    const std::string_view path = count > 0 ? words[0] : "simulation";
    name_ = path.substr(path.rfind('/') + 1);
  }

  int run() {
    if (read_words(); said_.ends) {
      return *said_.ends;
    }
    if (options_.replay_command.empty()) {
      options_.replay_command = std::string(count_ > 0 ? words_[0] : "simulation") + " --seed %" +
                                (said_.faults.empty() ? "" : " --faults " + said_.faults);
    }
    began_ = std::chrono::steady_clock::now();
    follow_progress();
    // Where the machine has no such guard, a replay that differs tells of an escape all the same.
    static_cast<void>(guard::begin());
    const Explored explored = explore(scenario_, options_);
    end_progress();
    if (!said_.trace.empty() && !write_trace(explored)) {
      return 1;
    }
    if (said_.json) {
      print_json(explored);
    } else {
      print(explored);
    }
    return explored.failed.empty() ? 0 : 1;
  }

 private:
  using Clock = std::chrono::steady_clock;

  void wrong(const std::string& sentence) {
    std::fprintf(stderr, "%s: %s. See %s --help.\n", name_.c_str(), sentence.c_str(),
                 name_.c_str());
    said_.ends = 2;
  }

  void read_words() {
    bool seeds_said = false;
    bool seed_said = false;
    for (int i = 1; i < count_ && !said_.ends; ++i) {
      const std::string_view word = words_[i];
      if (word == "--help") {
        help();
      } else if (word == "--json") {
        said_.json = true;
      } else if (word == "--seeds" || word == "--seed") {
        (word == "--seeds" ? seeds_said : seed_said) = true;
        read_number(word, i, word == "--seeds" ? options_.seeds : options_.first_seed);
      } else if (word == "--trace") {
        read_text(word, i, said_.trace);
      } else if (word == "--faults") {
        read_text(word, i, said_.faults);
      } else {
        wrong("there is no \"" + std::string(word) + "\"");
      }
    }
    if (seed_said && !seeds_said) {
      options_.seeds = 1;
    }
    if (!said_.ends && !said_.faults.empty()) {
      read_faults();
    }
  }

  void help() {
    std::string text(kHelp);
    for (const std::uint64_t number : {options_.seeds, options_.first_seed}) {
      text.replace(text.find("%s"), 2, std::to_string(number));
    }
    std::printf("usage: %s%s", name_.c_str(), text.c_str());
    said_.ends = 0;
  }

  void read_text(std::string_view option, int& i, std::string& into) {
    if (++i == count_) {
      wrong(std::string(option) + " needs a value");
    } else {
      into = words_[i];
    }
  }

  void read_number(std::string_view option, int& i, std::uint64_t& into) {
    std::string text;
    read_text(option, i, text);
    const char* end = text.data() + text.size();
    const auto read = std::from_chars(text.data(), end, into);
    if (!said_.ends && (read.ec != std::errc{} || read.ptr != end)) {
      wrong(std::string(option) + " takes a number, not \"" + text + "\"");
    }
  }

  void read_faults() {
    std::ifstream file(said_.faults);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    if (!file) {
      wrong("cannot read the faults in " + said_.faults + ": " +
            std::error_code(errno, std::generic_category()).message());
      return;
    }
    auto faults = Faults::parse(text, options_.world.faults);
    if (!faults) {
      wrong(said_.faults + ", " + faults.error());
      return;
    }
    options_.world.faults = std::move(*faults);
  }

  // A line on a terminal, a few times a second.
  void follow_progress() {
    options_.after_each = [this, each = options_.after_each](std::uint64_t seed, World& world) {
      ++done_;
      simulated_ += world.now();
      last_seed_ = seed;
      const Clock::time_point now = Clock::now();
      if (isatty(STDERR_FILENO) != 0 && now - shown_ > std::chrono::milliseconds(200)) {
        shown_ = now;
        std::fprintf(stderr, "\r\x1b[K%s", figures().c_str());
      }
      return each ? each(seed, world) : !world.failure();
    };
  }

  void end_progress() const {
    if (shown_ != Clock::time_point{}) {
      std::fprintf(stderr, "\r\x1b[K");
    }
  }

  double seconds() const { return std::chrono::duration<double>(Clock::now() - began_).count(); }

  // "40 of 100 seeds, 1.20 simulated hours, 123 seeds a second".
  std::string figures() const {
    char text[160];
    std::snprintf(
        text, sizeof text, "%llu of %llu seeds, %.2f simulated hours, %.0f seeds a second",
        static_cast<unsigned long long>(done_), static_cast<unsigned long long>(options_.seeds),
        std::chrono::duration<double, std::ratio<3600>>(simulated_).count(),
        static_cast<double>(done_) / std::max(seconds(), 1e-6));
    return text;
  }

  bool write_trace(const Explored& explored) {
    const std::uint64_t seed = explored.failed.empty() ? last_seed_ : explored.failed[0].seed;
    WorldOptions with = options_.world;
    with.trace = true;
    World world(seed, std::move(with));
    scenario_(world);
    return write(said_.trace, world.trace()) &&
           write(said_.trace + ".html",
                 trace_page(world, name_ + ", seed " + std::to_string(seed)));
  }

  bool write(const std::string& path, const std::string& text) {
    std::ofstream file(path, std::ios::trunc);
    file << text;
    file.close();
    if (!file) {
      std::fprintf(stderr, "%s: cannot write the trace to %s: %s.\n", name_.c_str(), path.c_str(),
                   std::error_code(errno, std::generic_category()).message().c_str());
    }
    return !file.fail();
  }

  void print(const Explored& explored) const {
    std::printf("%s: %s; %s; trace %s\n", name_.c_str(), figures().c_str(),
                explored.failed.empty() ? "no failure" : "failed",
                hexadecimal(explored.trace_hash).c_str());
    for (const FailedSeed& failed : explored.failed) {
      std::printf("\n%s", failed.report.c_str());
    }
  }

  void print_json(const Explored& explored) const {
    std::printf(
        "{\"name\": %s, \"seeds\": %llu, \"steps\": %llu, \"simulated_s\": %.6f, "
        "\"real_s\": %.3f, \"trace_hash\": \"%s\", \"failed\": [",
        quoted(name_).c_str(), static_cast<unsigned long long>(explored.seeds),
        static_cast<unsigned long long>(explored.steps),
        std::chrono::duration<double>(explored.simulated).count(), seconds(),
        hexadecimal(explored.trace_hash).c_str());
    const char* between = "";
    for (const FailedSeed& failed : explored.failed) {
      std::printf(
          "%s{\"seed\": %llu, \"at_s\": %s, \"what\": %s, \"trace_hash\": \"%s\", "
          "\"faults\": %zu, \"minimal\": %s, \"report\": %s}",
          between, static_cast<unsigned long long>(failed.seed),
          seconds_text(failed.failure.at).c_str(), quoted(failed.failure.what).c_str(),
          hexadecimal(failed.trace_hash).c_str(), failed.faults.size(),
          failed.minimal ? "true" : "false", quoted(failed.report).c_str());
      between = ", ";
    }
    std::printf("]}\n");
  }

  int count_;
  char** words_;
  const Scenario& scenario_;
  ExploreOptions options_;
  std::string name_;
  Words said_;
  Clock::time_point began_{};
  Clock::time_point shown_{};
  std::uint64_t done_ = 0;
  std::uint64_t last_seed_ = 0;
  Nanos simulated_{};
};

}  // namespace

int explore_main(int count, char** words, const Scenario& scenario, ExploreOptions options) {
  return Main(count, words, scenario, std::move(options)).run();
}

}  // namespace vigil::sim
