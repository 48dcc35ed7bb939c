// Under a service manager: sockets that were passed, words to it, and a watchdog. The test plays
// systemd.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <optional>
#include <tuple>

#include "serve_process.hpp"
#include "tests/support/both_engines.hpp"

namespace vigil::e2e {
namespace {

// What a .socket unit has open: its connections wait while no service runs.
class Socket {
 public:
  explicit Socket(int type = SOCK_STREAM) {
    handle_ = ::socket(AF_INET, type | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    take(reinterpret_cast<sockaddr*>(&address), sizeof address, type == SOCK_STREAM);
    socklen_t size = sizeof address;
    EXPECT_EQ(::getsockname(handle_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
  }
  explicit Socket(const std::string& path) {
    handle_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    take(reinterpret_cast<sockaddr*>(&address), sizeof address, true);
  }
  ~Socket() { ::close(handle_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  int handle() const { return handle_; }
  std::uint16_t port() const { return port_; }
  std::string place() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  void take(const sockaddr* address, socklen_t size, bool listens) const {
    EXPECT_EQ(::bind(handle_, address, size), 0);
    EXPECT_TRUE(!listens || ::listen(handle_, 64) == 0);
  }
  int handle_ = -1;
  std::uint16_t port_ = 0;
};

// Where the words go.
class Manager {
 public:
  explicit Manager(std::string name) : name_(std::move(name)) {
    handle_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    name_.copy(address.sun_path, sizeof address.sun_path - 1);
    if (name_.front() == '@') {
      address.sun_path[0] = '\0';
    }
    const auto size = offsetof(sockaddr_un, sun_path) + name_.size();
    EXPECT_EQ(::bind(handle_, reinterpret_cast<sockaddr*>(&address), static_cast<socklen_t>(size)),
              0);
  }
  ~Manager() { ::close(handle_); }
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;

  std::string variable() const { return "NOTIFY_SOCKET=" + name_; }

  // The next words; empty if none came in that time.
  std::string next(std::chrono::milliseconds at_most = 60s) const {
    pollfd entry{handle_, POLLIN, 0};
    char words[4096];
    if (::poll(&entry, 1, static_cast<int>(at_most.count())) != 1) {
      return "";
    }
    const ssize_t size = ::recv(handle_, words, sizeof words, 0);
    return size > 0 ? std::string(words, static_cast<std::size_t>(size)) : "";
  }

 private:
  std::string name_;
  int handle_ = -1;
};

std::vector<std::string> words_for(const Folder& at, std::vector<std::string> more) {
  std::vector<std::string> all{"serve", at.path(), "--log", "off"};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

bool begins(const std::string& text, std::string_view with) { return text.starts_with(with); }

const std::string kRequest = "GET /a HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";

// How connections come to shards, with one socket for all.
struct Way {
  const char* shards;
  const char* accept;
};

class PassedSocket : public ::testing::TestWithParam<std::tuple<Way, std::string>> {};

// Nobody who connects is refused, whether a server runs or not, and each is answered.
TEST_P(PassedSocket, outlives_the_servers_that_accept_from_it) {
  const Folder at;
  at.write("a", "content");
  const Socket socket;
  const auto& [way, engine] = GetParam();
  const std::vector<std::string> words =
      words_for(at, {"--listen", socket.place(), "--shards", way.shards, "--accept", way.accept,
                     "--engine", engine});
  const StartOptions options{.passed = {socket.handle()}};

  std::optional<Client> early(socket.port());
  ASSERT_TRUE(early->send(kRequest));
  for (int round = 0; round != 2; ++round) {
    Process server(words, options);
    EXPECT_EQ(server.await_port(), socket.port());
    EXPECT_EQ(early->receive().body, "content");
    for (int i = 0; i != 4; ++i) {
      EXPECT_EQ(Client(socket.port()).get("/a").body, "content");
    }
    server.signal(SIGTERM);
    EXPECT_EQ(server.wait().status, 0);
    early.emplace(socket.port());
    ASSERT_TRUE(early->send(kRequest));
  }
  Process last(words, options);
  EXPECT_EQ(early->receive().body, "content");
}

INSTANTIATE_TEST_SUITE_P(Ways, PassedSocket,
                         ::testing::Combine(::testing::Values(Way{"1", "reuseport"},
                                                              Way{"2", "reuseport"},
                                                              Way{"2", "handoff"}),
                                            ::testing::ValuesIn(test::both_engines())),
                         [](const auto& each) {
                           const Way& way = std::get<0>(each.param);
                           return std::string(way.accept) + "_" + way.shards + "_" +
                                  std::get<1>(each.param);
                         });

TEST(Systemd, sockets_that_were_passed_are_the_listeners_if_none_is_named) {
  const Folder at;
  at.write("a", "content");
  const Socket tcp;
  const Socket local(at.path("local.sock"));
  Process server(words_for(at, {"--shards", "2"}), {.passed = {tcp.handle(), local.handle()}});
  const std::string said = server.output([&](const std::string& text) {
    return text.find(at.path("local.sock") + "\n") != text.npos;
  });
  EXPECT_EQ(said,
            "listening on " + tcp.place() + "\nlistening on unix:" + at.path("local.sock") + "\n");
  EXPECT_EQ(Client(tcp.port()).get("/a").body, "content");
  EXPECT_EQ(Client(at.path("local.sock")).get("/a").body, "content");
  EXPECT_EQ(server.errors().substr(0, server.errors().find('\n')),
            "vigil serve: one socket was passed for " + tcp.place() +
                ": all shards accept from it (exclusive in place of reuseport).");
}

TEST(Systemd, sockets_for_another_process_are_left_alone) {
  const Folder at;
  const Socket socket;
  Process server(words_for(at, {"--listen", "127.0.0.1:0"}),
                 {.environment = {"LISTEN_PID=1"}, .passed = {socket.handle()}});
  EXPECT_NE(server.await_port(), socket.port());
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait().err, "");
}

TEST(Systemd, a_socket_that_cannot_be_used_is_refused) {
  const Folder at;
  const Socket datagrams(SOCK_DGRAM);
  Process server(words_for(at, {"--listen", "127.0.0.1:0"}),
                 {.environment = {"LISTEN_FDNAMES=web.socket"}, .passed = {datagrams.handle()}});
  const Ended ended = server.wait();
  EXPECT_EQ(ended.status, 1);
  EXPECT_EQ(ended.err,
            "vigil serve: cannot use the socket that was passed as web.socket (descriptor 3): it "
            "is no stream socket that listens. Pass it by ListenStream=.\n");
}

// Hazard: its connections are no streams, and answers on them would be cut where a record is full.
TEST(Systemd, a_socket_of_records_is_refused) {
  const Folder at;
  const int records = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  at.path("records").copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(records, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(records, 5), 0);
  Process server(words_for(at, {"--listen", "127.0.0.1:0"}), {.passed = {records}});
  const Ended ended = server.wait();
  ::close(records);
  EXPECT_EQ(ended.status, 1);
  EXPECT_EQ(ended.err,
            "vigil serve: cannot use the socket that was passed as descriptor 3: it is no stream "
            "socket that listens. Pass it by ListenStream=.\n");
}

TEST(Systemd, a_socket_that_nobody_uses_is_named) {
  const Folder at;
  const Socket socket;
  Process server(words_for(at, {"--listen", "127.0.0.1:0"}), {.passed = {socket.handle()}});
  EXPECT_NE(server.await_port(), socket.port());
  EXPECT_EQ(server.errors(),
            "vigil serve: nobody accepts from the socket that was passed as descriptor 3. Name its "
            "address (--listen " +
                socket.place() + "), or do not pass it.\n");
}

// One that a reload leaves out keeps its connections, and a later one comes back to it.
TEST(Systemd, a_reload_comes_back_to_the_socket) {
  const Folder at;
  at.write("a", "content");
  const Socket socket;
  const std::string base = "log = \"off\"\ndirectory = \"" + at.path() + "\"\nlisten = [";
  const auto write = [&](const std::string& listen) {
    at.replace("vigil.toml", base + listen + "]\n");
  };
  const std::string other = "\"unix:" + at.path("other.sock") + "\"";
  write("\"" + socket.place() + "\"," + other);
  Process server({"serve", "--config", at.path("vigil.toml")}, {.passed = {socket.handle()}});
  EXPECT_EQ(server.await_port(), socket.port());
  const auto reload = [&](std::string_view until) {
    const std::size_t before = server.errors().size();
    server.signal(SIGHUP);
    EXPECT_TRUE(eventually([&] {
      return server.errors().substr(before).find(until) != std::string::npos;
    })) << server.errors();
  };
  reload("2 listeners.\n");
  EXPECT_EQ(Client(socket.port()).get("/a").body, "content");
  write(other);
  reload("1 listener.\n");
  Client early(socket.port());
  ASSERT_TRUE(early.send(kRequest));
  write("\"" + socket.place() + "\"," + other);
  reload("2 listeners.\n");
  EXPECT_EQ(early.receive().body, "content");
}

TEST(Systemd, tells_when_it_is_ready_reloads_and_ends) {
  const Folder at;
  at.write("vigil.toml", "log = \"off\"\nlisten = \"127.0.0.1:0\"\nshards = 2\ndirectory = \"" +
                             at.path() + "\"\n");
  for (const std::string& name : {at.path("notify"), "@vigil-test-" + std::to_string(::getpid())}) {
    const Manager manager(name);
    Process server({"serve", "--config", at.path("vigil.toml")},
                   {.environment = {manager.variable()}});
    const std::string place = "127.0.0.1:" + std::to_string(server.await_port());
    const std::string ready = "READY=1\nSTATUS=Serving at " + place +
                              ", 2 shards.\nMAINPID=" + std::to_string(server.pid());
    EXPECT_EQ(manager.next(), ready);
    timespec before{};
    ::clock_gettime(CLOCK_MONOTONIC, &before);
    server.signal(SIGHUP);
    const std::string reloading = manager.next();
    constexpr std::string_view kStamped = "RELOADING=1\nMONOTONIC_USEC=";
    ASSERT_TRUE(begins(reloading, kStamped)) << reloading;
    EXPECT_GE(std::stoll(reloading.substr(kStamped.size())),
              before.tv_sec * 1'000'000 + before.tv_nsec / 1000);
    EXPECT_EQ(manager.next(), ready);
    server.signal(SIGTERM);
    EXPECT_TRUE(begins(manager.next(), "STOPPING=1\n"));
    EXPECT_EQ(server.wait().err.find("cannot tell"), std::string::npos);
    EXPECT_EQ(manager.next(0ms), "");
  }
}

TEST(Systemd, who_does_not_listen_does_no_harm) {
  const Folder at;
  at.write("a", "content");
  const std::string nobody = at.path("nobody");
  Serve server(at, {"--log", "off"}, {.environment = {"NOTIFY_SOCKET=" + nobody}});
  EXPECT_EQ(Client(server.port).get("/a").body, "content");
  server.signal(SIGTERM);
  const Ended ended = server.wait();
  EXPECT_EQ(ended.status, 0);
  EXPECT_EQ(ended.err, "vigil serve: cannot tell the service manager at " + nobody +
                           " how it is: no such file or directory.\n");
}

TEST(Systemd, a_manager_outside_of_this_machine_is_said_once_and_does_no_harm) {
  const Folder at;
  at.write("a", "content");
  Serve server(at, {"--log", "off"}, {.environment = {"NOTIFY_SOCKET=vsock:2:1234"}});
  EXPECT_EQ(Client(server.port).get("/a").body, "content");
  server.signal(SIGTERM);
  const Ended ended = server.wait();
  EXPECT_EQ(ended.status, 0);
  EXPECT_EQ(ended.err,
            "vigil serve: cannot tell the service manager at vsock:2:1234 how it is: address "
            "family not supported by protocol.\n");
}

// The thread of that name, stopped alone: as one that is stuck.
class Stopped {
 public:
  Stopped(int process, const std::string& name) {
    const std::string tasks = "/proc/" + std::to_string(process) + "/task";
    for (const auto& entry : std::filesystem::directory_iterator(tasks)) {
      std::string is;
      std::getline(std::ifstream(entry.path() / "comm") >> std::ws, is);
      if (is == name) {
        thread_ = std::stoi(entry.path().filename());
      }
    }
    if (thread_ == 0 || ::ptrace(PTRACE_SEIZE, thread_, nullptr, nullptr) != 0) {
      return;
    }
    int status = 0;
    stands_ = ::ptrace(PTRACE_INTERRUPT, thread_, nullptr, nullptr) == 0 &&
              ::waitpid(thread_, &status, __WALL) == thread_;
  }
  ~Stopped() {
    if (thread_ != 0) {
      ::ptrace(PTRACE_DETACH, thread_, nullptr, nullptr);
    }
  }
  Stopped(const Stopped&) = delete;
  Stopped& operator=(const Stopped&) = delete;
  bool stands() const { return stands_; }

 private:
  int thread_ = 0;
  bool stands_ = false;
};

TEST(Systemd, no_sign_of_life_while_a_shard_does_not_turn) {
  const Folder at;
  const Manager manager(at.path("notify"));
  const Serve server(at, {"--log", "off", "--shards", "2"},
                     {.environment = {manager.variable(), "WATCHDOG_USEC=100000"}});
  EXPECT_TRUE(begins(manager.next(), "READY=1\n"));
  EXPECT_EQ(manager.next(), "WATCHDOG=1");
  EXPECT_EQ(manager.next(), "WATCHDOG=1");
  {
    const Stopped stopped(server.pid(), "vigil/1");
    if (!stopped.stands()) {
      GTEST_SKIP() << "not allowed to stop a thread here (ptrace)";
    }
    // What it had answered before may still be on its way.
    for (int i = 0; i != 10 && !manager.next(500ms).empty(); ++i) {
    }
    EXPECT_EQ(manager.next(1s), "");
  }
  EXPECT_EQ(manager.next(), "WATCHDOG=1");
}

TEST(Systemd, no_sign_of_life_for_another_process) {
  const Folder at;
  const Manager manager(at.path("notify"));
  Serve server(at, {"--log", "off"},
               {.environment = {manager.variable(), "WATCHDOG_USEC=2000", "WATCHDOG_PID=1"}});
  EXPECT_TRUE(begins(manager.next(), "READY=1\n"));
  EXPECT_EQ(manager.next(200ms), "");
  server.signal(SIGTERM);
  EXPECT_TRUE(begins(manager.next(), "STOPPING=1\n"));
  EXPECT_EQ(server.wait().status, 0);
}

// The parent is the service, and it is ready when all of them are.
TEST(Systemd, hears_of_several_processes_by_their_parent) {
  const Folder at;
  at.write("a", "content");
  const Manager manager(at.path("notify"));
  const Socket socket;
  Process server(
      words_for(at, {"--listen", socket.place(), "--processes", "2", "--shards", "1"}),
      {.environment = {manager.variable(), "WATCHDOG_USEC=200000"}, .passed = {socket.handle()}});
  const std::string ready = manager.next();
  EXPECT_TRUE(begins(ready, "READY=1\nSTATUS=Serving at " + socket.place() + ", 2 shards.\n"))
      << ready;
  EXPECT_TRUE(ready.ends_with("MAINPID=" + std::to_string(server.pid()))) << ready;
  EXPECT_EQ(manager.next(), "WATCHDOG=1");
  EXPECT_EQ(server.await_port(), socket.port());
  EXPECT_EQ(Client(socket.port()).get("/a").body, "content");
  server.signal(SIGTERM);
  std::string word = manager.next();
  while (word == "WATCHDOG=1") {
    word = manager.next();
  }
  EXPECT_TRUE(begins(word, "STOPPING=1\n")) << word;
  EXPECT_EQ(server.wait().status, 0);
  const Client waits(socket.port());  // for the next to accept
}

}  // namespace
}  // namespace vigil::e2e
