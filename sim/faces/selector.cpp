// Selectors over a simulated process's epoll: one with edges, as epoll is, and one without, as poll
// and select are. A wait never blocks: where nothing is there, it returns with nothing, and the
// seat waits.
#include "poll/selector.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <new>
#include <vector>

#include "faces/late_events.hpp"
#include "faces/parts.hpp"
#include "faces/seat.hpp"

namespace vigil::sim {
namespace {

constexpr std::uint64_t kNotified = ~std::uint64_t{0};  // the notifier's cookie

constexpr SelectorTraits kEdges{.name = "sim",
                                .edge = true,
                                .oneshot = true,
                                .exclusive = true,
                                .pollable = true,
                                .handles = std::numeric_limits<std::int64_t>::max()};
constexpr SelectorTraits kLevels{.name = "sim-level",
                                 .edge = false,
                                 .oneshot = false,
                                 .exclusive = false,
                                 .pollable = false,
                                 .handles = std::numeric_limits<std::int64_t>::max()};

class EpollFace : public Selector {
 public:
  explicit EpollFace(Seat& seat) noexcept : seat_(seat), late_(seat) {
    waiter_.face = this;
    waiter_.exclusive = true;
    waiter_.wake = [](Waiter& waiter, std::uint32_t) noexcept {
      return static_cast<Watch&>(waiter).face->seat_.woken();
    };
  }
  ~EpollFace() override {
    if (waiter_.queue != nullptr) {
      waiter_.queue->remove(waiter_);
    }
    if (!seat_.gone()) {
      process().close(notifier_);
      process().close(epoll_);
    }
  }

  Result<> open() noexcept {
    epoll_ = process().epoll_create1(EPOLL_CLOEXEC);
    if (epoll_ < 0) {
      return failed(epoll_);
    }
    notifier_ = process().eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (notifier_ < 0) {
      return failed(notifier_);
    }
    if (const auto added = control(EPOLL_CTL_ADD, notifier_, EPOLLIN | EPOLLET, kNotified);
        added < 0) {
      return failed(added);
    }
    process().file(epoll_)->queue().add(waiter_);
    return {};
  }

  const SelectorTraits& traits() const noexcept override { return kEdges; }

  Result<> apply(std::span<const Change> changes) noexcept override {
    if (seat_.gone()) {
      return {};
    }
    for (const Change& change : changes) {
      late_.asked(change);
      if (const std::int32_t done = carry_out(change); done < 0) {
        return failed(done);
      }
    }
    return {};
  }

  Result<std::span<Event>> wait(std::span<Event> room, Nanos at_most) noexcept override {
    seat_.turns();
    Kernel& kernel = seat_.kernel();
    if (seat_.gone() ||
        (at_most > Nanos::zero() && kernel.weather().strikes(Fault::interrupted, kernel.id()))) {
      return room.first(0);
    }
    const std::size_t due = late_.take_due(room);
    std::size_t fresh = 0;
    if (due != room.size()) {
      const std::int32_t got = process().epoll_wait(
          epoll_, std::span(raw_).first(std::min(raw_.size(), room.size() - due)));
      if (got < 0) {
        return failed(got);
      }
      fresh = put(room.subspan(due), static_cast<std::size_t>(got));
    }
    bool held = fresh == 0 && notified_;
    notified_ = false;
    fresh = late_.weather(room.subspan(due), fresh, held);
    if (due + fresh == 0 && !held && at_most > Nanos::zero()) {
      seat_.waits(at_most);
    }
    return room.first(due + fresh);
  }

  void notify() noexcept override {
    if (!seat_.gone() && !pending_) {
      pending_ = true;
      const std::uint64_t one = 1;
      process().write(notifier_, std::as_bytes(std::span(&one, 1)));
    }
  }

  NativeHandle handle() const noexcept override { return epoll_; }

 protected:
  Process& process() const noexcept { return seat_.process(); }

  std::int32_t control(int action, int handle, std::uint32_t events, std::uint64_t data) noexcept {
    epoll_event event{events, {.u64 = data}};
    return process().epoll_ctl(epoll_, action, handle, &event);
  }

  virtual std::int32_t carry_out(const Change& change) noexcept {
    std::uint32_t bits = change.interest;
    if (change.interest == 0) {
      bits = EPOLLET | EPOLLONESHOT;  // told once at most: a paused source does not spin
    } else {
      const bool edge = change.trigger == Trigger::edge || change.trigger == Trigger::edge_oneshot;
      const bool once =
          change.trigger == Trigger::oneshot || change.trigger == Trigger::edge_oneshot;
      bits |= (edge ? EPOLLET : 0u) | (once ? EPOLLONESHOT : 0u) |
              (change.exclusive ? EPOLLEXCLUSIVE : 0u);
    }
    constexpr int kActions[] = {EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLL_CTL_DEL};
    return control(kActions[static_cast<std::size_t>(change.action)], change.handle, bits,
                   std::bit_cast<std::uint64_t>(change.slot));
  }

  Seat& seat_;

 private:
  struct Watch : Waiter {
    EpollFace* face = nullptr;
  };

  std::size_t put(std::span<Event> room, std::size_t got) noexcept {
    std::size_t filled = 0;
    for (std::size_t i = 0; i != got; ++i) {
      if (raw_[i].data.u64 == kNotified) {
        pending_ = false;
        notified_ = true;
        continue;
      }
      room[filled++] = {.slot = std::bit_cast<Slot>(std::uint64_t{raw_[i].data.u64}),
                        .ready = raw_[i].events,
                        .kind = Kind::descriptor,
                        .data = 0,
                        .cookie = 0};
    }
    return filled;
  }

  LateEvents late_;
  Watch waiter_;
  NativeHandle epoll_ = kNoHandle;
  NativeHandle notifier_ = kNoHandle;
  bool pending_ = false;   // the notifier was written to, and its event not seen
  bool notified_ = false;  // this wait saw it
  std::array<epoll_event, 256> raw_;
};

// No edges, no one-shot; what has no interest is not watched at all, errors included.
class LevelFace final : public EpollFace {
 public:
  using EpollFace::EpollFace;
  const SelectorTraits& traits() const noexcept override { return kLevels; }
  NativeHandle handle() const noexcept override { return kNoHandle; }

 private:
  // What a handle's number was added for: it may be another file by now.
  struct Row {
    std::uint64_t serial = 0;  // 0: not added
    bool watched = false;
  };

  std::int32_t carry_out(const Change& change) noexcept override {
    const File* file = process().file(change.handle);
    Row* row = row_of(change.handle);
    if (row == nullptr) {
      return change.handle < 0 ? -EBADF : -ENOMEM;
    }
    const bool known = row->serial != 0 && file != nullptr && row->serial == file->serial();
    if (change.action == Change::Action::remove) {
      const bool was = row->serial != 0;
      unwatch(*row, known, change.handle);
      *row = {};
      return was ? 0 : -ENOENT;
    }
    if (file == nullptr) {
      return -EBADF;
    }
    if (!file->watchable()) {
      return -EPERM;
    }
    if ((change.action == Change::Action::add) == known) {
      return known ? -EEXIST : -ENOENT;
    }
    unwatch(*row, known, change.handle);
    *row = {.serial = file->serial(), .watched = false};
    if (change.interest == 0) {
      return 0;
    }
    const std::int32_t added = control(EPOLL_CTL_ADD, change.handle, change.interest,
                                       std::bit_cast<std::uint64_t>(change.slot));
    row->watched = added >= 0;
    return added;
  }

  void unwatch(const Row& row, bool known, NativeHandle handle) noexcept {
    if (known && row.watched) {
      control(EPOLL_CTL_DEL, handle, 0, 0);
    }
  }

  Row* row_of(NativeHandle handle) noexcept {
    const auto place = static_cast<std::size_t>(handle);
    if (handle < 0) {
      return nullptr;
    }
    try {
      if (place >= rows_.size()) {
        rows_.resize(place + 1);
      }
    } catch (const std::bad_alloc&) {
      return nullptr;
    }
    return &rows_[place];
  }

  std::vector<Row> rows_;  // by handle
};

template <class Face>
Result<std::unique_ptr<Selector>> make() {
  Seat* seat = Seat::current();
  if (seat == nullptr) {
    return error(std::errc::no_such_device);
  }
  std::unique_ptr<Face> made(new (std::nothrow) Face(*seat));
  if (!made) {
    return error(std::errc::not_enough_memory);
  }
  if (auto opened = made->open(); !opened) {
    return std::unexpected(opened.error());
  }
  return made;
}

}  // namespace

Result<std::unique_ptr<Selector>> make_selector() { return make<EpollFace>(); }
Result<std::unique_ptr<Selector>> make_level_selector() { return make<LevelFace>(); }

}  // namespace vigil::sim
