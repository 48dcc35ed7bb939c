// What a client keeps for a connection.
#pragma once

#include <cstdint>
#include <vector>

#include "vigil/http/body.hpp"
#include "vigil/http/client.hpp"
#include "vigil/http/parser.hpp"

namespace vigil::http {

enum class Stage : std::uint8_t { idle, sending, sent, body, over, broken };

struct Connection::State {
  State(TcpStream to, ClientLimits how) noexcept : stream(std::move(to)), limits(how) {}

  TcpStream stream;
  Address peer;
  ClientLimits limits;
  Stage stage = Stage::idle;
  bool chunked = false;  // the request's body
  bool close = false;    // the connection ends with this response
  Method asked = Method::get;
  unsigned interim = 0;
  Fault fault = Fault::none;
  std::uint64_t left = 0;   // of the request's announced length
  std::uint64_t taken = 0;  // of the response's body
  ResponseParser parser;
  ResponseStorage response;
  TrailerStorage trailers;
  BodyReader body;
  std::vector<char> out;         // the request's head
  std::vector<std::byte> bytes;  // the response's head, and what came with it
  Lease lease;                   // the latest bytes behind that
  ByteView pending;              // not consumed; in `bytes` or `lease`
};

}  // namespace vigil::http
