// Selector on poll(2): level-triggered; every wait hands the whole set to the kernel and looks at
// all of it. Changes are O(1): a dense array for the kernel, and the place of each handle in it.
#include <poll.h>

#include <cerrno>
#include <cstdint>
#include <limits>
#include <vector>

#include "poll/backends.hpp"
#include "poll/notifier.hpp"
#include "poll/watchable.hpp"

namespace vigil {
namespace {

static_assert(kReadable == POLLIN && kPriority == POLLPRI && kWritable == POLLOUT &&
              kError == POLLERR && kHungUp == POLLHUP && kPeerClosed == POLLRDHUP);

constexpr SelectorTraits kTraits{.name = "poll",
                                 .edge = false,
                                 .oneshot = false,
                                 .exclusive = false,
                                 .pollable = false,
                                 .handles = std::numeric_limits<std::int64_t>::max()};

constexpr std::uint32_t kAbsent = ~std::uint32_t{0};

class PollSelector final : public Selector {
 public:
  Result<> open() noexcept {
    if (auto opened = notifier_.open(); !opened) {
      return opened;
    }
    return grow([this] {
      watched_.push_back({notifier_.handle(), POLLIN, 0});
      tenants_.push_back({});
    });
  }

  const SelectorTraits& traits() const noexcept override { return kTraits; }

  Result<> apply(std::span<const Change> changes) noexcept override {
    for (const Change& change : changes) {
      const auto handle = static_cast<std::size_t>(change.handle);
      const std::uint32_t place =
          change.handle >= 0 && handle < places_.size() ? places_[handle] : kAbsent;
      Result<> done;
      if (change.action == Change::Action::add) {
        done = add(change, place);
      } else if (place == kAbsent) {
        done = error(std::errc::no_such_file_or_directory);
      } else if (change.action == Change::Action::modify) {
        set(place, change);
      } else {
        remove(place);
      }
      if (!done) {
        return done;
      }
    }
    return {};
  }

  Result<std::span<Event>> wait(std::span<Event> room, Nanos at_most) noexcept override {
    int left = ::poll(watched_.data(), watched_.size(), ceil_milliseconds(at_most));
    if (left < 0) {
      if (errno == EINTR) {
        return room.first(0);
      }
      return error(errno);
    }
    if (left > 0 && watched_[0].revents != 0) {
      notifier_.drain();
      --left;
    }
    return room.first(collect(room, left));
  }

  void notify() noexcept override { notifier_.post(); }

  NativeHandle handle() const noexcept override { return kNoHandle; }

 private:
  struct Tenant {
    Slot slot;
    FileIdentity identity;
  };

  template <class F>
  static Result<> grow(F body) noexcept {
    try {
      body();
    } catch (const std::bad_alloc&) {
      return error(std::errc::not_enough_memory);
    }
    return {};
  }

  Result<> add(const Change& change, std::uint32_t place) noexcept {
    const auto identity = identify_watchable(change.handle);
    if (!identity) {
      return std::unexpected(identity.error());
    }
    if (place != kAbsent) {
      if (tenants_[place].identity == *identity) {
        return error(std::errc::file_exists);
      }
      remove(place);  // its file was closed, and the number given out again
    }
    const auto handle = static_cast<std::size_t>(change.handle);
    return grow([&] {
      if (handle >= places_.size()) {
        places_.resize(handle + 1, kAbsent);
      }
      if (tenants_.size() == tenants_.capacity()) {
        tenants_.reserve(2 * tenants_.size() + 16);  // so that the second of the two cannot fail
      }
      watched_.push_back({});
      tenants_.push_back({change.slot, *identity});
      places_[handle] = static_cast<std::uint32_t>(watched_.size() - 1);
      set(places_[handle], change);
    });
  }

  // A negative handle is skipped by the kernel, errors and hang-up included.
  void set(std::uint32_t place, const Change& change) noexcept {
    watched_[place] = {change.interest == 0 ? ~change.handle : change.handle,
                       static_cast<short>(change.interest), 0};
    tenants_[place].slot = change.slot;
  }

  void remove(std::uint32_t place) noexcept {
    const auto handle_at = [this](std::uint32_t at) {
      const int handle = watched_[at].fd;
      return static_cast<std::size_t>(handle < 0 ? ~handle : handle);
    };
    const auto last = static_cast<std::uint32_t>(watched_.size() - 1);
    places_[handle_at(place)] = kAbsent;
    if (place != last) {
      watched_[place] = watched_[last];
      tenants_[place] = tenants_[last];
      places_[handle_at(place)] = place;
    }
    watched_.pop_back();
    tenants_.pop_back();
  }

  // Starts behind the last one that was told, so that a small room starves nobody.
  std::size_t collect(std::span<Event> room, int left) noexcept {
    std::size_t filled = 0;
    std::size_t looked = 0;
    const std::size_t all = watched_.size() - 1;
    while (left > 0 && looked < all && filled < room.size()) {
      next_ = next_ + 1 < watched_.size() ? next_ + 1 : 1;
      ++looked;
      const pollfd& one = watched_[next_];
      if (one.revents == 0) {
        continue;
      }
      --left;
      if ((one.revents & POLLNVAL) != 0) {
        remove(static_cast<std::uint32_t>(next_));  // closed: it left, as it leaves an epoll set
        --next_;
        continue;
      }
      room[filled].slot = tenants_[next_].slot;
      room[filled].ready = static_cast<std::uint16_t>(one.revents);
      room[filled].kind = Kind::descriptor;
      ++filled;
    }
    return filled;
  }

  Notifier notifier_;
  std::vector<pollfd> watched_;        // the notifier first
  std::vector<Tenant> tenants_;        // beside it
  std::vector<std::uint32_t> places_;  // by handle
  std::size_t next_ = 0;               // the place told last
};

}  // namespace

Result<std::unique_ptr<Selector>> make_poll_selector() { return make_opened<PollSelector>(); }

}  // namespace vigil
