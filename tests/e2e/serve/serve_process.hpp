// A real `vigil serve` with a directory of its own, and clients that speak to it byte by byte.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vigil::e2e {

using namespace std::chrono_literals;

// A directory that goes away with its content.
class Folder {
 public:
  explicit Folder(const std::filesystem::path& in = std::filesystem::temp_directory_path());
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  const std::string& path() const { return path_; }
  std::string path(std::string_view name) const { return path_ + "/" + std::string(name); }
  // Writes a file, making the directories above it.
  void write(std::string_view name, std::string_view content) const;
  // The same by renaming a complete file over it.
  void replace(std::string_view name, std::string_view content) const;

 private:
  std::string path_;
};

struct Ended {
  int status = -1;  // what it exited with; -1: a signal
  std::string out;  // all of standard output, and of standard error
  std::string err;
};

struct StartOptions {
  std::vector<std::string> environment = {};
  std::uint64_t descriptors = 0;          // the limit of the process, soft and hard; 0: as here
  bool as_nobody = false;                 // drops root, if the test has it
  std::vector<std::string> wrapper = {};  // words before the program's
  std::vector<int> passed = {};           // sockets that it finds from 3 on (sd_listen_fds(3))
};

// The program under test. Ends it when it goes.
class Process {
 public:
  explicit Process(std::vector<std::string> arguments, const StartOptions& options = {});
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // Waits until it says where it listens; the port, or 0 for a Unix socket. Fails the test if it
  // ends.
  std::uint16_t await_port();
  void signal(int number) const;
  // Waits until it has ended.
  Ended wait(std::chrono::milliseconds at_most = 60s);
  bool runs();
  int pid() const { return pid_; }
  // What came on standard output so far, at least until `until` says that it is enough.
  std::string output(const std::function<bool(const std::string&)>& until);
  std::string errors() const;
  void close_output();

 private:
  void read_output(std::chrono::milliseconds at_most);

  int pid_ = -1;
  int out_ = -1;
  int status_ = 0;
  bool ended_ = false;
  std::string text_;
  std::string err_path_;
};

// `vigil serve ROOT --listen 127.0.0.1:0 ...`, ready.
class Serve : public Process {
 public:
  Serve(const Folder& root, std::vector<std::string> arguments = {},
        const StartOptions& options = {});
  std::uint16_t port = 0;
};

struct Response {
  int status = 0;
  std::map<std::string, std::string> fields;  // names in lower case; of equal ones the last
  std::string body;
  bool complete = false;  // the body had the length that was announced
};

class Client {
 public:
  explicit Client(std::uint16_t port, int receive_buffer = 0);
  explicit Client(const std::string& unix_path);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // False if the server has ended the connection.
  bool send(std::string_view bytes) const;
  // The next response; status 0 if the connection ended before its head was whole. A body of which
  // part came is there, `complete` false.
  Response receive(bool head_only = false, std::chrono::milliseconds at_most = 60s);
  Response get(std::string_view target, std::string_view more_fields = {});
  // Waits until the first byte of an answer is there, and leaves it there.
  bool answers(std::chrono::milliseconds at_most = 60s) const;
  // Whether the server ends the connection within this time, and says nothing more.
  bool ends(std::chrono::milliseconds at_most = 60s);
  void end_writing() const;
  void reset();
  int handle() const { return handle_; }
  // Of a client of a port: its own.
  std::uint16_t own_port() const;

 private:
  bool more(std::chrono::steady_clock::time_point until);

  int handle_ = -1;
  std::string text_;
};

// Whether `holds` comes true; asked again and again, for at most this time.
bool eventually(const std::function<bool()>& holds, std::chrono::milliseconds at_most = 60s);

// Bytes that look random and depend on `seed`.
std::string noise(std::size_t size, std::uint32_t seed);

}  // namespace vigil::e2e
