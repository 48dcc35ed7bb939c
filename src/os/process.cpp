// Children over a handle that is readable once they have ended.
#include "vigil/os/process.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include "loop/perform_now.hpp"
#include "vigil/loop/system_arguments.hpp"

namespace vigil::os {
namespace {

bool has_zero_byte(const std::vector<std::string>& texts) noexcept {
  return std::any_of(texts.begin(), texts.end(),
                     [](const std::string& text) { return text.find('\0') != std::string::npos; });
}

// As exec wants it: ended by null; valid as long as `texts` is.
std::vector<const char*> pointers(const std::vector<std::string>& texts) {
  std::vector<const char*> list;
  list.reserve(texts.size() + 1);
  for (const std::string& text : texts) {
    list.push_back(text.c_str());
  }
  list.push_back(nullptr);
  return list;
}

void close_handle(NativeHandle handle) noexcept {
  if (handle != kNoHandle) {
    Loop::current()->syscalls().close(handle);
  }
}

// The child's ends of pipes, which this process needs until the child has them.
class ChildEnds {
 public:
  ChildEnds() noexcept = default;
  ~ChildEnds() { std::for_each(ends_.begin(), ends_.end(), close_handle); }
  ChildEnds(const ChildEnds&) = delete;
  ChildEnds& operator=(const ChildEnds&) = delete;

  // Makes a pipe for the child's stream `number`: the child's end. Errors: those of pipe2(2).
  Result<NativeHandle> open(std::size_t number, bool child_reads, PipeStream& ours) noexcept {
    PipeArgs args{.read_waits = child_reads, .write_waits = !child_reads};
    if (const auto made = detail::perform_now(Opcode::pipe, nullptr, &args); made < 0) {
      return failed(made);
    }
    ends_[number] = child_reads ? args.read_end : args.write_end;
    const NativeHandle own = child_reads ? args.write_end : args.read_end;
    auto stream = PipeStream::take(own);
    if (!stream) {
      close_handle(own);
      return std::unexpected(stream.error());
    }
    ours = std::move(*stream);
    return ends_[number];
  }

 private:
  std::array<NativeHandle, 3> ends_{kNoHandle, kNoHandle, kNoHandle};
};

}  // namespace

Result<Process> Process::spawn(const ProcessOptions& options) {
  const auto zero = [&] {
    return has_zero_byte(options.arguments) || has_zero_byte({options.directory}) ||
           (options.environment && has_zero_byte(*options.environment)) ||
           has_zero_byte(options.more_environment);
  };
  if (options.arguments.empty() || zero()) {
    return error(std::errc::invalid_argument);
  }
  const auto arguments = pointers(options.arguments);
  const auto environment =
      options.environment ? pointers(*options.environment) : std::vector<const char*>();
  const auto more = pointers(options.more_environment);
  SpawnArgs args{.arguments = arguments.data(),
                 .environment = options.environment ? environment.data() : nullptr,
                 .more_environment = more.data(),
                 .directory = options.directory.empty() ? nullptr : options.directory.c_str()};
  Process process;
  ChildEnds ends;
  const std::array<Stdio, 3> wanted{options.input, options.output, options.errors};
  const std::array<PipeStream*, 3> ours{&process.input_, &process.output_, &process.errors_};
  for (std::size_t number = 0; number < 3; ++number) {
    const Stdio& what = wanted[number];
    if (what.kind_ == Stdio::Kind::pipe) {
      auto end = ends.open(number, number == 0, *ours[number]);
      if (!end) {
        return std::unexpected(end.error());
      }
      args.standard[number] = *end;
    } else if (what.kind_ != Stdio::Kind::null) {
      args.standard[number] =
          what.kind_ == Stdio::Kind::inherit ? static_cast<NativeHandle>(number) : what.handle_;
    }
  }
  if (auto started = process.start(args); !started) {
    return std::unexpected(started.error());
  }
  return process;
}

Result<> Process::start(SpawnArgs& args) noexcept {
  const std::int32_t handle = detail::perform_now(Opcode::spawn, nullptr, &args);
  if (handle < 0) {
    return failed(handle);
  }
  pid_ = args.pid;
  auto attached = Loop::current()->engine().attach(handle, Attach::foreign);
  if (!attached) {
    // It could not be waited for, so it must not run.
    Descriptor unattached;
    unattached.handle = handle;
    unattached.home = Loop::current()->home();
    detail::perform_now(Opcode::kill, &unattached, nullptr, SIGKILL);
    close_handle(handle);
    return std::unexpected(attached.error());
  }
  descriptor_ = *attached;
  return {};
}

Process::~Process() {
  if (descriptor_ != nullptr) {
    reap();
    const NativeHandle handle = descriptor_->handle;
    Loop::current()->detach(*descriptor_);
    close_handle(handle);
  }
}

// 0, -EAGAIN while it runs, or -ECHILD.
std::int32_t Process::reap() noexcept {
  if (ended_) {
    return 0;
  }
  ReapArgs args;
  const std::int32_t result = detail::perform_now(Opcode::reap, descriptor_, &args);
  if (result == 0) {
    ended_ = ExitStatus{.code = args.code, .signal = args.signal, .dumped_core = args.dumped_core};
  }
  return result;
}

Task<Result<ExitStatus>> Process::wait() {
  for (;;) {
    const std::int32_t reaped = reap();
    if (reaped == 0) {
      co_return *ended_;
    }
    if (reaped != -EAGAIN) {
      co_return failed(reaped);
    }
    const std::int32_t ready = co_await detail::Operation(Opcode::poll_in, descriptor_, nullptr);
    if (ready < 0) {
      co_return failed(ready);
    }
  }
}

Result<> Process::kill(int signal) noexcept {
  const std::int32_t sent =
      detail::perform_now(Opcode::kill, descriptor_, nullptr, static_cast<std::uint16_t>(signal));
  return sent < 0 ? Result<>(failed(sent)) : Result<>();
}

}  // namespace vigil::os
