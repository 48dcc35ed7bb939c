// Pool: worker processes, what they tell, and what becomes of them. One that dies or hangs is a
// failure of the seed it was at, and another takes up behind that seed.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "driver/record.hpp"
#include "driver/worker.hpp"

namespace vigil::driver {

struct WorkerFailure {
  Job job;
  std::uint64_t seed = 0;
  std::string what;    // one sentence
  std::string report;  // what the worker printed about it
};

struct PoolEvents {
  std::function<void(const Record&)> done;
  std::function<void(const WorkerFailure&)> failed;
  std::function<void(const Job&, const Mark&)> mark;  // other lines of a worker
  std::function<void()> tick;                         // some times a second
};

class Pool {
 public:
  // `program`: what is executed, as a worker; a path.
  Pool(std::string program, PoolEvents events);
  ~Pool();  // kills who is left
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  void add(Job job);
  // Runs the jobs, `at_once` of them at a time, until all are done, stop() was called, or the
  // process was told to end (SIGINT, SIGTERM).
  void run(std::size_t at_once);
  void stop() noexcept { stopped_ = true; }
  // Whether run() ended because of a signal.
  bool interrupted() const noexcept;

  // A worker that tells nothing for so long hangs.
  std::chrono::seconds patience{120};

 private:
  struct Worker {
    Job job;
    pid_t pid = -1;
    int from = -1;  // its output
    std::string unread;
    std::uint64_t begun = 0;  // seeds
    std::uint64_t seed = 0;   // that it is at
    bool busy = false;        // with a seed
    bool failed = false;      // it told of a failure and not yet of the end of that seed
    bool hung = false;
    WorkerFailure failure;
    std::string text;  // since its seed began
    std::chrono::steady_clock::time_point heard;
  };

  void start(Job job);
  void hear(Worker& worker);
  void line(Worker& worker, std::string_view text);
  void end(Worker& worker);
  void check_patience();

  std::string program_;
  PoolEvents events_;
  std::vector<Job> waiting_;
  std::vector<Worker> workers_;
  bool stopped_ = false;
};

}  // namespace vigil::driver
