// What the admin socket and the status address answer: figures as text, JSON and a page.
#pragma once

#include <string>

#include "admin/panel.hpp"
#include "vigil/http/server.hpp"

namespace vigil::app {

// One loop's.
struct AdminService {
  const Panel* panel = nullptr;
  std::uint64_t descriptor_limit = 0;
  Instant began{};
  // A loopback address is for this machine, and a page of another site, whose name was made to
  // resolve to it (DNS rebinding), must not read it: it answers no such name.
  bool own_names_only = false;
  // Who asks is the server's owner, and may see who its clients are.
  bool to_owner = false;
};

// The handler of an http::Server.
Task<> answer_admin(http::Exchange& exchange, AdminService& service);

}  // namespace vigil::app
