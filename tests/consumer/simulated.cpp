// A stranger's own test under seeds, against the installed simulation.
#include <vigil/sim/explore.hpp>
#include <vigil/vigil.hpp>

#include <chrono>
#include <cstdio>
#include <string>
#include <utility>

namespace {

vigil::Task<int> serve_one(std::string address) {
  auto listener = vigil::TcpListener::listen(*vigil::Address::parse(address));
  if (!listener) {
    co_return 1;
  }
  auto peer = co_await listener->accept();
  if (!peer) {
    co_return 2;
  }
  auto bytes = co_await peer->receive();
  if (bytes && !bytes->empty()) {
    static_cast<void>(co_await peer->send(bytes->bytes()));
  }
  co_return 0;
}

vigil::Task<int> ask(std::string address) {
  auto stream = co_await vigil::TcpStream::connect(*vigil::Address::parse(address));
  if (!stream) {
    co_return 1;
  }
  static_cast<void>(co_await stream->send(vigil::as_bytes("hello")));
  auto bytes = co_await stream->receive();
  co_return bytes&& vigil::as_text(bytes->bytes()) == "hello" ? 0 : 2;
}

void converse(vigil::sim::World& world) {
  const auto server = world.host("server");
  server.start("server", serve_one, server.address(7000));
  const auto client = world.host("client").start("client", ask, server.address(7000));
  world.run_until([&] { return !client.running(); }, std::chrono::hours(1));
  if (client.status() != 0) {
    world.fail("there was no answer");
  }
}

}  // namespace

int main() {
  const vigil::sim::Explored explored = vigil::sim::explore(converse, {.seeds = 20});
  std::printf("%llu seeds, %zu failed\n", static_cast<unsigned long long>(explored.seeds),
              explored.failed.size());
  return explored.seeds == 20 && explored.failed.empty() ? 0 : 1;
}
