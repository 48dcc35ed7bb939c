// The second program of the guide: a client that says what went wrong.
#include <cstdio>
#include <cstdlib>

#include "vigil/vigil.hpp"

vigil::Task<vigil::Result<>> greet(std::uint16_t port) {
  auto connecting = vigil::TcpStream::connect(vigil::Address::loopback(port));
  auto server = co_await std::move(connecting);
  if (!server) {
    co_return std::unexpected(server.error());
  }
  if (auto sent = co_await server->send(vigil::as_bytes("hello\n")); !sent) {
    co_return std::unexpected(sent.error());
  }
  auto answer = co_await server->receive();
  if (!answer) {
    co_return std::unexpected(answer.error());
  }
  const auto text = vigil::as_text(answer->bytes());
  std::printf("%.*s", static_cast<int>(text.size()), text.data());
  co_return vigil::Result<>{};
}

int main(int argc, char** argv) {
  const int port = argc > 1 ? std::atoi(argv[1]) : 7000;
  return vigil::run(greet, static_cast<std::uint16_t>(port));
}
