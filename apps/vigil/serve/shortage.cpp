// The sentence about a shortage, and where shard 0's server is asked in the others' place.
#include "serve/shortage.hpp"

#include <new>

#include "serve/conductor.hpp"
#include "serve/worker.hpp"
#include "vigil/runtime/explain.hpp"

namespace vigil::app {
namespace {

constexpr Nanos kBetween = std::chrono::minutes(1);

Conductor& of(void* context) noexcept { return *static_cast<Conductor*>(context); }

}  // namespace

bool ShortageTeller::due(Instant now) noexcept {
  const Nanos::rep at = now.time_since_epoch().count();
  Nanos::rep next = next_.load(std::memory_order_relaxed);
  return at >= next &&
         next_.compare_exchange_strong(next, at + kBetween.count(), std::memory_order_relaxed);
}

std::string cannot_accept(std::error_code why) {
  std::string sentence = "vigil serve: connections wait to be accepted: " + reason(why) + ".";
  if (why == std::errc::too_many_files_open) {
    sentence +=
        " Those that wait are answered 503 while it lasts. Raise the limit of descriptors (ulimit "
        "-n, LimitNOFILE=), or ask for fewer --connections.";
  } else if (why == std::errc::too_many_files_open_in_system) {
    sentence +=
        " Those that wait are answered 503 while it lasts. Raise the system's limit (sysctl "
        "fs.file-max), or end what opens so many.";
  }
  return sentence;
}

void ShortageTeller::tell(std::error_code why) noexcept try {
  if (due(Loop::current()->now())) {
    complain(cannot_accept(why));
  }
} catch (const std::bad_alloc&) {
  // there is no memory to say it: the counters tell
}

void tell_exhausted(void* service, std::error_code why) noexcept {
  static_cast<Service*>(service)->shortage->tell(why);
}

// The worker may end before the handing out does.
Shortage shortage_at_first(Conductor& conductor) noexcept {
  return {
      .patience = kPatience,
      .farewell = [](void* context, const Address& peer,
                     std::span<char> room) noexcept -> std::size_t {
        Worker* const worker = of(context).seat(0);
        return worker != nullptr ? worker->server().refuse(peer, room) : 0;
      },
      .told = [](void* context, std::error_code why) noexcept { of(context).shortage().tell(why); },
      .context = &conductor};
}

}  // namespace vigil::app
