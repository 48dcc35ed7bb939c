// Children: started with what they were given and nothing else, talked to, waited for.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "tests/support/children.hpp"
#include "tests/support/engine_fixture.hpp"
#include "tests/support/temporary_directory.hpp"
#include "vigil/os/process.hpp"

namespace vigil {
namespace {

using namespace std::chrono_literals;

class OsProcess : public test::EngineTest {};
INSTANTIATE_ON_EVERY_ENGINE(OsProcess);

// The child program with these arguments (tests/support/children.hpp).
os::ProcessOptions child(std::vector<std::string> arguments) {
  os::ProcessOptions options;
  options.arguments = std::move(arguments);
  options.arguments.insert(options.arguments.begin(), test::child_program());
  return options;
}

Task<std::string> read_all(os::PipeStream* stream) {
  std::string all;
  for (;;) {
    auto bytes = co_await stream->receive();
    if (!bytes || bytes->empty()) {
      EXPECT_TRUE(bytes);
      co_return all;
    }
    all += as_text(bytes->bytes());
  }
}

// What a child prints, and how it ends.
Task<std::string> output_of(os::ProcessOptions options, os::ExitStatus expected) {
  options.output = os::Stdio::pipe();
  auto process = os::Process::spawn(options);
  if (!process) {
    co_return "cannot start: " + process.error().message();
  }
  auto reading = read_all(&process->output());
  std::string text = co_await std::move(reading);
  auto status = co_await process->wait();
  EXPECT_TRUE(status);
  if (status) {
    EXPECT_EQ(status->code, expected.code);
    EXPECT_EQ(status->signal, expected.signal);
    auto again = co_await process->wait();
    EXPECT_TRUE(again && again->code == status->code) << "the same answer again";
  }
  co_return text;
}

TEST_P(OsProcess, TalksThroughPipesAndTellsHowItEnded) {
  run([]() -> Task<> {
    auto options = child({"answer", "7"});
    options.input = os::Stdio::pipe();
    options.output = os::Stdio::pipe();
    options.errors = os::Stdio::pipe();
    auto process = os::Process::spawn(options);
    CO_ASSERT_OK(process);
    EXPECT_GT(process->pid(), 0);
    CO_ASSERT_OK(co_await process->input().send(as_bytes("hello\n")));
    process->input().close();
    auto out = read_all(&process->output());
    EXPECT_EQ(co_await std::move(out), "got hello\n");
    auto err = read_all(&process->errors());
    EXPECT_EQ(co_await std::move(err), "oops\n");
    auto status = co_await process->wait();
    CO_ASSERT_OK(status);
    EXPECT_EQ(status->code, 7);
    EXPECT_EQ(status->signal, 0);
    EXPECT_FALSE(status->success());
  });
}

// Hazard: CVE-2024-21626 (runc): a handle that leaks into the child. This one has no close-on-exec
// flag, as some library might open it.
TEST_P(OsProcess, TheChildHasThreeHandles) {
  const int leaky = ::open("/", O_RDONLY);
  ASSERT_GE(leaky, 3);
  ASSERT_EQ(::dup2(leaky, 700), 700);
  run([]() -> Task<> {
    auto listing = output_of(child({"handles"}), {});
    EXPECT_EQ(co_await std::move(listing), "0\n1\n2\n");
  });
  ::close(700);
  ::close(leaky);
}

// Hazard: a blocked or ignored signal that a child inherits, and then cannot be stopped with.
TEST_P(OsProcess, TheChildBlocksAndIgnoresNoSignal) {
  sigset_t one;
  ::sigemptyset(&one);
  ::sigaddset(&one, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &one, nullptr);
  const auto before = ::signal(SIGUSR1, SIG_IGN);
  run([]() -> Task<> {
    auto masks = output_of(child({"signals"}), {});
    EXPECT_EQ(co_await std::move(masks), "0 0\n");
  });
  ::signal(SIGUSR1, before);
  ::pthread_sigmask(SIG_UNBLOCK, &one, nullptr);
}

TEST_P(OsProcess, StartsWhereAndWithWhatItWasTold) {
  test::TemporaryDirectory here;
  run(
      [](std::string directory) -> Task<> {
        auto options = child({"where"});
        options.directory = directory;
        options.environment = {"GREETING=hi there", "PATH=/usr/bin:/bin"};
        auto told = output_of(options, {});
        EXPECT_EQ(co_await std::move(told), directory + "\nhi there\nnone\n");
        options.more_environment = {"GREETING=good evening", "GREET=nobody"};
        auto replaced = output_of(options, {});
        EXPECT_EQ(co_await std::move(replaced), directory + "\ngood evening\nnone\n");
      },
      here.path());
}

TEST_P(OsProcess, IsKilledAndSaysBySignal) {
  run([]() -> Task<> {
    auto process = os::Process::spawn(child({"sleep"}));
    CO_ASSERT_OK(process);
    auto waiting = process->wait();
    auto limited = timeout(2ms, std::move(waiting));
    auto running = co_await std::move(limited);
    EXPECT_EQ(running.error(), std::errc::timed_out);
    CO_ASSERT_OK(process->kill(SIGTERM));
    auto status = co_await process->wait();
    CO_ASSERT_OK(status);
    EXPECT_EQ(status->signal, SIGTERM);
    EXPECT_EQ(process->kill(SIGTERM).error(), std::errc::no_such_process);
  });
}

// Handles 0 to 2 of the child from each other's places here: none is overwritten before it is used.
TEST_P(OsProcess, StandardStreamsCanBeExchanged) {
  test::TemporaryDirectory here;
  const int out = ::open((here / "out").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  run(
      [](int file) -> Task<> {
        auto options = child({"both"});
        options.output = os::Stdio::handle(file);
        options.errors = os::Stdio::handle(file);
        auto process = os::Process::spawn(options);
        CO_ASSERT_OK(process);
        auto status = co_await process->wait();
        CO_ASSERT_OK(status);
        EXPECT_TRUE(status->success());
      },
      out);
  ::close(out);
  EXPECT_EQ(here.read("out"), "to-error\nto-output\n");
}

TEST_P(OsProcess, WhatCannotStartIsAnError) {
  // A directory of PATH that may not be searched is another error: execvp(3) cannot know then.
  ASSERT_EQ(::setenv("PATH", "/usr/bin:/bin", 1), 0);
  test::TemporaryDirectory here;
  here.write("text", "no program");
  ASSERT_EQ(::chmod((here / "text").c_str(), 0644), 0);
  run(
      [](std::string text) -> Task<> {
        os::ProcessOptions options;
        EXPECT_EQ(os::Process::spawn(options).error(), std::errc::invalid_argument);
        options.arguments = {"no-such-program-anywhere"};
        options.input = os::Stdio::pipe();
        EXPECT_EQ(os::Process::spawn(options).error(), std::errc::no_such_file_or_directory);
        options.arguments = {text};
        EXPECT_EQ(os::Process::spawn(options).error(), std::errc::permission_denied);
        options = child({"sleep"});
        options.directory = "/no/such/directory";
        EXPECT_EQ(os::Process::spawn(options).error(), std::errc::no_such_file_or_directory);
        co_return;
      },
      here / "text");
}

}  // namespace
}  // namespace vigil
