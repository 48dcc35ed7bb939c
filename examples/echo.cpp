// An echo server: what a client sends comes back.
#include "support/command_line.hpp"
#include "vigil/vigil.hpp"

vigil::Task<> echo(vigil::TcpStream peer) {
  while (auto bytes = co_await peer.receive()) {
    if (bytes->empty()) {
      break;
    }
    if (!co_await peer.send(bytes->bytes())) {
      break;
    }
  }
}

int main(int argc, char** argv) {
  example::ShardOptions shards;
  auto line = example::parse(argc, argv, "echo", "Sends back what it is sent.", shards.options());
  shards.apply(line);
  example::raise_descriptor_limit();
  return vigil::serve(line.address, line.program, echo);
}
