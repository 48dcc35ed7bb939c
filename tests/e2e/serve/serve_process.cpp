// A real `vigil serve`, and clients.
#include "serve_process.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <thread>

#include "tests/support/afresh.hpp"

namespace vigil::e2e {
namespace {

using Clock = std::chrono::steady_clock;

int milliseconds_left(Clock::time_point until) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 1'000'000));
}

// Waits until `events` are there; false if the time is over.
bool ready(int handle, short events, Clock::time_point until) {
  pollfd entry{handle, events, 0};
  while (true) {
    const int count = ::poll(&entry, 1, milliseconds_left(until));
    if (count > 0) {
      return true;
    }
    if (count == 0 || errno != EINTR) {
      return false;
    }
  }
}

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

// In the child: what was asked for, then the program.
// As a service manager does it: sockets from 3 on, and variables that say so to this process.
void pass(const std::vector<int>& sockets) {
  constexpr int kOutOfTheWay = 100;
  std::vector<int> copies;
  for (const int socket : sockets) {
    copies.push_back(::fcntl(socket, F_DUPFD, kOutOfTheWay));
  }
  for (std::size_t i = 0; i != copies.size(); ++i) {
    ::dup2(copies[i], STDERR_FILENO + 1 + static_cast<int>(i));
  }
}

[[noreturn]] void become(const std::vector<std::string>& words, const StartOptions& options) {
  pass(options.passed);
  test::start_afresh(static_cast<int>(options.passed.size()));
  if (!options.passed.empty()) {
    ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
    ::setenv("LISTEN_FDS", std::to_string(options.passed.size()).c_str(), 1);
  }
  if (options.descriptors != 0) {
    const rlimit limit{options.descriptors, options.descriptors};
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  if (options.as_nobody && ::getuid() == 0) {
    if (::setgid(65534) != 0 || ::setuid(65534) != 0) {
      ::_exit(126);
    }
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
  ::execv(arguments[0], arguments.data());
  ::_exit(127);
}

}  // namespace

Folder::Folder(const std::filesystem::path& in) {
  std::string name = in / "vigil-serve-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) {
    ADD_FAILURE() << "mkdtemp: " << std::strerror(errno);
  }
  ::chmod(name.c_str(), 0755);
  path_ = name;
}

Folder::~Folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void Folder::write(std::string_view name, std::string_view content) const {
  const std::filesystem::path file = path(name);
  std::filesystem::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << content;
}

void Folder::replace(std::string_view name, std::string_view content) const {
  write(".new", content);
  std::filesystem::rename(path(".new"), path(name));
}

namespace {

// It shows itself, and tells of stalls, which a busy machine has, only if the test says so.
void add_quiet(std::vector<std::string>& words) {
  for (const char* option : {"--admin", "--stall-limit"}) {
    if (std::ranges::find(words, option) == words.end()) {
      words.insert(words.end(), {option, "off"});
    }
  }
}

}  // namespace

Process::Process(std::vector<std::string> arguments, const StartOptions& options) {
  if (!arguments.empty() && arguments[0] == "serve") {
    add_quiet(arguments);
  }
  arguments.insert(arguments.begin(), VIGIL_BINARY_DIR "/bin/vigil");
  arguments.insert(arguments.begin(), options.wrapper.begin(), options.wrapper.end());
  std::string name = std::filesystem::temp_directory_path() / "vigil-err-XXXXXX";
  const int err = ::mkstemp(name.data());
  err_path_ = name;
  int ends[2];
  if (err < 0 || ::pipe2(ends, O_CLOEXEC) != 0) {
    ADD_FAILURE() << "cannot make a pipe: " << std::strerror(errno);
    return;
  }
  pid_ = ::fork();
  if (pid_ == 0) {
    ::dup2(ends[1], STDOUT_FILENO);
    ::dup2(err, STDERR_FILENO);
    become(arguments, options);
  }
  ::close(err);
  ::close(ends[1]);
  out_ = ends[0];
}

Process::~Process() {
  if (!ended_ && pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  close_output();
  ::unlink(err_path_.c_str());
}

void Process::close_output() {
  if (out_ >= 0) {
    ::close(std::exchange(out_, -1));
  }
}

void Process::read_output(std::chrono::milliseconds at_most) {
  if (out_ >= 0 && ready(out_, POLLIN, Clock::now() + at_most)) {
    char buffer[65536];
    const ssize_t size = ::read(out_, buffer, sizeof buffer);
    if (size > 0) {
      text_.append(buffer, static_cast<std::size_t>(size));
    } else if (size == 0) {
      close_output();
    }
  }
}

std::string Process::output(const std::function<bool(const std::string&)>& until) {
  const auto end = Clock::now() + 20s;
  while (!until(text_) && out_ >= 0 && Clock::now() < end) {
    read_output(100ms);
  }
  EXPECT_TRUE(until(text_)) << text_ << errors();
  return text_;
}

std::uint16_t Process::await_port() {
  const std::string text = output([](const std::string& t) {
    const std::size_t at = t.find("listening on ");
    return at != std::string::npos && t.find('\n', at) != std::string::npos;
  });
  const std::size_t at = text.find("listening on ");
  if (at == std::string::npos) {
    return 0;
  }
  const std::string line = text.substr(at, text.find('\n', at) - at);
  return static_cast<std::uint16_t>(std::atoi(line.substr(line.rfind(':') + 1).c_str()));
}

void Process::signal(int number) const { ::kill(pid_, number); }

bool Process::runs() {
  if (!ended_ && ::waitpid(pid_, &status_, WNOHANG) == pid_) {
    ended_ = true;
  }
  return !ended_;
}

Ended Process::wait(std::chrono::milliseconds at_most) {
  const auto end = Clock::now() + at_most;
  while (runs() && Clock::now() < end) {
    read_output(10ms);
  }
  EXPECT_TRUE(ended_) << "it should have ended by now\n" << errors();
  // To its end, unless a process that took its place has it, too.
  std::size_t before = text_.size() + 1;
  while (ended_ && out_ >= 0 && before != text_.size()) {
    before = text_.size();
    read_output(200ms);
  }
  return {ended_ && WIFEXITED(status_) ? WEXITSTATUS(status_) : -1, text_, errors()};
}

std::string Process::errors() const { return read_file(err_path_); }

Serve::Serve(const Folder& root, std::vector<std::string> arguments, const StartOptions& options)
    : Process(
          [&] {
            std::vector<std::string> all{"serve", root.path(), "--listen", "127.0.0.1:0"};
            all.insert(all.end(), arguments.begin(), arguments.end());
            return all;
          }(),
          options) {
  port = await_port();
}

Client::Client(std::uint16_t port, int receive_buffer) {
  handle_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (receive_buffer != 0) {
    ::setsockopt(handle_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(handle_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0)
      << std::strerror(errno);
  const int on = 1;
  ::setsockopt(handle_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

Client::Client(const std::string& unix_path) {
  handle_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  unix_path.copy(address.sun_path, sizeof address.sun_path - 1);
  EXPECT_EQ(::connect(handle_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0)
      << std::strerror(errno);
}

std::uint16_t Client::own_port() const {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  EXPECT_EQ(::getsockname(handle_, reinterpret_cast<sockaddr*>(&address), &size), 0);
  return ntohs(address.sin_port);
}

Client::~Client() {
  if (handle_ >= 0) {
    ::close(handle_);
  }
}

bool Client::send(std::string_view bytes) const {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(handle_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EINTR) {
      return false;
    }
    bytes.remove_prefix(sent > 0 ? static_cast<std::size_t>(sent) : 0);
  }
  return true;
}

bool Client::more(Clock::time_point until) {
  if (!ready(handle_, POLLIN, until)) {
    return false;
  }
  char buffer[65536];
  const ssize_t size = ::recv(handle_, buffer, sizeof buffer, 0);
  if (size <= 0) {
    return false;
  }
  text_.append(buffer, static_cast<std::size_t>(size));
  return true;
}

Response Client::receive(bool head_only, std::chrono::milliseconds at_most) {
  const auto until = Clock::now() + at_most;
  Response response;
  std::size_t end = 0;
  while ((end = text_.find("\r\n\r\n")) == std::string::npos) {
    if (!more(until)) {
      return response;
    }
  }
  std::istringstream head(text_.substr(0, end));
  std::string version;
  head >> version >> response.status;
  EXPECT_EQ(version, "HTTP/1.1");
  std::string line;
  std::getline(head, line);
  while (std::getline(head, line)) {
    const std::size_t colon = line.find(": ");
    std::string name = line.substr(0, colon);
    std::ranges::transform(name, name.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    });
    line.erase(line.find_last_not_of('\r') + 1);
    response.fields[name] = line.substr(colon + 2);
  }
  text_.erase(0, end + 4);
  const bool none = head_only || response.status == 204 || response.status == 304;
  const auto length = response.fields.find("content-length");
  const std::size_t size = none || length == response.fields.end() ? 0 : std::stoul(length->second);
  while (text_.size() < size && more(until)) {
  }
  response.complete = text_.size() >= size;
  response.body = text_.substr(0, size);
  text_.erase(0, response.body.size());
  return response;
}

Response Client::get(std::string_view target, std::string_view more_fields) {
  send("GET " + std::string(target) + " HTTP/1.1\r\nHost: test\r\n" + std::string(more_fields) +
       "\r\n");
  return receive();
}

bool Client::answers(std::chrono::milliseconds at_most) const {
  return ready(handle_, POLLIN, Clock::now() + at_most);
}

bool Client::ends(std::chrono::milliseconds at_most) {
  const auto until = Clock::now() + at_most;
  return text_.empty() && ready(handle_, POLLIN, until) && !more(until);
}

void Client::end_writing() const { ::shutdown(handle_, SHUT_WR); }

void Client::reset() {
  const linger hard{1, 0};
  ::setsockopt(handle_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  ::close(std::exchange(handle_, -1));
}

bool eventually(const std::function<bool()>& holds, std::chrono::milliseconds at_most) {
  const auto until = Clock::now() + at_most;
  while (!holds()) {
    if (Clock::now() > until) {
      return false;
    }
    std::this_thread::sleep_for(5ms);
  }
  return true;
}

std::string noise(std::size_t size, std::uint32_t seed) {
  std::mt19937_64 random(seed);
  std::string bytes(size, '\0');
  for (std::size_t at = 0; at < size; at += sizeof(std::uint64_t)) {
    const std::uint64_t word = random();
    std::memcpy(bytes.data() + at, &word, std::min(sizeof word, size - at));
  }
  return bytes;
}

}  // namespace vigil::e2e
