// Kernel: one simulated machine's. Its processes, its files, its sockets; it knows time and weather
// from the world, and the other machines through the network.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/clock.hpp"
#include "kernel/file.hpp"
#include "vigil/base/result.hpp"
#include "world/weather.hpp"

namespace vigil::sim {

class FileSystem;
class Network;
class Process;
class Sockets;
struct ProcessEnd;

struct KernelLimits {
  int handles = 1024;  // of a process (RLIMIT_NOFILE)
  int hard_handles = 4096;
  int backlog = 4096;                    // net.core.somaxconn
  std::size_t send_buffer = 128 * 1024;  // bytes of a stream
  std::size_t receive_buffer = 128 * 1024;
  Nanos retransmit_limit = std::chrono::minutes(2);  // until ETIMEDOUT; net.ipv4.tcp_retries2 makes
                                                     // it 15 minutes, longer than most tests run
  int open_retries = 6;              // net.ipv4.tcp_syn_retries: 127 s until ETIMEDOUT
  std::uint16_t first_port = 32768;  // net.ipv4.ip_local_port_range
  std::uint16_t last_port = 60999;
  // Whose behaviour, where versions of Linux differ so that it is not the answer of one call alone:
  // 614 or more is that of 6.14 (pipes tell less, unconnected datagrams more).
  int linux_version = 601;
  std::size_t watches = 65536;  // fs.inotify.max_user_watches
  std::uint64_t disk_bytes = std::uint64_t{1} << 30;
};

// What happened, for the trace: short words, no addresses.
class Tracer {
 public:
  virtual ~Tracer() = default;
  // `what` is a word ("send", "crash"), a literal, kept by reference; the numbers are its own. All
  // go into the trace's hash.
  virtual void note(HostId host, std::string_view what, std::uint64_t a,
                    std::uint64_t b) noexcept = 0;
};

class Kernel {
 public:
  Kernel(std::string name, HostId id, Clock& clock, Weather& weather, Network& network,
         Tracer& tracer, KernelLimits limits = {});
  ~Kernel();
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;

  // A process with handles 0 to 2: /dev/null, and outputs that are kept (see output()).
  Process& start_process(std::string name);
  // The process dies: its handles are closed as the system would, its parent is told. `status` as
  // wait(2) tells it. It is not found from then on; the object stays, so that a process that ended
  // within a call of its own can return from it: a forked one until another is forked, others as
  // long as the kernel.
  void end_process(Process& process, int status) noexcept;
  // Null: there is none, or it has ended.
  Process* find_process(int pid) noexcept;

  // The machine loses power: every process and every socket is gone without a word to anybody, what
  // was not synced to disk is lost. The kernel starts again at once, empty but for its disk.
  // Processes that it gave stay as ended objects: nobody is told, and no status is set.
  void crash() noexcept;
  bool crashing() const noexcept { return crashing_; }

  // A program: an executable file at `path`, which begins to run when `load` is called with its
  // process, whose handles, directory and environment are there. Errors: those of
  // FileSystem::write_file().
  using Load = std::function<void(Process& process, const std::vector<std::string>& arguments)>;
  Result<> install(std::string_view path, Load load);
  // Whose file has this content; null: no program's.
  Load* program(std::string_view content) noexcept;

  // What processes called `name` wrote to their standard output and error since the world began.
  std::string& output(std::string_view process_name);

  const std::string& name() const noexcept { return name_; }
  HostId id() const noexcept { return id_; }
  Clock& clock() noexcept { return clock_; }
  Weather& weather() noexcept { return weather_; }
  Network& network() noexcept { return network_; }
  Tracer& tracer() noexcept { return tracer_; }
  FileSystem& files() noexcept { return *files_; }
  Sockets& sockets() noexcept { return *sockets_; }
  const KernelLimits& limits() const noexcept { return limits_; }
  KernelLimits& limits() noexcept { return limits_; }
  // Seconds since 1970 run beside the clock; the weather can step them.
  Nanos wall_time() const noexcept { return clock_.now().time_since_epoch() + wall_offset_; }
  void step_wall(Nanos by) noexcept {
    wall_offset_ += by;
    wall_steps_.wake_all(0);
  }
  WaitQueue& wall_steps() noexcept { return wall_steps_; }  // timers on the wall clock

  std::uint64_t next_serial() noexcept { return ++serials_; }
  // Objects alive: zero but for the disk when no process runs and nothing is on its way.
  std::size_t live_files() const noexcept { return live_files_; }

 private:
  friend class File;
  friend class Process;

  Process& add_process(std::string name, int parent);
  // Without the word to the parent.
  void bury(Process& process, int status) noexcept;
  void reap(int pid) noexcept;

  std::string name_;
  HostId id_;
  Clock& clock_;
  Weather& weather_;
  Network& network_;
  Tracer& tracer_;
  KernelLimits limits_;
  Nanos wall_offset_ = std::chrono::seconds(1'700'000'000);
  WaitQueue wall_steps_;
  std::uint64_t serials_ = 0;
  std::size_t live_files_ = 0;
  int last_pid_ = 99;
  bool crashing_ = false;
  std::map<int, std::unique_ptr<Process>> processes_;
  std::map<int, std::shared_ptr<ProcessEnd>>
      ends_;  // of those that run, and that no parent waited for
  std::vector<std::unique_ptr<Process>> corpses_;
  std::map<std::string, std::string, std::less<>> outputs_;
  std::map<std::string, Load, std::less<>> programs_;  // by the content of their files
  std::unique_ptr<FileSystem> files_;
  std::unique_ptr<Sockets> sockets_;
};

}  // namespace vigil::sim
