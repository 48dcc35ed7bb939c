// What the child program of tests does, on both kernels.
#include <cstdlib>

#include "tests/support/children.hpp"

namespace vigil::test {
namespace {

constexpr int kHandles = 1024;

std::string read_line(ChildSystem& system) {
  std::string line;
  for (char c = 0; system.read(0, &c, 1) == 1 && c != '\n';) {
    line += c;
  }
  return line;
}

std::string hexadecimal(std::uint64_t number) {
  std::string text;
  do {
    text.insert(text.begin(), "0123456789abcdef"[number % 16]);
    number /= 16;
  } while (number != 0);
  return text;
}

}  // namespace

int child_main(ChildSystem& system, const std::vector<std::string>& arguments) {
  const std::string what = arguments.size() > 1 ? arguments[1] : "";
  if (what == "answer" && arguments.size() > 2) {
    system.write(1, "got " + read_line(system) + "\n");
    system.write(2, "oops\n");
    return std::atoi(arguments[2].c_str());
  }
  if (what == "handles") {
    std::string list;
    for (int handle = 0; handle != kHandles; ++handle) {
      list += system.is_open(handle) ? std::to_string(handle) + "\n" : "";
    }
    system.write(1, list);
    return 0;
  }
  if (what == "signals") {
    system.write(1, hexadecimal(system.blocked_signals()) + " " +
                        hexadecimal(system.ignored_signals()) + "\n");
    return 0;
  }
  if (what == "where") {
    system.write(1, system.directory() + "\n" + system.variable("GREETING").value_or("none") +
                        "\n" + system.variable("HOME").value_or("none") + "\n");
    return 0;
  }
  if (what == "sleep") {
    for (;;) {
      system.sleep();
    }
  }
  if (what == "both") {
    system.write(2, "to-error\n");
    system.write(1, "to-output\n");
    return 0;
  }
  return 2;
}

}  // namespace vigil::test
