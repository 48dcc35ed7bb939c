// tests/hazards.md names tests: every one of them must be there, and every hazard have its row.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>
#include <string>

namespace {

constexpr int kHazards = 66;

std::string content_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

// The proofs that a row names, each checked; their number.
int check_row(const std::string& row) {
  static const std::regex kQuoted("`([^`]+)`");
  static const std::regex kProof("(\\S+)( (\\w+)\\.(\\w+))?");
  const std::filesystem::path tests = std::filesystem::path(VIGIL_SOURCE_DIR) / "tests";
  int count = 0;
  for (std::sregex_iterator at(row.begin(), row.end(), kQuoted), end; at != end; ++at) {
    const std::string quoted = (*at)[1];
    std::smatch proof;
    EXPECT_TRUE(std::regex_match(quoted, proof, kProof)) << quoted << " is no FILE SUITE.TEST";
    const std::filesystem::path file = tests / proof[1].str();
    EXPECT_TRUE(std::filesystem::is_regular_file(file)) << quoted << ": there is no such file";
    if (proof[2].matched) {
      const std::regex test("TEST(_F|_P)?\\(" + proof[3].str() + ",\\s*" + proof[4].str() + "\\)");
      EXPECT_TRUE(std::regex_search(content_of(file), test)) << quoted << ": there is no such test";
    }
    ++count;
  }
  return count;
}

TEST(Hazards, EachHasOneRowThatNamesTestsThatExistOrSaysLater) {
  std::istringstream table(
      content_of(std::filesystem::path(VIGIL_SOURCE_DIR) / "tests/hazards.md"));
  static const std::regex kRow("\\| (\\d+) \\|.*");
  std::map<int, int> rows;
  for (std::string line; std::getline(table, line);) {
    std::smatch row;
    if (!std::regex_match(line, row, kRow)) {
      continue;
    }
    ++rows[std::stoi(row[1])];
    EXPECT_TRUE(check_row(line) > 0 || line.find("**later** (") != std::string::npos)
        << "neither a proof nor a reason: " << line;
  }
  for (int hazard = 1; hazard <= kHazards; ++hazard) {
    EXPECT_EQ(rows[hazard], 1) << "hazard " << hazard;
  }
  EXPECT_EQ(rows.size(), static_cast<std::size_t>(kHazards));
}

}  // namespace
