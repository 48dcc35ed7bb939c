// Worker processes over pipes.
#include "driver/pool.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <utility>

extern char** environ;

namespace vigil::driver {
namespace {

volatile std::sig_atomic_t told_to_end = 0;

void note_signal(int) { told_to_end = 1; }

constexpr std::size_t kMostText = 256 * 1024;  // kept of what a worker prints for one seed

std::string how_it_ended(int status) {
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    const char* name = ::sigabbrev_np(signal);
    return "the process was killed by SIG" +
           (name != nullptr ? std::string(name) : std::to_string(signal));
  }
  return "the process ended with status " + std::to_string(WEXITSTATUS(status));
}

// What a check or a sanitizer said, out of all that was printed.
std::string telling_line(std::string_view text) {
  for (const std::string_view sign : {"check failed", "ERROR: ", "runtime error", "WARNING: "}) {
    const std::size_t at = text.find(sign);
    if (at != std::string_view::npos) {
      const std::size_t begin = text.rfind('\n', at) + 1;
      return std::string(text.substr(begin, text.find('\n', at) - begin));
    }
  }
  return {};
}

}  // namespace

Pool::Pool(std::string program, PoolEvents events)
    : program_(std::move(program)), events_(std::move(events)) {
  struct sigaction action{};
  action.sa_handler = &note_signal;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

Pool::~Pool() {
  for (Worker& worker : workers_) {
    ::kill(worker.pid, SIGKILL);
    ::waitpid(worker.pid, nullptr, 0);
    ::close(worker.from);
  }
}

bool Pool::interrupted() const noexcept { return told_to_end != 0; }

void Pool::add(Job job) { waiting_.push_back(std::move(job)); }

void Pool::start(Job job) {
  std::array<int, 2> ends{-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return;
  }
  std::vector<std::string> words = words_of(job);
  words.insert(words.begin(), "vigil-sim");
  std::vector<char*> pointers;
  for (std::string& word : words) {
    pointers.push_back(word.data());
  }
  pointers.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
  // A group of its own: Ctrl-C is for this process, which ends the workers.
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  Worker worker;
  const std::string& program = job.program.empty() ? program_ : job.program;
  const int fault =
      ::posix_spawn(&worker.pid, program.c_str(), &actions, &attributes, pointers.data(), environ);
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  if (fault != 0) {
    ::close(ends[0]);
    events_.failed({.job = job,
                    .seed = job.first,
                    .what = "cannot start " + program + ": " + std::strerror(fault),
                    .report = {}});
    stopped_ = true;
    return;
  }
  worker.job = std::move(job);
  worker.from = ends[0];
  worker.heard = std::chrono::steady_clock::now();
  workers_.push_back(std::move(worker));
}

void Pool::run(std::size_t at_once) {
  while (!stopped_ && told_to_end == 0) {
    while (workers_.size() < at_once && !waiting_.empty() && !stopped_) {
      Job next = std::move(waiting_.front());
      waiting_.erase(waiting_.begin());
      start(std::move(next));
    }
    if (workers_.empty()) {
      return;
    }
    std::vector<pollfd> asked;
    for (const Worker& worker : workers_) {
      asked.push_back({.fd = worker.from, .events = POLLIN, .revents = 0});
    }
    ::poll(asked.data(), asked.size(), 100);
    for (std::size_t i = asked.size(); i-- > 0;) {
      if (asked[i].revents != 0) {
        hear(workers_[i]);
      }
    }
    check_patience();
    if (events_.tick) {
      events_.tick();
    }
  }
}

void Pool::hear(Worker& worker) {
  std::array<char, 65536> room;
  const ssize_t got = ::read(worker.from, room.data(), room.size());
  if (got < 0) {
    return;
  }
  if (got == 0) {
    end(worker);
    return;
  }
  worker.heard = std::chrono::steady_clock::now();
  worker.unread.append(room.data(), static_cast<std::size_t>(got));
  std::size_t at = 0;
  for (std::size_t newline; (newline = worker.unread.find('\n', at)) != std::string::npos;
       at = newline + 1) {
    line(worker, std::string_view(worker.unread).substr(at, newline - at));
  }
  worker.unread.erase(0, at);
}

void Pool::line(Worker& worker, std::string_view text) {
  if (const auto record = read_record(text)) {
    if (worker.failed) {
      worker.failure.report = std::exchange(worker.text, {});
      events_.failed(worker.failure);
    }
    worker.busy = worker.failed = false;
    worker.text.clear();
    events_.done(*record);
    return;
  }
  const auto mark = read_mark(text);
  if (mark && mark->word == "begin") {
    worker.seed = mark->number;
    worker.busy = true;
    ++worker.begun;
  } else if (mark && mark->word == "fail") {
    worker.failed = true;
    worker.failure = {
        .job = worker.job, .seed = mark->number, .what = std::string(mark->rest), .report = {}};
  } else if (mark) {
    if (events_.mark) {
      events_.mark(worker.job, *mark);
    }
  } else if (worker.text.size() < kMostText) {
    worker.text.append(text);
    worker.text.push_back('\n');
  }
}

void Pool::end(Worker& worker) {
  int status = 0;
  ::waitpid(worker.pid, &status, 0);
  ::close(worker.from);
  Worker gone = std::move(worker);
  workers_.erase(workers_.begin() + (&worker - workers_.data()));
  const bool died = WIFSIGNALED(status) || WEXITSTATUS(status) > 1;
  if (!died && !gone.busy) {
    return;
  }
  gone.text += gone.unread;
  WorkerFailure failure{.job = gone.job,
                        .seed = gone.busy ? gone.seed : gone.job.first,
                        .what = gone.hung ? "nothing was heard of the process for " +
                                                std::to_string(patience.count()) + " s: it hangs"
                                          : how_it_ended(status),
                        .report = gone.text};
  if (const std::string said = telling_line(gone.text); !said.empty()) {
    failure.what = said;
  }
  events_.failed(failure);
  if (gone.begun < gone.job.count && gone.begun != 0 && !gone.job.first_only) {
    Job rest = gone.job;
    rest.first += gone.begun * rest.stride;
    rest.count -= gone.begun;
    waiting_.insert(waiting_.begin(), std::move(rest));
  }
}

void Pool::check_patience() {
  const auto now = std::chrono::steady_clock::now();
  for (Worker& worker : workers_) {
    if (!worker.hung && now - worker.heard > patience) {
      worker.hung = true;
      ::kill(worker.pid, SIGKILL);  // its end is heard like any other
    }
  }
}

}  // namespace vigil::driver
