// An echo server whose connections hibernate: between two messages each is 64 bytes.
#include "support/command_line.hpp"
#include "vigil/vigil.hpp"

vigil::Task<vigil::After> echo(vigil::TcpStream& peer) {
  auto bytes = co_await peer.receive();
  if (!bytes || bytes->empty()) {
    co_return vigil::After::close;
  }
  if (!co_await peer.send(bytes->bytes())) {
    co_return vigil::After::close;
  }
  co_return vigil::After::hibernate;
}

int main(int argc, char** argv) {
  example::ShardOptions shards;
  auto line =
      example::parse(argc, argv, "echo_turns",
                     "Sends back what it is sent, and hibernates in between.", shards.options());
  shards.apply(line);
  example::raise_descriptor_limit();
  return vigil::serve_turns(line.address, line.program, echo);
}
