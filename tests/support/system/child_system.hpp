// ChildSystem on the machine's own kernel.
#pragma once

#include "tests/support/children.hpp"

namespace vigil::test {

class RealChild final : public ChildSystem {
 public:
  std::int64_t read(int handle, void* to, std::size_t size) override;
  std::int64_t write(int handle, std::string_view text) override;
  void close(int handle) override;
  bool is_open(int handle) override;
  pid_t fork(ChildBody body) override;
  void sleep() override;
  std::string directory() override;
  std::optional<std::string> variable(const char* name) override;
  std::uint64_t blocked_signals() override;
  std::uint64_t ignored_signals() override;
};

}  // namespace vigil::test
