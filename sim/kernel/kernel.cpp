// Processes of a machine: how they start and end, what of them stays, and a loss of power.
#include "kernel/kernel.hpp"

#include <fcntl.h>

#include <cerrno>
#include <utility>

#include "kernel/file_system.hpp"
#include "kernel/file_system_disk.hpp"
#include "kernel/file_system_path.hpp"
#include "kernel/process.hpp"
#include "kernel/sockets.hpp"
#include "net/network.hpp"
#include "vigil/base/check.hpp"

namespace vigil::sim {
namespace {

constexpr int kSystem = 1;  // the parent of what nobody forked

// Standard input: /dev/null.
class NullFile final : public File {
 public:
  explicit NullFile(Kernel& kernel) noexcept : File(kernel) { access = O_RDONLY; }
  std::uint32_t ready() const noexcept override {
    return kReadable | kWritable | kRdNorm | kWrNorm;
  }
  bool watchable() const noexcept override { return false; }
  std::int64_t read(std::span<std::byte> /*to*/) noexcept override { return 0; }
};

// Standard output and error: a file that only grows, kept beyond the process.
class OutputFile final : public File {
 public:
  OutputFile(Kernel& kernel, std::string& kept) noexcept : File(kernel), kept_(kept) {
    access = O_WRONLY | O_APPEND;
  }
  std::uint32_t ready() const noexcept override {
    return kReadable | kWritable | kRdNorm | kWrNorm;
  }
  bool watchable() const noexcept override { return false; }
  std::int64_t write(std::span<const std::byte> from) noexcept override {
    kept_.append(reinterpret_cast<const char*>(from.data()), from.size());
    return static_cast<std::int64_t>(from.size());
  }

 private:
  std::string& kept_;
};

}  // namespace

Kernel::Kernel(std::string name, HostId id, Clock& clock, Weather& weather, Network& network,
               Tracer& tracer, KernelLimits limits)
    : name_(std::move(name)),
      id_(id),
      clock_(clock),
      weather_(weather),
      network_(network),
      tracer_(tracer),
      limits_(limits),
      files_(std::make_unique<FileSystem>(*this)),
      sockets_(std::make_unique<Sockets>(*this)) {
  network_.attach(*this);
}

Kernel::~Kernel() {
  crashing_ = true;
  network_.vanished(*this);
  while (!processes_.empty()) {
    bury(*processes_.begin()->second, 0);
  }
  network_.detach(*this);
}

Process& Kernel::start_process(std::string name) {
  std::string& kept = output(name);
  Process& process = add_process(std::move(name), kSystem);
  File* const standard[] = {new NullFile(*this), new OutputFile(*this, kept),
                            new OutputFile(*this, kept)};
  for (File* file : standard) {
    const int placed = process.place(*file, false, 0);
    check(placed >= 0, "sim: a process needs room for its three standard handles: raise the limit");
  }
  tracer_.note(id_, "start", static_cast<std::uint64_t>(process.pid()), 0);
  return process;
}

Process& Kernel::add_process(std::string name, int parent) {
  std::erase_if(corpses_, [](const std::unique_ptr<Process>& corpse) { return corpse->forked_; });
  const int pid = ++last_pid_;
  auto& place = processes_[pid];
  place = std::make_unique<Process>(*this, pid, parent, std::move(name));
  ends_[pid] = place->end_;
  return *place;
}

Process* Kernel::find_process(int pid) noexcept {
  const auto found = processes_.find(pid);
  return found == processes_.end() ? nullptr : found->second.get();
}

void Kernel::end_process(Process& process, int status) noexcept {
  if (process.ended_) {
    return;
  }
  tracer_.note(id_, "end", static_cast<std::uint64_t>(process.pid()),
               static_cast<std::uint64_t>(status));
  const std::shared_ptr<ProcessEnd> end = process.end_;
  bury(process, status);
  end->queue.wake_all(kReadable | kRdNorm);
  // Its children are the system's from now on, which waits for those that ended.
  for (auto at = ends_.begin(); at != ends_.end();) {
    ProcessEnd& child = *at->second;
    if (child.parent == end->pid) {
      child.parent = kSystem;
    }
    at = child.ended && child.parent == kSystem ? (child.reaped = true, ends_.erase(at))
                                                : std::next(at);
  }
  Process* parent = find_process(end->parent);
  if (parent == nullptr || (parent->ignored_ & (std::uint64_t{1} << (SIGCHLD - 1))) != 0) {
    reap(end->pid);
    return;
  }
  const bool killed = WIFSIGNALED(status);
  parent->post({SIGCHLD, killed ? CLD_KILLED : CLD_EXITED, end->pid,
                killed ? WTERMSIG(status) : WEXITSTATUS(status), false});
}

void Kernel::bury(Process& process, int status) noexcept {
  process.ended_ = true;
  process.close_all();
  process.pending_.clear();
  process.end_->ended = true;
  process.end_->status = status;
  const auto place = processes_.find(process.pid());
  corpses_.push_back(std::move(place->second));
  processes_.erase(place);
}

void Kernel::reap(int pid) noexcept {
  const auto found = ends_.find(pid);
  if (found != ends_.end()) {
    found->second->reaped = true;
    ends_.erase(found);
  }
}

void Kernel::crash() noexcept {
  tracer_.note(id_, "crash", processes_.size(), 0);
  crashing_ = true;
  network_.vanished(*this);
  while (!processes_.empty()) {
    bury(*processes_.begin()->second, 0);
  }
  ends_.clear();
  files_->crash();
  crashing_ = false;
}

Result<> Kernel::install(std::string_view path, Load load) {
  const std::string content =
      "a program of the simulation: " + std::to_string(programs_.size()) + "\n";
  if (auto written = files_->write_file(path, content); !written) {
    return written;
  }
  Place place;
  if (find_place(files_->disk().root(), path, LastLink::follow, place) == 0 && place.inode) {
    place.inode->mode |= 0111;
  }
  programs_.emplace(content, std::move(load));
  return {};
}

Kernel::Load* Kernel::program(std::string_view content) noexcept {
  const auto found = programs_.find(content);
  return found != programs_.end() ? &found->second : nullptr;
}

std::string& Kernel::output(std::string_view process_name) {
  const auto found = outputs_.find(process_name);
  return found != outputs_.end() ? found->second
                                 : outputs_.emplace(process_name, std::string()).first->second;
}

}  // namespace vigil::sim
