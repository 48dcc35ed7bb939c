// From a request to its answer: what the HTTP server runs for each.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "serve/access.hpp"
#include "serve/hosts.hpp"
#include "serve/shortage.hpp"
#include "site/request_id.hpp"
#include "vigil/http/server.hpp"

namespace vigil::app {

// What all requests of a loop share.
struct Service {
  using Words = std::array<std::uint64_t, 2>;  // from entropy
  Service(std::size_t log_buffer, const Words& requests, const Words& parts)
      : log(log_buffer), ids(requests[0], requests[1]), boundaries(parts[0], parts[1]) {}

  std::shared_ptr<const Hosts> hosts;
  AccessLog log;
  ShortageTeller* shortage = nullptr;  // of all shards
  site::RequestIds ids;
  site::RequestIds boundaries;  // between the parts of an answer: not to be guessed from the ids
  // Used between two waits of one task, so that reading a request allocates nothing.
  site::Ask ask;
  std::string joined;
};

// The handler of an http::Server.
Task<> answer(http::Exchange& exchange, Service& service);

// For ServerOptions::log and own_lines; the hook's context is the Service, the exchange's the
// number of the request.
void log_exchange(void* service, const http::ExchangeEnd& end) noexcept;
http::FieldLines own_lines(void* service, void*& context, std::span<char> room) noexcept;

// For ServerOptions::beside and give_back: bodies that are cached, and lines of the log that wait.
std::uint64_t kept_bytes(void* service) noexcept;
void give_back(void* service) noexcept;

}  // namespace vigil::app
