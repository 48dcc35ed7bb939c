// Children of the simulated process: a thread each, which does nothing but calls on its own process
// and ends when that has ended.
#include "tests/support/children.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cerrno>
#include <thread>

#include "tests/support/descriptors.hpp"
#include "tests/support/sim/live.hpp"

namespace vigil::test {
namespace {

using sim::Process;

// What the thread ends with when a signal ended its process.
struct Ended {};

pid_t fork_from(Process& parent, ChildBody body);

class SimulatedChild final : public ChildSystem {
 private:
  Process& process() {
    Process* own = Live::instance().kernel().find_process(pid_);
    return own != nullptr ? *own : throw Ended{};
  }
  template <class F>
  auto call(F what) {
    Live& live = Live::instance();
    const Live::Lock lock = live.enter();
    auto result = what(process());
    live.changed();
    return result;
  }
  template <class F>
  std::int64_t waiting(F what) {
    Live& live = Live::instance();
    Live::Lock lock = live.enter();
    for (;;) {
      const std::int64_t result = what(process());
      live.changed();
      if (result != -EAGAIN) {
        return result;
      }
      live.sleep(lock, kNever);
    }
  }

 public:
  explicit SimulatedChild(int pid) : pid_(pid) {}

  std::int64_t read(int handle, void* to, std::size_t size) override {
    return waiting([&](Process& p) { return p.read(handle, {static_cast<std::byte*>(to), size}); });
  }
  std::int64_t write(int handle, std::string_view text) override {
    return waiting([&](Process& p) { return p.write(handle, std::as_bytes(std::span(text))); });
  }
  void close(int handle) override {
    call([&](Process& p) { return p.close(handle); });
  }
  bool is_open(int handle) override {
    return call([&](Process& p) { return p.file(handle) != nullptr; });
  }
  pid_t fork(ChildBody body) override {
    return call([&](Process& p) { return fork_from(p, std::move(body)); });
  }
  void sleep() override {
    waiting([](Process&) { return -EAGAIN; });
  }
  std::string directory() override {
    return call([](Process& p) { return p.working_directory(); });
  }
  std::optional<std::string> variable(const char* name) override {
    return call([&](Process& p) -> std::optional<std::string> {
      const std::string begin = std::string(name) + "=";
      for (const std::string& one : p.environment) {
        if (one.starts_with(begin)) {
          return one.substr(begin.size());
        }
      }
      return std::nullopt;
    });
  }
  std::uint64_t blocked_signals() override {
    return call([](Process& p) { return p.blocked_signals(); });
  }
  std::uint64_t ignored_signals() override {
    return call([](Process& p) { return p.ignored_signals(); });
  }
  void exit(int status) {
    call([&](Process& p) {
      p.exit(status);
      return 0;
    });
  }

 private:
  int pid_;
};

// Called under the lock.
void run_in(int pid, ChildBody body) {
  Live& live = Live::instance();
  live.child_begins();
  std::thread([pid, body = std::move(body), &live] {
    try {
      SimulatedChild system(pid);
      system.exit(body(system));
    } catch (const Ended&) {
    }
    live.child_ended();
  }).detach();
}

pid_t fork_from(Process& parent, ChildBody body) {
  const int pid = parent.fork("child");
  run_in(pid, std::move(body));
  return pid;
}

}  // namespace

pid_t fork_child(ChildBody body) {
  Live& live = Live::instance();
  const Live::Lock lock = live.enter();
  return fork_from(live.process(), std::move(body));
}

std::string child_program() {
  static const std::string path = [] {
    Live& live = Live::instance();
    const Live::Lock lock = live.enter();
    const auto load = [](Process& process, const std::vector<std::string>& arguments) {
      run_in(process.pid(),
             [arguments](ChildSystem& system) { return child_main(system, arguments); });
    };
    EXPECT_TRUE(live.kernel().install("/bin/vigil_test_child", load));
    return "/bin/vigil_test_child";
  }();
  return path;
}

std::string handles_after_exec() {
  Pipe pipe = make_pipe();
  const std::string program = child_program();
  Live& live = Live::instance();
  pid_t child = -1;
  {
    const Live::Lock lock = live.enter();
    child = live.process().fork("child");
    Process& process = *live.kernel().find_process(child);
    process.dup3(pipe.writer.get(), 1, 0);
    EXPECT_EQ(process.exec({program, "handles"}), 0);
    live.changed();
  }
  pipe.writer.reset();
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  return drain(pipe.reader);
}

}  // namespace vigil::test
