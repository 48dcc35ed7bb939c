// Programs that a host has installed, started by others on it as os::Process::spawn does.
#include <gtest/gtest.h>

#include <cerrno>
#include <csignal>
#include <span>
#include <string>
#include <vector>

#include "vigil/fs/file.hpp"
#include "vigil/os/process.hpp"
#include "vigil/sim/world.hpp"
#include "vigil/vigil.hpp"

namespace vigil::sim {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

WorldOptions on(Face face) {
  WorldOptions options;
  options.face = face;
  return options;
}

Task<std::string> read_all(os::PipeStream* from) {
  std::string all;
  for (;;) {
    auto bytes = co_await from->receive();
    if (!bytes || bytes->empty()) {
      co_return all;
    }
    all += as_text(bytes->bytes());
  }
}

// Says what it was given, and copies a line of its input.
Task<int> teller(std::vector<std::string> arguments, std::string bound) {
  auto input = os::standard_input();
  auto output = os::standard_output();
  if (!input || !output) {
    co_return 9;
  }
  auto reading = read_all(&*input);
  const std::string heard = co_await std::move(reading);
  std::string text = bound + " " + arguments.at(0) + " " + arguments.at(1) + " " + heard + " ";
  text += Loop::current()->host().environment("GREETING").value_or("none");
  auto file = co_await fs::File::open("here.txt");
  if (file) {
    std::string content(100, '\0');
    const auto size = co_await file->read_at(std::as_writable_bytes(std::span(content)), 0);
    text += " " + content.substr(0, size.value_or(0));
  }
  static_cast<void>(co_await output->send(as_bytes(text)));
  co_return 7;
}

Task<> starts_a_teller(std::string* told, int* code) {
  os::ProcessOptions options;
  options.arguments = {"teller", "one"};
  options.environment = {"GREETING=hello"};
  options.directory = "/srv";
  options.input = os::Stdio::pipe();
  options.output = os::Stdio::pipe();
  auto process = os::Process::spawn(options);
  if (!process) {
    *told = process.error().message();
    co_return;
  }
  static_cast<void>(co_await process->input().send(as_bytes("line")));
  process->input().close();
  auto reading = read_all(&process->output());
  *told = co_await std::move(reading);
  const auto status = co_await process->wait();
  *code = status ? status->code : -1;
}

class Children : public ::testing::TestWithParam<Face> {};
INSTANTIATE_TEST_SUITE_P(, Children,
                         ::testing::Values(Face::readiness, Face::level, Face::completion),
                         [](const auto& tested) {
                           return std::string(tested.param == Face::readiness ? "readiness"
                                              : tested.param == Face::level   ? "level"
                                                                              : "completion");
                         });

TEST_P(Children, AreGivenStreamsArgumentsEnvironmentAndDirectory) {
  World world(1, on(GetParam()));
  const Host host = world.host("machine");
  host.install("/bin/teller", teller, std::string("bound"));
  host.write_file("/srv/here.txt", "a file");
  std::string told;
  int code = -1;
  host.start("parent", starts_a_teller, &told, &code);
  EXPECT_TRUE(world.run_to_end(minutes(1)));
  EXPECT_FALSE(world.failure()) << world.failure()->what;
  EXPECT_EQ(told, "bound teller one line hello a file");
  EXPECT_EQ(code, 7);
}

Task<> sleeps(std::vector<std::string>, int* starts) {
  ++*starts;
  co_await sleep_for(hours(24));
}

// Starts it again whenever it ends, as often as asked.
Task<> supervises(int times, std::vector<int>* signals) {
  for (int i = 0; i != times; ++i) {
    os::ProcessOptions options;
    options.arguments = {"/usr/lib/worker"};
    auto process = os::Process::spawn(options);
    if (!process) {
      this_world()->fail("a worker could not be started: " + process.error().message());
      co_return;
    }
    auto waiting = process->wait();
    auto limited = timeout(seconds(10), std::move(waiting));
    auto status = co_await std::move(limited);
    if (!status) {
      static_cast<void>(process->kill(i % 2 == 0 ? SIGTERM : SIGKILL));
      status = co_await process->wait();
    }
    signals->push_back(status ? status->signal : -1);
  }
}

TEST_P(Children, AreKilledAndStartedAgain) {
  World world(2, on(GetParam()));
  const Host host = world.host("machine");
  int starts = 0;
  std::vector<int> signals;
  host.install("/usr/lib/worker", sleeps, &starts);
  host.start("supervisor", supervises, 4, &signals);
  EXPECT_TRUE(world.run_to_end(minutes(2)));
  EXPECT_FALSE(world.failure()) << world.failure()->what;
  EXPECT_EQ(starts, 4);
  EXPECT_EQ(signals, (std::vector<int>{SIGTERM, SIGKILL, SIGTERM, SIGKILL}));
}

TEST_P(Children, GoWithTheirHostAndTheirFilesStay) {
  World world(3, on(GetParam()));
  const Host host = world.host("machine");
  int starts = 0;
  std::vector<int> signals;
  host.install("/usr/lib/worker", sleeps, &starts);
  host.start_always("supervisor", supervises, 2, &signals);
  world.run_for(seconds(5));
  host.crash();
  host.restart();
  EXPECT_TRUE(world.run_to_end(minutes(1)));
  EXPECT_FALSE(world.failure()) << world.failure()->what;
  EXPECT_EQ(starts, 3) << "one died with its host";
  EXPECT_EQ(signals.size(), 2u);
}

Task<> tries(std::vector<std::string> names, std::vector<int>* errors) {
  for (const std::string& name : names) {
    os::ProcessOptions options;
    options.arguments = {name};
    auto process = os::Process::spawn(options);
    errors->push_back(process ? 0 : process.error().value());
  }
  co_return;
}

TEST(ChildrenErrors, AreThoseOfExec) {
  World world(4);
  const Host host = world.host("machine");
  int starts = 0;
  host.install("/usr/lib/worker", sleeps, &starts);
  host.write_file("/etc/text", "no program");
  std::vector<int> errors;
  host.start("parent", tries,
             std::vector<std::string>{"worker", "/usr/lib/none", "/etc/text", "/usr/lib"}, &errors);
  EXPECT_TRUE(world.run_to_end(minutes(1)));
  EXPECT_EQ(errors, (std::vector<int>{ENOENT, ENOENT, EACCES, EACCES}));
  EXPECT_EQ(starts, 0);
}

std::uint64_t hash_of(std::uint64_t seed) {
  WorldOptions options;
  options.faults = Faults::ordinary();
  World world(seed, options);
  const Host host = world.host("machine");
  int starts = 0;
  std::vector<int> signals;
  host.install("/usr/lib/worker", sleeps, &starts);
  host.start("supervisor", supervises, 5, &signals);
  world.run_for(minutes(2));
  return world.trace_hash();
}

TEST(ChildrenTrace, IsThatOfTheSeed) {
  EXPECT_EQ(hash_of(7), hash_of(7));
  EXPECT_NE(hash_of(7), hash_of(8));
}

}  // namespace
}  // namespace vigil::sim
