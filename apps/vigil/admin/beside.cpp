// Opening what the admin loop listens on, and what runs on it.
#include "admin/beside.hpp"

#include "admin/answer.hpp"
#include "admin/questions.hpp"
#include "admin/socket.hpp"
#include "cli/help.hpp"
#include "vigil/coro/scoped.hpp"
#include "vigil/fs/names.hpp"
#include "vigil/http/server.hpp"
#include "vigil/runtime/explain.hpp"

namespace vigil::app {
namespace {

// `drain`: ends it where another process has the socket.
Task<> serve_on(http::Server* server, NativeHandle handle, Drain* drain) {
  auto listener = TcpListener::adopt(handle);
  if (!listener) {
    Loop::current()->syscalls().close(handle);
    Loop::current()->host().log(
        "vigil serve: cannot show what happens: " + reason(listener.error()) + ".");
    co_return;
  }
  auto serving = server->serve(*listener, *drain);
  const Result<> ended = co_await std::move(serving);
  if (!ended && ended.error() != std::errc::operation_canceled) {
    Loop::current()->host().log(
        "vigil serve: stopped showing what happens: " + reason(ended.error()) + ".");
  }
}

Result<TcpListener> listen_or_take(const Address& address, PassedSockets& passed) {
  const NativeHandle given = passed.release_status();
  if (given == kNoHandle) {
    return TcpListener::listen(address);
  }
  auto listener = TcpListener::adopt(given);
  if (!listener) {
    Loop::current()->syscalls().close(given);
  }
  return listener;
}

}  // namespace

// Who looks is a few, and may be slow.
http::Limits admin_limits() noexcept {
  http::Limits limits;
  limits.body_bytes = 0;
  limits.connections = kAdminConnections;
  limits.idle_time = std::chrono::seconds(75);
  return limits;
}

Task<> serve_places(Scope& scope, const AdminPlaces* places, AdminServers servers) {
  if (places->socket != kNoHandle) {
    Drain* drain = places->named ? servers.until_succeeded : servers.until_the_end;
    static_cast<void>(scope.spawn(&serve_on, servers.to_owner, places->socket, drain));
  }
  if (places->status != kNoHandle) {
    static_cast<void>(
        scope.spawn(&serve_on, servers.to_all, places->status, servers.until_succeeded));
  }
  co_return;
}

// Who may not take it away leaves it behind.
Task<> leave_path(std::string path) {
  auto taking = shielded(std::chrono::seconds(1), fs::unlink(std::move(path)));
  static_cast<void>(co_await std::move(taking));
}

Task<std::expected<AdminPlaces, std::string>> open_admin(const cli::Settings* settings,
                                                         PassedSockets* passed, bool succeeds) {
  AdminPlaces places;
  if (settings->admin != "off") {
    auto opening = open_admin_socket(settings->admin, succeeds);
    auto socket = co_await std::move(opening);
    if (!socket) {
      co_return std::unexpected("vigil serve: cannot make the admin socket " + settings->admin +
                                ": " + reason(socket.error()) +
                                ". Choose another path, or --admin off.");
    }
    if (!socket->path.empty()) {
      places.named = settings->admin != "auto";
      places.path = places.named ? settings->admin : socket->path;
      places.before_its_time = places.named && succeeds;
      places.socket = socket->listener.release();
    }
  }
  if (settings->status) {
    const auto address = Address::parse(cli::endpoint_text(*settings->status));
    auto listener = address ? listen_or_take(*address, *passed)
                            : Result<TcpListener>(std::unexpected(address.error()));
    if (!listener) {
      if (places.socket != kNoHandle) {
        Loop::current()->syscalls().close(places.socket);
      }
      co_return std::unexpected(
          "vigil serve: cannot show the status at " + cli::endpoint_text(*settings->status) + ": " +
          reason(listener.error()) + ". Choose another address (--status 127.0.0.1:8081).");
    }
    const auto bound = listener->local_address();
    places.status_at =
        bound && !bound->is_local() ? bound->text() : cli::endpoint_text(*settings->status);
    places.status_is_loopback = address->is_loopback();
    // Without it the next process has to find another port.
    places.status_copy = listener->duplicate().value_or(kNoHandle);
    places.status = listener->release();
  }
  co_return std::move(places);
}

namespace detail {

void give_up(const AdminPlaces& places, const std::error_code& why) {
  for (const NativeHandle handle : {places.socket, places.status, places.questions}) {
    if (handle != kNoHandle) {
      Loop::current()->syscalls().close(handle);
    }
  }
  Loop::current()->host().log("vigil serve: cannot show what happens: " + reason(why) + ".");
}

namespace {

Task<> show_all(Scope& scope, const AdminPlaces* places, AdminServers servers, AdminService* own) {
  if (places->questions != kNoHandle) {
    static_cast<void>(scope.spawn(&answer_questions, places->questions, own));
  }
  auto serving = serve_places(scope, places, servers);
  co_await std::move(serving);
}

}  // namespace

Task<> show(AdminPlaces places, Panel* panel, std::uint64_t descriptors) {
  AdminService own{panel, descriptors, Loop::current()->now(), false, true};
  AdminService open{panel, descriptors, Loop::current()->now(), places.status_is_loopback};
  http::Server to_owner(http::Handler(&answer_admin, own), {.limits = admin_limits()});
  http::Server to_all(http::Handler(&answer_admin, open), {.limits = admin_limits()});
  Drain until_succeeded(kForever);
  Drain until_the_end(kForever);
  panel->hear_of_successor(
      {.loop = Loop::current(),
       .heard = [](void* context) noexcept { static_cast<Drain*>(context)->begin_elsewhere(); },
       .context = &until_succeeded});
  const AdminServers servers{&to_owner, &to_all, &until_succeeded, &until_the_end};
  auto serving = scoped(&show_all, &places, servers, &own);
  co_await std::move(serving);
  panel->hear_of_successor({});
  const bool inherited = places.named && panel->succession().process != 0;
  if (!places.path.empty() && !inherited) {
    const bool never_there = places.before_its_time && !panel->serves();
    const std::string at = never_there ? before_its_time(places.path) : places.path;
    auto leaving = leave_path(at);
    co_await std::move(leaving);
  }
}

}  // namespace detail
}  // namespace vigil::app
