// Uses the installed vigil as a stranger would: by its public headers alone.
#include <vigil/base/version.hpp>
#include <vigil/coro/sleep.hpp>
#include <vigil/net/tcp.hpp>
#include <vigil/runtime/run.hpp>

#include <chrono>
#include <cstdio>
#include <utility>

namespace {

vigil::Task<> answer(vigil::TcpStream peer) {
  auto bytes = co_await peer.receive();
  if (bytes && !bytes->empty()) {
    static_cast<void>(co_await peer.send(bytes->bytes()));
  }
}

vigil::Task<> accept_one(vigil::TcpListener* listener) {
  auto peer = co_await listener->accept();
  if (peer) {
    co_await answer(std::move(*peer));
  }
}

// A conversation with itself over loopback.
vigil::Task<int> talk(vigil::Scope& scope, vigil::TcpListener* listener) {
  if (!scope.spawn(accept_one, listener)) {
    co_return 2;
  }
  auto address = listener->local_address();
  if (!address) {
    co_return 3;
  }
  auto stream = co_await vigil::TcpStream::connect(*address);
  if (!stream) {
    co_return 4;
  }
  static_cast<void>(co_await stream->send(vigil::as_bytes("hello")));
  auto bytes = co_await stream->receive();
  co_return bytes&& vigil::as_text(bytes->bytes()) == "hello" ? 0 : 5;
}

vigil::Task<int> body() {
  auto listener = vigil::TcpListener::listen(vigil::Address::loopback(0));
  if (!listener) {
    co_return 1;
  }
  auto whole = vigil::scoped(talk, &*listener);
  const int status = co_await std::move(whole);
  co_await vigil::sleep_for(std::chrono::milliseconds(1));
  co_return status;
}

}  // namespace

int main() {
  std::printf("vigil %s, built by %s\n", vigil::version_text().data(),
              vigil::compiler_text().data());
  if (vigil::version() != vigil::Version{0, 1, 0}) {
    std::fputs("the linked library is not the installed one\n", stderr);
    return 1;
  }
  return vigil::run(body);
}
