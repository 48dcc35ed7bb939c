// Echo on Asio with callbacks: one thread and a hint that says so (no locks), a buffer in each
// session, async_read_some followed by async_write.
#include <array>
#include <asio.hpp>
#include <cstdint>
#include <memory>

#include "rival.h"

using asio::ip::tcp;

class Session : public std::enable_shared_from_this<Session> {
 public:
  explicit Session(tcp::socket peer) : peer_(std::move(peer)) {}

  void read() {
    peer_.async_read_some(asio::buffer(buffer_),
                          [self = shared_from_this()](std::error_code error, std::size_t got) {
                            if (!error) {
                              self->write(got);
                            }
                          });
  }

 private:
  void write(std::size_t size) {
    asio::async_write(peer_, asio::buffer(buffer_.data(), size),
                      [self = shared_from_this()](std::error_code error, std::size_t) {
                        if (!error) {
                          self->read();
                        }
                      });
  }

  tcp::socket peer_;
  std::array<char, 4096> buffer_;
};

static void accept_next(tcp::acceptor& listener) {
  listener.async_accept([&listener](std::error_code error, tcp::socket peer) {
    if (!error) {
      std::error_code ignored;
      peer.set_option(tcp::no_delay(true), ignored);
      std::make_shared<Session>(std::move(peer))->read();
    }
    accept_next(listener);
  });
}

int main(int argc, char** argv) {
  std::uint16_t port = rival_port(argc, argv);
  asio::io_context context(ASIO_CONCURRENCY_HINT_UNSAFE);  // no other thread: no locks
  asio::signal_set term(context, SIGTERM);
  term.async_wait([&](std::error_code, int) { context.stop(); });
  tcp::acceptor listener(context, tcp::endpoint(asio::ip::address_v4::loopback(), port));
  accept_next(listener);
  rival_announce(listener.native_handle());
  context.run();
}
