// Selector on select(2): level-triggered, and for handles below FD_SETSIZE only. It tells readable,
// writable and priority: a hang-up or an error shows as readable or writable, and the call that
// follows says what it is.
#include <fcntl.h>
#include <sys/select.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstdint>

#include "poll/backends.hpp"
#include "poll/notifier.hpp"
#include "poll/watchable.hpp"

namespace vigil {
namespace {

constexpr SelectorTraits kTraits{.name = "select",
                                 .edge = false,
                                 .oneshot = false,
                                 .exclusive = false,
                                 .pollable = false,
                                 .handles = FD_SETSIZE};

// The end of a stream is readable; priority and writable are sets of their own.
constexpr std::uint32_t kReadInterest = kReadable | kPeerClosed;

class SelectSelector final : public Selector {
 public:
  SelectSelector() noexcept {
    FD_ZERO(&read_);
    FD_ZERO(&write_);
    FD_ZERO(&except_);
  }

  Result<> open() noexcept {
    if (auto opened = notifier_.open(); !opened) {
      return opened;
    }
    if (notifier_.handle() >= FD_SETSIZE) {
      return error(std::errc::value_too_large);  // unlike EMFILE, others could go on
    }
    FD_SET(notifier_.handle(), &read_);
    top_ = notifier_.handle() + 1;
    return {};
  }

  const SelectorTraits& traits() const noexcept override { return kTraits; }

  Result<> apply(std::span<const Change> changes) noexcept override {
    for (const Change& change : changes) {
      if (auto done = apply_one(change); !done) {
        return done;
      }
    }
    return {};
  }

  Result<std::span<Event>> wait(std::span<Event> room, Nanos at_most) noexcept override {
    fd_set read = read_;
    fd_set write = write_;
    fd_set except = except_;
    const int milliseconds = ceil_milliseconds(at_most);
    timeval limit{milliseconds / 1000, (milliseconds % 1000) * 1000};
    int left = ::select(top_, &read, &write, &except, milliseconds < 0 ? nullptr : &limit);
    if (left < 0) {
      if (errno == EINTR) {
        return room.first(0);
      }
      // Closed handles spoil the whole call: they leave, as they leave an epoll set.
      if (errno == EBADF && drop_closed()) {
        return room.first(0);
      }
      return error(errno);
    }
    if (left > 0 && FD_ISSET(notifier_.handle(), &read)) {
      FD_CLR(notifier_.handle(), &read);
      notifier_.drain();
      --left;
    }
    return room.first(collect(room, left, read, write, except));
  }

  void notify() noexcept override { notifier_.post(); }

  NativeHandle handle() const noexcept override { return kNoHandle; }

 private:
  struct Watched {
    Slot slot;
    FileIdentity identity;
    bool present;
  };

  Result<> apply_one(const Change& change) noexcept {
    if (change.handle < 0) {
      return error(std::errc::bad_file_descriptor);
    }
    if (change.handle >= FD_SETSIZE) {
      return error(std::errc::too_many_files_open);
    }
    Watched& watched = watched_[static_cast<std::size_t>(change.handle)];
    if (change.action == Change::Action::add) {
      const auto identity = identify_watchable(change.handle);
      if (!identity) {
        return std::unexpected(identity.error());
      }
      // Another identity: the file that was added is closed, and the number was given out again.
      if (watched.present && watched.identity == *identity) {
        return error(std::errc::file_exists);
      }
      watched.present = true;
      watched.identity = *identity;
      top_ = change.handle >= top_ ? change.handle + 1 : top_;
    } else if (!watched.present) {
      return error(std::errc::no_such_file_or_directory);
    }
    if (change.action == Change::Action::remove) {
      remove(change.handle);
    } else {
      watched.slot = change.slot;
      set(read_, change.handle, (change.interest & kReadInterest) != 0);
      set(write_, change.handle, (change.interest & kWritable) != 0);
      set(except_, change.handle, (change.interest & kPriority) != 0);
    }
    return {};
  }

  static void set(fd_set& to, NativeHandle handle, bool in) noexcept {
    if (in) {
      FD_SET(handle, &to);
    } else {
      FD_CLR(handle, &to);
    }
  }

  void remove(NativeHandle handle) noexcept {
    watched_[static_cast<std::size_t>(handle)].present = false;
    FD_CLR(handle, &read_);
    FD_CLR(handle, &write_);
    FD_CLR(handle, &except_);
    while (top_ > notifier_.handle() + 1 && !watched_[static_cast<std::size_t>(top_ - 1)].present) {
      --top_;
    }
  }

  bool drop_closed() noexcept {
    bool dropped = false;
    for (NativeHandle handle = top_ - 1; handle >= 0; --handle) {
      if (watched_[static_cast<std::size_t>(handle)].present && ::fcntl(handle, F_GETFD) < 0) {
        remove(handle);
        dropped = true;
      }
    }
    return dropped;
  }

  // `left` counts set bits. Starts behind the last handle that was told, so that a small room
  // starves nobody.
  std::size_t collect(std::span<Event> room, int left, const fd_set& read, const fd_set& write,
                      const fd_set& except) noexcept {
    std::size_t filled = 0;
    for (int looked = 0; looked < top_ && left > 0 && filled < room.size(); ++looked) {
      next_ = next_ + 1 < top_ ? next_ + 1 : 0;
      const std::uint32_t ready = (FD_ISSET(next_, &read) ? kReadable : 0U) |
                                  (FD_ISSET(next_, &write) ? kWritable : 0U) |
                                  (FD_ISSET(next_, &except) ? kPriority : 0U);
      if (ready == 0) {
        continue;
      }
      left -= std::popcount(ready);
      room[filled].slot = watched_[static_cast<std::size_t>(next_)].slot;
      room[filled].ready = ready;
      room[filled].kind = Kind::descriptor;
      ++filled;
    }
    return filled;
  }

  Notifier notifier_;
  fd_set read_;
  fd_set write_;
  fd_set except_;
  int top_ = 0;    // one above the highest handle that is watched
  int next_ = -1;  // the handle told last
  std::array<Watched, FD_SETSIZE> watched_{};
};

}  // namespace

Result<std::unique_ptr<Selector>> make_select_selector() { return make_opened<SelectSelector>(); }

}  // namespace vigil
