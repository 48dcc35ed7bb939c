// The first program of the guide: a whole server.
#include "vigil/vigil.hpp"

vigil::Task<> echo(vigil::TcpStream peer) {
  while (auto bytes = co_await peer.receive()) {
    if (bytes->empty()) break;
    if (!co_await peer.send(bytes->bytes())) break;
  }
}

int main() { return vigil::serve("127.0.0.1:7000", echo); }
