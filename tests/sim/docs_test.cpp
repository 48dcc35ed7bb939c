// docs/simulation.md tells what the code does: the table of faults is the one behind describe().
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <sstream>
#include <string>

#include "vigil/sim/faults.hpp"

namespace vigil::sim {
namespace {

std::string page() {
  std::ifstream in(VIGIL_SOURCE_DIR "/docs/simulation.md");
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string span_text(Nanos span) {
  using namespace std::chrono;
  if (span == Nanos::zero()) {
    return "";
  }
  if (span % seconds(1) != Nanos::zero()) {
    return std::to_string(duration_cast<milliseconds>(span).count()) + " ms";
  }
  const auto whole = duration_cast<seconds>(span).count();
  return whole % 3600 == 0 ? std::to_string(whole / 3600) + " h" : std::to_string(whole) + " s";
}

std::string table() {
  std::string text;
  for (std::size_t i = 0; i != kFaults; ++i) {
    const FaultRow& row = describe(static_cast<Fault>(i));
    text += "| `" + std::string(row.name) + "` | " + std::string(row.meaning) + " | " +
            std::string(row.unit) + " | " + std::to_string(row.rate) + " | " +
            span_text(row.longest) + " |\n";
  }
  return text;
}

TEST(SimulationPage, has_the_table_of_faults) {
  const std::string text = page();
  const std::string_view head =
      "| fault | what happens | counted by | of a million | at most |\n|---|---|---|---|---|\n";
  const std::size_t begin = text.find(head);
  const std::size_t end = text.find("<!-- end of faults -->");
  ASSERT_NE(begin, std::string::npos);
  ASSERT_NE(end, std::string::npos);
  EXPECT_EQ(text.substr(begin + head.size(), end - begin - head.size()), table())
      << "copy the second into docs/simulation.md";
}

}  // namespace
}  // namespace vigil::sim
