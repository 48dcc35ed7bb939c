// The codec held against h11; see differential.hpp.
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "differential.hpp"
#include "tests/support/not_run.hpp"

namespace vigil::http {
namespace {

namespace stdfs = std::filesystem;

std::string hex(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    text += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4];
    text += "0123456789abcdef"[static_cast<unsigned char>(c) & 15];
  }
  return text;
}

std::string unhex(std::string_view text) {
  std::string bytes;
  for (std::size_t at = 0; at + 1 < text.size(); at += 2) {
    bytes += static_cast<char>(std::stoi(std::string(text.substr(at, 2)), nullptr, 16));
  }
  return bytes;
}

Verdict h11_verdict(const std::string& word) {
  using enum Verdict::Kind;
  if (word.starts_with("M:")) {
    const std::size_t colon = word.find(':', 2);
    return {message, unhex(std::string_view(word).substr(colon + 1)), std::stoul(word.substr(2))};
  }
  if (word == "W") {
    return {wants_head, ""};
  }
  return {word.starts_with("B:") ? wants_body : refused, unhex(std::string_view(word).substr(2))};
}

TEST(Differential, H11DiffersOnlyWhereListed) {
  const std::string python = "/usr/bin/python3";
  if (std::system((python + " -c 'import h11' 2>/dev/null").c_str()) != 0) {
    VIGIL_NOT_RUN("python3-h11 is not installed");
  }
  const std::vector<Input> all = inputs(150);
  const stdfs::path file =
      stdfs::path(::testing::TempDir()) / ("vigil_h11_" + std::to_string(::getpid()));
  {
    std::ofstream out(file);
    for (const Input& input : all) {
      out << (input.request ? "q " : "r ") << hex(input.bytes) << "\n";
    }
  }
  const std::string command =
      python + " '" + VIGIL_SOURCE_DIR + "/tests/fuzz/h11_reader.py' < '" + file.string() + "'";
  std::FILE* pipe = ::popen(command.c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  std::string output;
  std::array<char, 65'536> buffer;
  for (std::size_t size = 0; (size = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
    output.append(buffer.data(), size);
  }
  ASSERT_EQ(::pclose(pipe), 0);
  stdfs::remove(file);

  std::vector<Verdicts> theirs;
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    Verdicts& verdicts = theirs.emplace_back();
    for (std::string word; words >> word;) {
      verdicts.push_back(h11_verdict(word));
    }
  }
  ASSERT_EQ(theirs.size(), all.size());
  compare("h11", all, theirs);
}

}  // namespace
}  // namespace vigil::http
