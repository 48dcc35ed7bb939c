// Selector on epoll(7): the kernel keeps the interest, and a wait costs what became ready, not what
// is watched.
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstdint>

#include "poll/backends.hpp"
#include "poll/direct_syscall.hpp"
#include "poll/notifier.hpp"

namespace vigil {
namespace {

constexpr bool same(Ready ours, std::uint32_t theirs) noexcept { return ours == theirs; }
static_assert(same(kReadable, EPOLLIN) && same(kPriority, EPOLLPRI) && same(kWritable, EPOLLOUT) &&
              same(kError, EPOLLERR) && same(kHungUp, EPOLLHUP) && same(kPeerClosed, EPOLLRDHUP));
static_assert(sizeof(Slot) == sizeof(std::uint64_t));

constexpr SelectorTraits kTraits{.name = "epoll",
                                 .edge = true,
                                 .oneshot = true,
                                 .exclusive = true,
                                 .pollable = true,
                                 .handles = std::numeric_limits<std::int64_t>::max()};

// The cookie of the notifier: no table is that large.
constexpr std::uint64_t kNotified = ~std::uint64_t{0};

std::uint32_t event_bits(const Change& change) noexcept {
  std::uint32_t bits = change.interest;
  if (change.interest == 0) {
    // Error and hang-up cannot be masked, so they are told once at most: a paused source does not
    // spin.
    return EPOLLET | EPOLLONESHOT;
  }
  if (change.trigger == Trigger::edge || change.trigger == Trigger::edge_oneshot) {
    bits |= EPOLLET;
  }
  if (change.trigger == Trigger::oneshot || change.trigger == Trigger::edge_oneshot) {
    bits |= EPOLLONESHOT;
  }
  if (change.exclusive) {
    bits |= EPOLLEXCLUSIVE;
  }
  return bits;
}

int operation(Change::Action action) noexcept {
  switch (action) {
    case Change::Action::add:
      return EPOLL_CTL_ADD;
    case Change::Action::modify:
      return EPOLL_CTL_MOD;
    case Change::Action::remove:
      break;
  }
  return EPOLL_CTL_DEL;
}

class EpollSelector final : public Selector {
 public:
  ~EpollSelector() override {
    // Closed only: in a forked child the interest list is still the parent's, and must not be
    // touched.
    if (epoll_ != kNoHandle) {
      ::close(epoll_);
    }
  }

  Result<> open() noexcept {
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    if (epoll_ == kNoHandle) {
      return error(errno);
    }
    if (auto opened = notifier_.open(); !opened) {
      return opened;
    }
    epoll_event event{EPOLLIN | EPOLLET, {.u64 = kNotified}};
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, notifier_.handle(), &event) != 0) {
      return error(errno);
    }
    return {};
  }

  const SelectorTraits& traits() const noexcept override { return kTraits; }

  Result<> apply(std::span<const Change> changes) noexcept override {
    for (const Change& change : changes) {
      epoll_event event{event_bits(change), {.u64 = std::bit_cast<std::uint64_t>(change.slot)}};
      if (::epoll_ctl(epoll_, operation(change.action), change.handle, &event) != 0) {
        return error(errno);
      }
    }
    return {};
  }

  Result<std::span<Event>> wait(std::span<Event> room, Nanos at_most) noexcept override {
    const auto size = static_cast<int>(std::min(room.size(), raw_.size()));
    const long got = sys::epoll_wait(epoll_, raw_.data(), size, ceil_milliseconds(at_most));
    if (got < 0 || notifier_.pending()) [[unlikely]] {
      return wait_slow(room, got);
    }
    Event* out = room.data();
    for (const epoll_event *raw = raw_.data(), *end = raw + got; raw != end; ++raw, ++out) {
      put(*out, *raw);
    }
    return room.first(static_cast<std::size_t>(got));
  }

  void notify() noexcept override { notifier_.post(); }

  NativeHandle handle() const noexcept override { return epoll_; }

 private:
  static void put(Event& out, const epoll_event& raw) noexcept {
    out.slot = std::bit_cast<Slot>(std::uint64_t{raw.data.u64});
    out.ready = raw.events;
    out.kind = Kind::descriptor;
  }

  // An error, or a batch that may hold the notifier's event.
  [[gnu::noinline]] Result<std::span<Event>> wait_slow(std::span<Event> room, long got) noexcept {
    if (got == -EINTR) {
      return room.first(0);
    }
    if (got < 0) {
      return failed(static_cast<std::int32_t>(got));
    }
    std::size_t filled = 0;
    for (std::size_t i = 0; i < static_cast<std::size_t>(got); ++i) {
      if (raw_[i].data.u64 == kNotified) {
        notifier_.seen();
      } else {
        put(room[filled++], raw_[i]);
      }
    }
    return room.first(filled);
  }

  NativeHandle epoll_ = kNoHandle;
  Notifier notifier_;
  std::array<epoll_event, 256> raw_;
};

}  // namespace

Result<std::unique_ptr<Selector>> make_epoll_selector() { return make_opened<EpollSelector>(); }

}  // namespace vigil
