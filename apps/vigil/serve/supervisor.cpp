// Words for a service manager: datagrams of lines, NAME=value each.
#include "serve/supervisor.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "vigil/coro/sleep.hpp"
#include "vigil/loop/loop.hpp"
#include "vigil/net/udp.hpp"
#include "vigil/runtime/explain.hpp"

namespace vigil::app {
namespace {

constexpr std::string_view kAlive = "WATCHDOG=1";

}  // namespace

void Supervisor::say(std::string words) {
  if (listens()) {
    words_.push_back(std::move(words));
    said_.set();
  }
}

void Supervisor::ready(std::string_view places, unsigned shards) noexcept try {
  std::string status = "Serving at " + std::string(places) + ", " + std::to_string(shards) +
                       (shards == 1 ? " shard." : " shards.");
  std::ranges::replace(status, '\n', ' ');  // a path may have one, and a line is a word
  say("READY=1\nSTATUS=" + status + "\nMAINPID=" + std::to_string(handed_.process));
} catch (const std::bad_alloc&) {
}

// By the time in it systemd tells this reload from the one before.
void Supervisor::reloading() noexcept try {
  const Nanos now = Loop::current()->syscalls().now().time_since_epoch();
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
  say("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(micros) + "\nSTATUS=Reloading.");
} catch (const std::bad_alloc&) {
}

// Not that this one is stopping: the service goes on.
void Supervisor::follow(std::int32_t process) noexcept try {
  followed_ = true;
  say("MAINPID=" + std::to_string(process));
} catch (const std::bad_alloc&) {
}

void Supervisor::stopping() noexcept try {
  if (followed_) {
    return;
  }
  say("STOPPING=1\nSTATUS=Ending: nobody new is let in.");
} catch (const std::bad_alloc&) {
}

Task<> Supervisor::speak(Supervisor* self) {
  while (co_await self->said_.wait()) {
    self->said_.reset();
    while (!self->words_.empty()) {
      const std::string next = std::move(self->words_.front());
      self->words_.erase(self->words_.begin());
      try {
        auto sending = self->send(next);
        const Result<> sent = co_await std::move(sending);
        if (!sent && sent.error() == std::errc::operation_canceled) {
          co_return;
        }
        if (!sent) {
          self->complain_once(sent.error());
        }
      } catch (const std::bad_alloc&) {
      }
    }
  }
}

void Supervisor::complain_once(std::error_code why) {
  if (!std::exchange(complained_, true)) {
    Loop::current()->host().log("vigil serve: cannot tell the service manager at " +
                                handed_.notify + " how it is: " + reason(why) + ".");
  }
}

// A socket each time: words are few, and who listens may have begun anew since the last.
Task<Result<>> Supervisor::send(std::string_view words) const {
  if (handed_.notify.front() != '/' && handed_.notify.front() != '@') {
    co_return error(std::errc::address_family_not_supported);  // vsock: of a virtual machine's host
  }
  const auto address = Address::parse("unix:" + handed_.notify);
  if (!address) {
    co_return std::unexpected(address.error());
  }
  auto connecting = UdpSocket::connect(*address);
  auto socket = co_await std::move(connecting);
  if (!socket) {
    co_return std::unexpected(socket.error());
  }
  co_return co_await socket->send(as_bytes(words));
}

namespace {

// Who runs this turns.
Task<> turn() { co_return; }

}  // namespace

Task<> Supervisor::watch(Supervisor* self, Shards* shards) {
  if (!self->listens() || self->handed_.watchdog <= Nanos::zero()) {
    co_return;
  }
  const Nanos pause = self->handed_.watchdog / 2;
  while (co_await sleep_for(pause)) {
    try {
      Result<> all;
      if (shards != nullptr) {
        auto asking = shards->broadcast(&turn);
        all = co_await std::move(asking);
      }
      // One that was not sent yet is enough.
      if (all && std::ranges::find(self->words_, kAlive) == self->words_.end()) {
        self->say(std::string(kAlive));
      }
    } catch (const std::bad_alloc&) {
    }
  }
}

}  // namespace vigil::app
