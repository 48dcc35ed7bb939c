// An HTTP server that says hello, whatever it is asked.
#include "support/command_line.hpp"
#include "vigil/vigil.hpp"

namespace {

vigil::Task<> hello(vigil::http::Exchange& exchange) {
  // Whether the client heard it does not matter here: the server counts and logs, if it is asked
  // to.
  static_cast<void>(co_await exchange.respond({.content_type = "text/plain"}, "Hello, world!\n"));
}

// The server lives in this task, and drains with the program.
vigil::Task<vigil::Result<>> serve(vigil::TcpListener& listener, vigil::Drain& drain) {
  vigil::http::Server server(vigil::http::Handler(hello), {.drain = &drain});
  auto serving = server.serve(listener);
  co_return co_await std::move(serving);
}

}  // namespace

int main(int argc, char** argv) {
  const auto line =
      example::parse(argc, argv, "http_hello", "Answers every request with a greeting.");
  example::raise_descriptor_limit();
  return vigil::run_server(line.address, line.program, serve);
}
