// Child processes of tests, on whichever kernel the tests run: forked ones that share their
// parent's handles, and a small program that does what its arguments say. tests/support/system has
// the machine's own, tests/support/sim those of the simulated kernel, which are threads of this
// process that use nothing but their ChildSystem.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vigil::test {

class ChildSystem;
// What a child does; its exit status. It keeps what it needs by value: its memory may be its own.
using ChildBody = std::function<int(ChildSystem&)>;

// The calls of a child. Results are >= 0 or -errno; those that wait do so.
class ChildSystem {
 public:
  virtual ~ChildSystem() = default;
  virtual std::int64_t read(int handle, void* to, std::size_t size) = 0;
  virtual std::int64_t write(int handle, std::string_view text) = 0;
  virtual void close(int handle) = 0;
  virtual bool is_open(int handle) = 0;
  virtual pid_t fork(ChildBody body) = 0;
  virtual void sleep() = 0;  // until a signal ends the child
  virtual std::string directory() = 0;
  virtual std::optional<std::string> variable(const char* name) = 0;
  // Bit n - 1 for signal n.
  virtual std::uint64_t blocked_signals() = 0;
  virtual std::uint64_t ignored_signals() = 0;
};

// A child of this process with copies of its handles.
pid_t fork_child(ChildBody body);

// The program's path, and what it does (child_program.cpp):
//   answer N   reads a line, writes "got LINE" to the output and "oops" to the errors; status N
//   handles    lists the open handles, one a line
//   signals    "0 0": the blocked signals and the ignored ones, in hexadecimal
//   where      its directory, and the variables GREETING and HOME ("none")
//   sleep      never ends
//   both       "to-error" to the errors, then "to-output" to the output
std::string child_program();
int child_main(ChildSystem& system, const std::vector<std::string>& arguments);

// What "handles" says when a forked child of this process has become the program.
std::string handles_after_exec();

}  // namespace vigil::test
