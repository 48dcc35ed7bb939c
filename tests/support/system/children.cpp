// Real children of a test.
#include "tests/support/children.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/descriptors.hpp"
#include "tests/support/system/child_system.hpp"

namespace vigil::test {

pid_t fork_child(ChildBody body) {
  RealChild system;
  return system.fork(std::move(body));
}

std::string child_program() { return VIGIL_BINARY_DIR "/bin/vigil_test_child"; }

std::string handles_after_exec() {
  Pipe pipe = make_pipe();
  const std::string program = child_program();
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(pipe.writer.get(), 1);
    ::execl(program.c_str(), "child", "handles", nullptr);
    ::_exit(127);
  }
  pipe.writer.reset();
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  return drain(pipe.reader);
}

}  // namespace vigil::test
