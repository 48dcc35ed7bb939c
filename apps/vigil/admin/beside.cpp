// Opening what the admin loop listens on, and what runs on it.
#include "admin/beside.hpp"

#include "admin/answer.hpp"
#include "admin/socket.hpp"
#include "cli/help.hpp"
#include "vigil/coro/scoped.hpp"
#include "vigil/fs/names.hpp"
#include "vigil/http/server.hpp"
#include "vigil/runtime/explain.hpp"

namespace vigil::app {
namespace {

// Who looks is a few, and may be slow.
http::Limits limits() noexcept {
  http::Limits limits;
  limits.body_bytes = 0;
  limits.connections = kAdminConnections;
  limits.idle_time = std::chrono::seconds(75);
  return limits;
}

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

Task<> serve_both(Scope& scope, http::Server* to_owner, http::Server* to_all,
                  const AdminPlaces* places, Drain* until_succeeded, Drain* until_the_end) {
  if (places->socket != kNoHandle) {
    Drain* drain = places->named ? until_succeeded : until_the_end;
    static_cast<void>(scope.spawn(&serve_on, to_owner, places->socket, drain));
  }
  if (places->status != kNoHandle) {
    static_cast<void>(scope.spawn(&serve_on, to_all, places->status, until_succeeded));
  }
  co_return;
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
  for (const NativeHandle handle : {places.socket, places.status}) {
    if (handle != kNoHandle) {
      Loop::current()->syscalls().close(handle);
    }
  }
  Loop::current()->host().log("vigil serve: cannot show what happens: " + reason(why) + ".");
}

Task<> show(AdminPlaces places, Panel* panel, std::uint64_t descriptors) {
  AdminService own{panel, descriptors, Loop::current()->now(), false, true};
  AdminService open{panel, descriptors, Loop::current()->now(), places.status_is_loopback};
  http::Server to_owner(http::Handler(&answer_admin, own), {.limits = limits()});
  http::Server to_all(http::Handler(&answer_admin, open), {.limits = limits()});
  Drain until_succeeded(kForever);
  Drain until_the_end(kForever);
  panel->hear_of_successor(
      {.loop = Loop::current(),
       .heard = [](void* context) noexcept { static_cast<Drain*>(context)->begin_elsewhere(); },
       .context = &until_succeeded});
  auto serving = scoped(&serve_both, &to_owner, &to_all, &places, &until_succeeded, &until_the_end);
  co_await std::move(serving);
  panel->hear_of_successor({});
  const bool inherited = places.named && panel->succession().process != 0;
  if (!places.path.empty() && !inherited) {
    const bool never_there = places.before_its_time && !panel->serves();
    const std::string at = never_there ? before_its_time(places.path) : places.path;
    auto taking = shielded(std::chrono::seconds(1), fs::unlink(at));
    static_cast<void>(co_await std::move(taking));  // who may not take it away leaves it behind
  }
}

}  // namespace detail
}  // namespace vigil::app
