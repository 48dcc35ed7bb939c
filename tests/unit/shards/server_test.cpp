// A server program on several shards, in a process of its own: a shard that fails begins anew, and
// all drain together.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <stdexcept>
#include <string>

#include "tests/support/peer.hpp"
#include "vigil/runtime/serve.hpp"

namespace vigil::test {
namespace {

Task<> echo(TcpStream peer) {
  while (auto bytes = co_await peer.receive()) {
    if (bytes->empty() || !co_await peer.send(bytes->bytes())) {
      break;
    }
  }
}

std::atomic<int> failures{0};

// Fails twice on shard 1, once with each kind of failure, and serves then.
Task<Result<>> fails_at_first(ServerShard& here) {
  if (here.index == 1) {
    const int before = failures++;
    if (before == 0) {
      throw std::runtime_error("planted");
    }
    if (before == 1) {
      co_return error(std::errc::no_such_device);
    }
  }
  auto serving = serve(here.listener, {.drain = &here.drain, .end_idle = true}, &echo);
  co_return co_await std::move(serving);
}

using Body = Task<Result<>> (*)(ServerShard&);

// `run_server` with `body` in a child process, which inherits nothing of a loop.
class Server {
 public:
  Server(AcceptStrategy accept, Body body) {
    int output[2];
    int errors[2];
    EXPECT_EQ(::pipe(output) + ::pipe(errors), 0);
    child_ = ::fork();
    if (child_ == 0) {
      ::dup2(output[1], STDOUT_FILENO);
      ::dup2(errors[1], STDERR_FILENO);
      ::_exit(run_server("127.0.0.1:0",
                         {.name = "test", .announce = true, .shards = 3, .accept = accept}, body));
    }
    ::close(output[1]);
    ::close(errors[1]);
    output_ = output[0];
    errors_ = errors[0];
    const std::string line = read_until(output_, '\n');
    port_ = static_cast<std::uint16_t>(std::stoi(line.substr(line.rfind(':') + 1)));
  }
  ~Server() {
    ::close(output_);
    ::close(errors_);
  }

  std::uint16_t port() const { return port_; }
  // The exit status after SIGTERM.
  int end() {
    ::kill(child_, SIGTERM);
    int status = 0;
    ::waitpid(child_, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  std::string errors() { return read_until(errors_, '\0'); }

 private:
  static std::string read_until(int handle, char last) {
    std::string text;
    char next = 0;
    while (next != last || text.empty()) {
      if (::read(handle, &next, 1) != 1) {
        break;
      }
      text += next;
    }
    return text;
  }

  pid_t child_ = -1;
  int output_ = -1;
  int errors_ = -1;
  std::uint16_t port_ = 0;
};

TEST(ShardedServer, BeginsAFailedShardAnewAndKeepsItsConnectionsWaiting) {
  for (const AcceptStrategy accept : {AcceptStrategy::reuseport, AcceptStrategy::handoff}) {
    Server server(accept, &fails_at_first);
    std::vector<Peer> peers;
    for (int i = 0; i != 60; ++i) {
      peers.emplace_back(server.port());
      EXPECT_TRUE(peers.back().send("hello " + std::to_string(100 + i)));
    }
    for (int i = 0; i != 60; ++i) {
      EXPECT_EQ(peers[static_cast<std::size_t>(i)].read(9), "hello " + std::to_string(100 + i));
    }
    EXPECT_EQ(server.end(), 0);
    EXPECT_EQ(server.errors(),
              "test: shard 1 ended with an exception: planted: it begins anew in 50 ms.\n"
              "test: shard 1 ended with no such device: it begins anew in 100 ms.\n");
  }
}

TEST(ShardedServer, DrainsOnAllShards) {
  for (const AcceptStrategy accept :
       {AcceptStrategy::reuseport, AcceptStrategy::exclusive, AcceptStrategy::handoff}) {
    Server server(accept, [](ServerShard& here) {
      return serve(here.listener, {.drain = &here.drain, .end_idle = true}, &echo);
    });
    std::vector<Peer> peers;
    for (int i = 0; i != 30; ++i) {
      peers.emplace_back(server.port());
      EXPECT_TRUE(peers.back().echoes("before " + std::to_string(i)));
    }
    EXPECT_EQ(server.end(), 0);  // idle connections do not hold it up
    for (Peer& peer : peers) {
      bool ended = false;
      EXPECT_EQ(peer.read_to_end(&ended), "");
      EXPECT_TRUE(ended);
    }
    EXPECT_EQ(server.errors(), "");
  }
}

}  // namespace
}  // namespace vigil::test
