// The admin loop: a thread beside the shards, which shows the panel to whoever may see it. It turns
// when they are stuck.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <utility>

#include "admin/panel.hpp"
#include "cli/settings.hpp"
#include "serve/handed.hpp"
#include "vigil/base/handle.hpp"
#include "vigil/http/server.hpp"
#include "vigil/runtime/shards.hpp"

namespace vigil::app {

// At each of its two places.
inline constexpr std::size_t kAdminConnections = 8;
// What it needs: those, its loop and its lane.
inline constexpr std::uint64_t kAdminDescriptors = 2 * kAdminConnections + 8;

// What it listens on, opened before rights are given up: sockets of no loop yet.
struct AdminPlaces {
  NativeHandle socket = kNoHandle;
  std::string path = {};  // of the socket
  bool named = false;     // by the configuration: a process that takes this one's place has it, too
  bool before_its_time = false;  // it is not at that path until this process serves
  NativeHandle status = kNoHandle;
  std::string status_at = {};            // "127.0.0.1:8081"
  NativeHandle status_copy = kNoHandle;  // for a process that takes this one's place; the opener's
  bool status_is_loopback = false;
  NativeHandle questions = kNoHandle;  // of the parent, where there is one
  bool any() const noexcept {
    return socket != kNoHandle || status != kNoHandle || questions != kNoHandle;
  }
};

// What settings.admin and settings.status name; the latter by the socket that was given for it, if
// there is one. `succeeds`: another process still has the path, which is this one's from now on.
// The failure is the whole sentence.
Task<std::expected<AdminPlaces, std::string>> open_admin(const cli::Settings* settings,
                                                         PassedSockets* passed, bool succeeds);

// Serves at the places until it is cancelled, each by a server of its own; at those that another
// process may take over, until its drain begins.
struct AdminServers {
  http::Server* to_owner = nullptr;
  http::Server* to_all = nullptr;
  Drain* until_succeeded = nullptr;
  Drain* until_the_end = nullptr;
};
Task<> serve_places(Scope& scope, const AdminPlaces* places, AdminServers servers);
http::Limits admin_limits() noexcept;
// Takes the socket's path away.
Task<> leave_path(std::string path);

namespace detail {

// On the admin loop, until it is cancelled: serves, and takes the socket's path away.
Task<> show(AdminPlaces places, Panel* panel, std::uint64_t descriptors);

// Closes them, and says why nobody serves there.
void give_up(const AdminPlaces& places, const std::error_code& why);

template <class F, class... A>
Task<> with_admin_loop(Shards& shards, AdminPlaces places, Panel* panel, std::uint64_t descriptors,
                       F body, A... args) {
  auto whole = scoped(
      [](Scope& scope, Shards* all, AdminPlaces at, Panel* what, std::uint64_t limit, F each,
         A... with) -> Task<> {
        const Result<> spawned = scope.spawn(
            [](Shards* set, AdminPlaces opened, Panel* shown, std::uint64_t most) -> Task<> {
              auto showing = set->run_on(1, &show, std::move(opened), shown, most);
              static_cast<void>(co_await std::move(showing));
            },
            all, std::move(at), what, limit);
        static_cast<void>(spawned);  // without memory for it nothing is shown, and all else goes on
        auto running = each(std::move(with)...);
        co_await std::move(running);
        scope.cancel();
      },
      &shards, std::move(places), panel, descriptors, body, std::move(args)...);
  co_await std::move(whole);
}

}  // namespace detail

// Runs `body(args...)`, a Task<>, with the admin loop beside it if there is a place for it. One
// that cannot be made is told on the host's log, and all else goes on. `panel` outlives it.
template <TaskBody F, class... A>
Task<> beside_admin(AdminPlaces places, Panel* panel, std::uint64_t descriptors, F body,
                    A... args) {
  Result<> begun = error(std::errc::not_connected);
  if (places.any()) {
    ShardsOptions options;
    options.count = 2;
    options.name = "vigil-admin";
    options.settle = false;
    auto both = with_shards(
        std::move(options),
        [](Shards& shards, AdminPlaces at, Panel* what, std::uint64_t limit, F each,
           A... with) -> Task<> {
          return detail::with_admin_loop(shards, std::move(at), what, limit, each,
                                         std::move(with)...);
        },
        places, panel, descriptors, body, args...);
    begun = co_await std::move(both);
    if (!begun) {
      detail::give_up(places, begun.error());
    }
  }
  if (!begun) {
    auto alone = body(std::move(args)...);
    co_await std::move(alone);
  }
}

}  // namespace vigil::app
