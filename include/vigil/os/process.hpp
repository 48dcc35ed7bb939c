// Process: a program that this one starts, talks to through pipes, and waits for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "vigil/base/handle.hpp"
#include "vigil/base/result.hpp"
#include "vigil/coro/task.hpp"
#include "vigil/loop/system_arguments.hpp"
#include "vigil/os/pipe.hpp"

namespace vigil::os {

// What one of a child's standard streams is.
class Stdio {
 public:
  static constexpr Stdio inherit() noexcept { return Stdio(Kind::inherit, kNoHandle); }
  static constexpr Stdio null() noexcept { return Stdio(Kind::null, kNoHandle); }  // /dev/null
  static constexpr Stdio pipe() noexcept { return Stdio(Kind::pipe, kNoHandle); }
  // An open handle, borrowed until spawn() returns.
  static constexpr Stdio handle(NativeHandle open) noexcept { return Stdio(Kind::handle, open); }

 private:
  friend class Process;
  enum class Kind : std::uint8_t { inherit, null, pipe, handle };
  constexpr Stdio(Kind kind, NativeHandle open) noexcept : kind_(kind), handle_(open) {}
  Kind kind_;
  NativeHandle handle_;
};

struct ProcessOptions {
  // The program and its arguments; a program without a slash is searched for in PATH.
  std::vector<std::string> arguments;
  // "NAME=value" each; nothing: this process's environment.
  std::optional<std::vector<std::string>> environment = {};
  // The same, beside those and in place of one that has the name.
  std::vector<std::string> more_environment = {};
  std::string directory = {};  // to start in; empty: this process's
  Stdio input = Stdio::null();
  Stdio output = Stdio::inherit();
  Stdio errors = Stdio::inherit();
};

struct ExitStatus {
  int code = 0;    // what it exited with, if it was not killed
  int signal = 0;  // what killed it, or 0
  bool dumped_core = false;
  bool success() const noexcept { return code == 0 && signal == 0; }
};

// A child process. Move-only; used on its loop's thread, and it stays where it is while a wait() is
// pending.
//
// The child gets handles 0 to 2 and no other, whatever this process has open and however it was
// opened; no signal is blocked in it and every disposition is the default.
//
// The destructor closes the pipes and lets go of the child, which runs on: kill() and wait() end
// it. One that has ended already is collected; one that nobody waits for stays a zombie until this
// process ends.
class Process {
 public:
  // Starts it (posix_spawn(3)); blocks the thread until the program is loaded, about a millisecond.
  // Errors: no_such_file_or_directory (the program, or the directory), permission_denied,
  // argument_list_too_long, EAGAIN (too many processes), EMFILE, invalid_argument (no arguments, or
  // a zero byte in one).
  static Result<Process> spawn(const ProcessOptions& options);

  Process(Process&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, nullptr)),
        pid_(other.pid_),
        ended_(other.ended_),
        input_(std::move(other.input_)),
        output_(std::move(other.output_)),
        errors_(std::move(other.errors_)) {}
  Process& operator=(Process&&) = delete;
  ~Process();

  std::int32_t pid() const noexcept { return pid_; }

  // Our ends of the streams that were asked for as pipes; not open for the others.
  PipeStream& input() noexcept { return input_; }
  PipeStream& output() noexcept { return output_; }
  PipeStream& errors() noexcept { return errors_; }

  // Waits until it has ended, and collects it; again later: the same answer. One task at a time.
  // Cancel leaves it running. Errors: no_child_process (somebody else collected it, or SIGCHLD is
  // ignored in this process), operation_canceled.
  Task<Result<ExitStatus>> wait();

  // Sends a signal, to this very process and to no later one of the same number
  // (pidfd_send_signal(2)). Errors: no_such_process once it has been collected, permission_denied.
  Result<> kill(int signal) noexcept;

 private:
  Process() noexcept = default;
  Result<> start(SpawnArgs& args) noexcept;
  std::int32_t reap() noexcept;

  Descriptor* descriptor_ = nullptr;
  std::int32_t pid_ = 0;
  std::optional<ExitStatus> ended_;
  PipeStream input_;
  PipeStream output_;
  PipeStream errors_;
};

}  // namespace vigil::os
