// The threads of a lane, as steps: the scheduler says when one begins, the clock when one that
// takes its time ends.
#include <memory>
#include <new>
#include <vector>

#include "faces/parts.hpp"
#include "faces/seat.hpp"
#include "kernel/file_system.hpp"
#include "vigil/loop/op.hpp"

namespace vigil::sim {
namespace {

constexpr Nanos kNameServer = std::chrono::milliseconds(1);  // a resolver's answer takes so long
constexpr std::uint64_t kNameServerJitter = 4'000'000;       // and up to this much more, in ns

class LaneCrew final : public vigil::Host::Crew, public Crew {
 public:
  LaneCrew(Seat& seat, Body& body, Role role) noexcept : seat_(seat), body_(body), role_(role) {}
  ~LaneCrew() override {
    seat_.scheduler().forget(*this);
    for (const auto& hand : hands_) {
      seat_.kernel().clock().stop(*hand);
    }
  }

  bool reserve(unsigned most) noexcept {
    try {
      for (unsigned i = 0; i < most; ++i) {
        hands_.push_back(std::make_unique<Hand>());
        hands_.back()->crew = this;
        hands_.back()->fire = &LaneCrew::done;
      }
    } catch (const std::bad_alloc&) {
      return false;
    }
    return true;
  }

  // Threads cost nothing here, but as many as there would be work at a time.
  bool call(std::size_t pieces) noexcept override {
    started_ =
        static_cast<unsigned>(std::max<std::size_t>(started_, std::min(pieces, hands_.size())));
    seat_.scheduler().work(*this);
    return true;
  }
  unsigned threads() const noexcept override { return started_; }

  Seat& seat() noexcept override { return seat_; }

  void step() noexcept override {
    if (seat_.gone()) {
      return;
    }
    Hand* hand = free_hand();
    if (hand == nullptr) {
      ++waiting_;  // until one of those that take their time is done
      return;
    }
    Op* piece = body_.take();
    if (piece == nullptr) {
      return;
    }
    const Nanos takes = time_of();
    if (takes == Nanos::zero()) {
      perform(*piece);
      return;
    }
    hand->piece = piece;
    Clock& clock = seat_.kernel().clock();
    clock.set(*hand, after(clock.now(), takes));
  }

 private:
  struct Hand : Alarm {
    LaneCrew* crew = nullptr;
    Op* piece = nullptr;
  };

  Hand* free_hand() noexcept {
    for (const auto& hand : hands_) {
      if (hand->piece == nullptr) {
        return hand.get();
      }
    }
    return nullptr;
  }

  Nanos time_of() noexcept {
    if (role_ == Role::file_lane) {
      return seat_.kernel().files().delay();
    }
    return role_ == Role::resolver
               ? kNameServer +
                     Nanos(static_cast<std::int64_t>(seat_.random().below(kNameServerJitter)))
               : Nanos::zero();
  }

  void perform(Op& piece) noexcept {
    const Seat::Turn turn(seat_);
    const LoopSwitch thread(nullptr);  // it is on no loop's thread
    body_.perform(piece);
  }

  static void done(Alarm& alarm) noexcept {
    auto& hand = static_cast<Hand&>(alarm);
    LaneCrew& self = *hand.crew;
    Op* piece = std::exchange(hand.piece, nullptr);
    if (self.waiting_ != 0) {
      --self.waiting_;
      self.seat_.scheduler().work(self);
    }
    self.perform(*piece);
  }

  Seat& seat_;
  Body& body_;
  const Role role_;
  std::vector<std::unique_ptr<Hand>> hands_;
  std::size_t waiting_ = 0;  // steps that found no hand
  unsigned started_ = 0;
};

}  // namespace

Result<std::unique_ptr<vigil::Host::Crew>> make_crew(Seat& seat, Body& body, Role role,
                                                     unsigned most) noexcept {
  std::unique_ptr<LaneCrew> crew(new (std::nothrow) LaneCrew(seat, body, role));
  if (!crew || !crew->reserve(most)) {
    return error(std::errc::not_enough_memory);
  }
  return crew;
}

}  // namespace vigil::sim
