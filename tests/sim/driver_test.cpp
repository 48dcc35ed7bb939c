// vigil-sim as its users run it: what it says, its exit status, and that a seed is a run.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/program.hpp"
#include "tests/support/temporary_directory.hpp"

namespace {

struct Said {
  std::string text;
  int status = 0;
};

Said sim(std::vector<std::string> words) {
  words.insert(words.begin(), std::string(VIGIL_BINARY_DIR) + "/bin/vigil-sim");
  Said said;
  said.text = vigil::test::run_tool(std::move(words), &said.status);
  return said;
}

std::string field(const std::string& json, const std::string& name) {
  const std::size_t at = json.find("\"" + name + "\": ");
  if (at == std::string::npos) {
    return {};
  }
  const std::size_t begin = at + name.size() + 4;
  return json.substr(begin, json.find_first_of(",}", begin) - begin);
}

TEST(VigilSim, TeachesWhatItCan) {
  const Said help = sim({"--help"});
  EXPECT_EQ(help.status, 0);
  for (const char* command : {"list", "run", "differential", "points", "mutations"}) {
    EXPECT_NE(help.text.find(command), std::string::npos) << command;
    EXPECT_EQ(sim({command, "--help"}).status, 0);
  }
  EXPECT_EQ(sim({"--version"}).status, 0);
}

TEST(VigilSim, RefusesWrongUseInOneSentence) {
  struct Wrong {
    std::vector<std::string> words;
    const char* says;
  };
  const Wrong wrongs[] = {
      {{}, "no command"},
      {{"rum"}, "Did you mean vigil-sim run?"},
      {{"run"}, "no SCENARIO"},
      {{"run", "ecco"}, "Did you mean echo?"},
      {{"run", "echo", "--sede", "1"}, "Did you mean --seed?"},
      {{"run", "echo", "--seeds", "none"}, "is not a number"},
      {{"run", "echo", "--seeds", "0"}, "is out of range"},
      {{"run", "echo", "--seeds"}, "needs a value"},
      {{"run", "echo", "--faults", "/nowhere.toml"}, "cannot read /nowhere.toml"},
      {{"points", "echo", "--point", "cals:1"}, "is none"},
  };
  for (const Wrong& wrong : wrongs) {
    const Said said = sim(wrong.words);
    EXPECT_EQ(said.status, 2) << said.text;
    EXPECT_NE(said.text.find(wrong.says), std::string::npos) << said.text;
    EXPECT_EQ(std::count(said.text.begin(), said.text.end(), '\n'), 1) << said.text;
  }
}

TEST(VigilSim, NamesPlaceAndWordOfAFaultFileThatIsWrong) {
  const vigil::test::TemporaryDirectory folder;
  const std::string path = folder.path() + "/weather.toml";
  std::ofstream(path) << "[short_read]\nrate = 0.1\n[short_wriet]\n";
  const Said said = sim({"run", "echo", "--faults", path});
  EXPECT_EQ(said.status, 2);
  EXPECT_NE(said.text.find("short_write"), std::string::npos) << said.text;
}

TEST(VigilSim, RunsASeedTheSameWayTwice) {
  for (const char* scenario : {"echo", "chat", "serve", "http", "files"}) {
    const Said one = sim({"run", scenario, "--seed", "7", "--json"});
    const Said other = sim({"run", scenario, "--seed", "7", "--json"});
    EXPECT_EQ(one.status, 0) << one.text;
    EXPECT_FALSE(field(one.text, "trace_hash").empty()) << one.text;
    EXPECT_EQ(field(one.text, "trace_hash"), field(other.text, "trace_hash")) << scenario;
    EXPECT_NE(field(one.text, "trace_hash"),
              field(sim({"run", scenario, "--seed", "8", "--json"}).text, "trace_hash"));
  }
}

TEST(VigilSim, HasAThousandRequestsInASeed) {
  for (const char* scenario : {"echo", "chat", "serve"}) {
    const Said said = sim({"run", scenario, "--seed", "8", "--json"});
    EXPECT_GE(std::stoul("0" + field(said.text, "requests")), 1000u) << said.text;
    EXPECT_GE(std::stod("0" + field(said.text, "simulated_seconds")), 900) << said.text;
  }
}

TEST(VigilSim, HasNothingToSayOfTheScenarios) {
  const std::string list = sim({"list"}).text;
  std::size_t scenarios = 0;
  for (std::size_t at = 0, end; (end = list.find('\n', at)) != std::string::npos; at = end + 1) {
    const std::string name = list.substr(at, list.find(' ', at) - at);
    const Said said = sim({"run", name, "--seed", "6", "--json"});
    EXPECT_EQ(said.status, 0) << name << ": " << said.text;
    ++scenarios;
  }
  EXPECT_GE(scenarios, 40u);
}

TEST(VigilSim, KeepsARunAsTextAndAsAPage) {
  const vigil::test::TemporaryDirectory folder;
  const std::string path = folder.path() + "/run.txt";
  const Said said = sim({"run", "signals", "--seed", "8", "--trace", path});
  EXPECT_EQ(said.status, 0) << said.text;
  EXPECT_GT(std::filesystem::file_size(path), 1000u);
  EXPECT_GT(std::filesystem::file_size(path + ".html"), 1000u);
}

TEST(VigilSim, SurvivesHeavyWeather) {
  const std::string storm = std::string(VIGIL_SOURCE_DIR) + "/tests/sim/storm.toml";
  const Said said = sim({"run", "chat", "--seed", "1", "--seeds", "4", "--faults", storm});
  EXPECT_EQ(said.status, 0) << said.text;
}

// tests/sim/seeds/: each a line "SCENARIO SEED [FAULTS]" and, above it, why it once failed.
TEST(VigilSim, HasPastFailingSeedsPass) {
  const std::filesystem::path tree(VIGIL_SOURCE_DIR);
  std::size_t seeds = 0;
  for (const auto& entry : std::filesystem::directory_iterator(tree / "tests/sim/seeds")) {
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line);) {
      if (line.empty() || line.starts_with("#")) {
        continue;
      }
      std::istringstream words(line);
      std::string scenario;
      std::string seed;
      std::string faults;
      words >> scenario >> seed >> faults;
      std::vector<std::string> command{"run", scenario, "--seed", seed};
      if (!faults.empty()) {
        command.insert(command.end(), {"--faults", (tree / faults).string()});
      }
      const Said said = sim(command);
      EXPECT_EQ(said.status, 0) << entry.path().filename() << ": " << said.text;
      ++seeds;
    }
  }
  EXPECT_GT(seeds, 0u);
}

}  // namespace
