// The program that tests start as a child: see tests/support/children.hpp.
#include "tests/support/system/child_system.hpp"

int main(int argc, char** argv) {
  vigil::test::RealChild system;
  return vigil::test::child_main(system, std::vector<std::string>(argv, argv + argc));
}
