// Echo on Asio with C++20 awaitables, as in its own examples: one coroutine a connection that owns
// its buffer, errors as values so that an end is no exception.
#define ASIO_HAS_CO_AWAIT 1  // Asio 1.22 looks for Clang's older name of the feature
#define ASIO_HAS_STD_COROUTINE 1

#include <array>
#include <asio.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <cstdint>

#include "rival.h"

using asio::ip::tcp;
constexpr auto use_tuple = asio::experimental::as_tuple(asio::use_awaitable);

static asio::awaitable<void> echo(tcp::socket peer) {
  std::array<char, 4096> buffer;
  for (;;) {
    auto read = co_await peer.async_read_some(asio::buffer(buffer), use_tuple);
    if (std::get<0>(read)) {
      co_return;
    }
    auto written =
        co_await asio::async_write(peer, asio::buffer(buffer.data(), std::get<1>(read)), use_tuple);
    if (std::get<0>(written)) {
      co_return;
    }
  }
}

static asio::awaitable<void> serve(tcp::acceptor& listener) {
  for (;;) {
    tcp::socket peer = co_await listener.async_accept(asio::use_awaitable);
    std::error_code ignored;
    peer.set_option(tcp::no_delay(true), ignored);
    asio::co_spawn(listener.get_executor(), echo(std::move(peer)), asio::detached);
  }
}

int main(int argc, char** argv) {
  std::uint16_t port = rival_port(argc, argv);
  asio::io_context context(ASIO_CONCURRENCY_HINT_UNSAFE);  // no other thread: no locks
  asio::signal_set term(context, SIGTERM);
  term.async_wait([&](std::error_code, int) { context.stop(); });
  tcp::acceptor listener(context, tcp::endpoint(asio::ip::address_v4::loopback(), port));
  asio::co_spawn(context, serve(listener), asio::detached);
  rival_announce(listener.native_handle());
  context.run();
}
