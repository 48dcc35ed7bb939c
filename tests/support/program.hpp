// A program of ours as its users run it: started with its words, found by the line that says where
// it listens, watched from outside through /proc, ended by a signal.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/afresh.hpp"
#include "tests/support/not_run.hpp"
#include "tests/support/temporary_directory.hpp"

namespace vigil::test {

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define VIGIL_UNDER_SANITIZER 1
#endif
#endif
#if defined(VIGIL_UNDER_SANITIZER)
inline constexpr bool kSanitized = true;  // slower, and its memory says nothing
#else
inline constexpr bool kSanitized = false;
#endif

using namespace std::chrono_literals;

// Asks again and again until `holds`, for at most this time.
inline bool eventually(const std::function<bool()>& holds,
                       std::chrono::milliseconds at_most = 60s) {
  const auto until = std::chrono::steady_clock::now() + at_most;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > until) {
      return false;
    }
    std::this_thread::sleep_for(5ms);
  }
  return true;
}

struct ProgramOptions {
  std::vector<std::string> under = {};  // what runs it, such as strace with its options
  std::vector<std::string> environment = {};
  rlim_t descriptors = 0;  // the limit of the process, soft and hard; 0: as here
};

class Program {
 public:
  // words[0] is a program of ours, or an absolute path. `vigil serve` shows itself, and tells of
  // stalls, which a busy machine has, only if the words say so.
  explicit Program(std::vector<std::string> words, ProgramOptions options = {}) {
    if (words[0].front() != '/') {
      words[0] = VIGIL_BINARY_DIR "/bin/" + words[0];
    }
    EXPECT_EQ(::access(words[0].c_str(), X_OK), 0) << words[0];
    if (words.size() > 1 && words[1] == "serve") {
      add_quiet(words);
    }
    words.insert(words.begin(), options.under.begin(), options.under.end());
    const std::string out = files_ / "out";
    const std::string err = files_ / "err";
    pid_ = ::fork();
    if (pid_ == 0) {
      become(words, options, out.c_str(), err.c_str());
    }
  }
  ~Program() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  int pid() const { return pid_; }
  std::string output() const { return files_.read("out"); }
  std::string errors() const { return files_.read("err"); }

  // Waits until it says where it listens.
  std::uint16_t port() {
    std::string line;
    EXPECT_TRUE(eventually([&] {
      const std::string text = output();
      const std::size_t at = text.find("listening on ");
      const std::size_t end = at != std::string::npos ? text.find('\n', at) : at;
      line = end != std::string::npos ? text.substr(at, end - at) : "";
      return !line.empty() || !runs();
    })) << "it does not say where it listens";
    EXPECT_FALSE(line.empty()) << errors();
    return static_cast<std::uint16_t>(std::atoi(line.substr(line.rfind(':') + 1).c_str()));
  }

  bool runs() {
    if (pid_ > 0 && ::waitpid(pid_, &status_, WNOHANG) == pid_) {
      pid_ = 0;
    }
    return pid_ > 0;
  }
  // Its exit status when it has ended, -1 if a signal ended it or it still runs.
  int wait(std::chrono::milliseconds at_most = 60s) {
    const bool ended = eventually([this] { return !runs(); }, at_most);
    EXPECT_TRUE(ended) << "it should have ended\n" << errors();
    return ended && WIFEXITED(status_) ? WEXITSTATUS(status_) : -1;
  }
  int end(int with = SIGTERM) {
    EXPECT_TRUE(runs()) << "it ended by itself, status " << status_ << "\n" << errors();
    if (pid_ > 0) {
      ::kill(pid_, with);
    }
    return wait();
  }

  // Time on a processor so far, of all its threads.
  std::chrono::nanoseconds cpu() const {
    std::int64_t sum = 0;
    for (const auto& task : entries("task")) {
      std::ifstream in(task / "schedstat");
      std::int64_t ran = 0;
      in >> ran;
      sum += ran;
    }
    return std::chrono::nanoseconds(sum);
  }
  // Open descriptors that are sockets, and no local ones of datagrams: a listener has such a one as
  // its spare descriptor from when it serves on, which is a moment after it says that it listens.
  std::size_t sockets() const {
    const std::set<std::string> spare = local_datagram_sockets();
    std::size_t count = 0;
    for (const auto& entry : entries("fd")) {
      std::error_code gone;
      const std::string to = std::filesystem::read_symlink(entry, gone).string();
      count += to.starts_with("socket:") && !spare.contains(to) ? 1u : 0u;
    }
    return count;
  }
  std::size_t descriptors() const { return entries("fd").size(); }
  // Bytes of memory that are its own: what is in memory, less what comes from files.
  std::size_t memory() const {
    std::ifstream in("/proc/" + std::to_string(pid_) + "/statm");
    std::size_t size = 0;
    std::size_t resident = 0;
    std::size_t shared = 0;
    in >> size >> resident >> shared;
    return (resident - shared) * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  }

 private:
  // As the links in /proc/PID/fd name them. See proc_net_unix in proc(5).
  std::set<std::string> local_datagram_sockets() const {
    std::set<std::string> all;
    std::ifstream in("/proc/" + std::to_string(pid_) + "/net/unix");
    std::string line;
    std::getline(in, line);  // the names of the columns
    while (std::getline(in, line)) {
      std::istringstream words(line);
      std::string slot, users, protocol, flags, type, state, inode;
      words >> slot >> users >> protocol >> flags >> type >> state >> inode;
      if (type == "0002") {
        all.insert("socket:[" + inode + "]");
      }
    }
    return all;
  }
  static void add_quiet(std::vector<std::string>& words) {
    for (const char* option : {"--admin", "--stall-limit"}) {
      if (std::find(words.begin(), words.end(), option) == words.end()) {
        words.insert(words.end(), {option, "off"});
      }
    }
  }

  std::vector<std::filesystem::path> entries(const std::string& of) const {
    std::vector<std::filesystem::path> all;
    std::error_code gone;
    for (const auto& entry :
         std::filesystem::directory_iterator("/proc/" + std::to_string(pid_) + "/" + of, gone)) {
      all.push_back(entry.path());
    }
    return all;
  }

  [[noreturn]] static void become(const std::vector<std::string>& words,
                                  const ProgramOptions& options, const char* out, const char* err) {
    ::dup2(::open("/dev/null", O_RDONLY | O_CLOEXEC), STDIN_FILENO);
    ::dup2(::open(out, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600), STDOUT_FILENO);
    ::dup2(::open(err, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600), STDERR_FILENO);
    start_afresh();
    if (options.descriptors != 0) {
      const rlimit limit{options.descriptors, options.descriptors};
      ::setrlimit(RLIMIT_NOFILE, &limit);
    }
    for (const std::string& pair : options.environment) {
      const std::size_t equals = pair.find('=');
      ::setenv(pair.substr(0, equals).c_str(), pair.substr(equals + 1).c_str(), 1);
    }
    std::vector<char*> arguments;
    for (const std::string& word : words) {
      arguments.push_back(const_cast<char*>(word.c_str()));
    }
    arguments.push_back(nullptr);
    ::execvp(arguments[0], arguments.data());
    ::_exit(127);
  }

  TemporaryDirectory files_;
  pid_t pid_ = 0;
  int status_ = 0;
};

// Runs somebody else's program to its end; what it printed on both streams.
inline std::string run_tool(std::vector<std::string> words, int* status = nullptr) {
  if (words[0].find('/') == std::string::npos) {
    words[0] = find_program(words[0]);
  }
  Program tool(std::move(words));
  const int ended = tool.wait();
  if (status != nullptr) {
    *status = ended;
  }
  return tool.output() + tool.errors();
}

// What keeps strace from tracing here; nothing, if it may.
inline std::string why_not_traced() {
  int status = 0;
  std::string said = run_tool(
      {"strace", "-D", "-qq", "-o", "/dev/null", "-e", "trace=none", "/bin/true"}, &status);
  return status == 0 ? std::string() : "strace may not trace here: " + said;
}

// Ends the test as not run where strace is not there, or may not trace.
#define VIGIL_NEEDS_STRACE()                                                   \
  VIGIL_NEEDS_PROGRAM("strace");                                               \
  if (const std::string why = ::vigil::test::why_not_traced(); !why.empty()) { \
    VIGIL_NOT_RUN(why);                                                        \
  } else                                                                       \
    static_cast<void>(0)

}  // namespace vigil::test
