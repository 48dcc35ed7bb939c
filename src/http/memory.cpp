// Looking at what is held, and letting go.
#include "http/memory.hpp"

#include <algorithm>

#include "http/resting.hpp"
#include "loop/early.hpp"

namespace vigil::http {
namespace {

constexpr Nanos kRound = std::chrono::milliseconds(100);
// Rounds that a client has to move a byte in, before its connection is reset.
constexpr std::uint32_t kStill = 2;
// What a connection that rests is taken to hold, its task's frame with it, and one that hibernates.
constexpr std::uint64_t kResting = 512;
constexpr std::uint64_t kAsleep = sizeof(Descriptor);
// Of either, in one round: they hold little, and are not all to go where it is others' memory.
constexpr std::size_t kClosedAtOnce = 256;

std::uint64_t lease_bytes(const Lease& lease) noexcept {
  return lease.empty() ? 0 : Buffers::kBlock;
}

// The operation that waits for the client; null: there is none.
Op* awaited(const Session& session) noexcept {
  if (!session.stream.is_open()) {
    return nullptr;
  }
  const Descriptor& descriptor = *session.stream.descriptor();
  switch (session.phase) {
    case Phase::writing:
    case Phase::sending:
      return descriptor.writer;
    case Phase::head:
    case Phase::body:
    case Phase::lingering:
      return descriptor.reader;
    case Phase::idle:
    case Phase::working:
      return nullptr;
  }
  return nullptr;
}

// Bytes that moved, in either direction: any change will do.
std::uint64_t progress(const Session& session, const Op& op) noexcept {
  const std::uint64_t moved = session.work == nullptr
                                  ? 0
                                  : session.work->receiving.moved + session.work->sending.moved +
                                        session.work->gathered.size();
  const bool writes = session.phase == Phase::writing || session.phase == Phase::sending;
  return moved + static_cast<std::uint64_t>(session.phase) - (writes ? left_of(op) : 0);
}

}  // namespace

Memory::Memory(Server::State& server) noexcept : server_(server) { fire = &Memory::again; }

Memory::~Memory() {
  if (armed()) {
    Loop::current()->timers().stop(*this);
  }
}

void Memory::set_limit(std::uint64_t bytes) noexcept {
  limit_ = bytes;
  watched_ = bytes / 2;
  high_ = bytes - bytes / 8;
  low_ = bytes - bytes / 4;
  shown_limit_.set(bytes);
  look_at_ = bytes == 0 ? ~std::uint64_t{0} : held_.get();
  shut_ = shut_ && bytes != 0;
  relieving_ = relieving_ && bytes != 0;
}

std::uint64_t Memory::of(const Work& work) noexcept {
  return work.memory.size + work.memory.gathered + work.memory.charged;
}

std::uint64_t Memory::of(const Session& session) noexcept {
  std::uint64_t bytes = sizeof(Descriptor);
  if (session.stream.is_open()) {
    const std::uint64_t early = early_bytes(*session.stream.descriptor());
    bytes += (early + Buffers::kSize - 1) / Buffers::kSize * Buffers::kBlock;
  }
  if (session.work != nullptr) {
    const Work& work = *session.work;
    return bytes + of(work) + lease_bytes(work.lease) + lease_bytes(work.head_lease);
  }
  return bytes + (session.phase == Phase::sending ? Buffers::kBlock : 0);
}

// The next look comes with a sixty-fourth of the limit more, at the latest. Frames that ended are
// the next ones' memory: they count by the share that is in use.
std::uint64_t Memory::all() noexcept {
  Loop& loop = *Loop::current();
  const LoopFigures figures = loop.figures();
  if (figures.turns - reset_at_ > 1) {
    leaving_ = 0;
  }
  turn_ = figures.turns;
  most_frames_ = std::max<std::uint64_t>(most_frames_, figures.frames);
  const std::uint64_t frames =
      most_frames_ == 0 ? 0 : figures.frame_bytes / most_frames_ * figures.frames;
  look_at_ = limit_ != 0 ? held_.get() + limit_ / 64 : ~std::uint64_t{0};
  beside_.set(server_.options.beside_bytes());
  const std::uint64_t known =
      held_.get() + frames + figures.registered * sizeof(Descriptor) + beside_.get();
  // Which buffers are in use is found by walking, so only where it matters.
  const bool near = limit_ != 0 && known + figures.buffer_bytes >= low_;
  return known + (near ? loop.ledger().buffers * Buffers::kBlock : figures.buffer_bytes);
}

std::uint64_t Memory::judge() noexcept {
  const std::uint64_t held = all();
  all_.set(held);
  others_ = held - held_.get();
  shut_ = limit_ != 0 && held >= (shut_ ? high_ : limit_ - limit_ / 16);
  return held;
}

void Memory::look() noexcept {
  arrivals_ = kArrivals;
  const std::uint64_t held = judge();
  if (limit_ == 0) {
    return;
  }
  if (held >= watched_ && !armed()) {
    go_round(held);
  } else if (held - std::min(held, leaving_) >= high_) {
    reset_waiting(held - std::min(held, leaving_) - low_);  // who is known, now
  }
}

void Memory::again(Timer& timer) noexcept {
  Memory& self = static_cast<Memory&>(timer);
  const std::uint64_t held = self.judge();
  if (self.limit_ != 0 && held >= self.watched_) {
    self.go_round(held);
  }
}

// Who wakes begins at once, and may ask for more: that is not the next round yet.
void Memory::go_round(std::uint64_t held) noexcept {
  Loop& loop = *Loop::current();
  loop.timers().arm(*this, after(loop.now(), kRound));
  watch_waiting();
  relieving_ = held >= (relieving_ ? low_ : high_);
  if (relieving_) {
    relieve();
  }
}

void Memory::relieve() noexcept {
  server_.drop_pool();
  if (server_.options.give_back != nullptr) {
    server_.options.give_back(server_.options.hook_context);
  }
  const std::uint64_t held = judge();
  const std::uint64_t wanted = held - std::min(held, low_ + leaving_);
  std::uint64_t freed = close_resting(wanted);
  freed += reset_waiting(wanted - std::min(wanted, freed));
  reset_sending(wanted - std::min(wanted, freed));
}

// Notes who moved since the last round.
void Memory::watch_waiting() noexcept {
  for (Session* session = server_.active.first; session != nullptr; session = session->next) {
    const Op* op = awaited(*session);
    if (session->work == nullptr) {
      continue;
    }
    Work::Held& mark = session->work->memory;
    const std::uint64_t now = op == nullptr ? 0 : progress(*session, *op);
    mark.still = op != nullptr && mark.seen && mark.progress == now ? mark.still + 1 : 0;
    mark.progress = now;
    mark.seen = op != nullptr;
  }
}

// Bytes held, times the rounds that nothing moved; 0: it is not to be reset.
std::uint64_t Memory::weight_of(const Session& session) noexcept {
  const bool still = session.work != nullptr && session.work->memory.still >= kStill;
  return still && awaited(session) != nullptr ? of(session) * session.work->memory.still : 0;
}

// The worst first, within a factor of two, and the oldest first among those.
std::uint64_t Memory::reset_waiting(std::uint64_t wanted) noexcept {
  std::uint64_t worst = 0;
  for (Session* session = server_.active.first; session != nullptr; session = session->next) {
    worst = std::max(worst, weight_of(*session));
  }
  std::uint64_t freed = 0;
  for (std::uint64_t least = worst; worst != 0 && freed < wanted; least = worst) {
    worst = 0;  // of those that are left
    for (Session* session = server_.active.first; session != nullptr && freed < wanted;
         session = session->next) {
      const std::uint64_t weight = weight_of(*session);
      if (weight < (least + 1) / 2) {
        worst = std::max(worst, weight);
      } else if (weight != 0) {
        freed += of(*session);
        reset(*session);
      }
    }
  }
  leaving_ += freed;
  reset_at_ = turn_;
  return freed;
}

void Memory::reset(Session& session) noexcept {
  session.work->memory.still = 0;
  session.work->memory.seen = false;
  ++reset_;
  Loop::current()->cancel(*awaited(session));
}

// Those whose last answers go out without a Work: they stand among the active.
void Memory::reset_sending(std::uint64_t wanted) noexcept {
  std::uint64_t freed = 0;
  for (Session* session = server_.active.first; session != nullptr && freed < wanted;
       session = session->next) {
    Op* op = awaited(*session);
    if (op != nullptr && session->work == nullptr && server_.tick - session->placed > 1) {
      freed += Buffers::kBlock;
      ++reset_;
      Loop::current()->cancel(*op);
    }
  }
}

// Who hibernates rests longer than who does not yet.
std::uint64_t Memory::close_resting(std::uint64_t wanted) noexcept {
  std::uint64_t freed = close_sleepers(wanted);
  std::size_t left = kClosedAtOnce;
  for (Session* session = server_.idle.first; session != nullptr && freed < wanted && left != 0;
       session = session->next) {
    Op* op = session->stream.is_open() ? session->stream.descriptor()->reader : nullptr;
    if (session->phase == Phase::idle && op != nullptr && !session->expired &&
        server_.tick - session->since > 1) {
      freed += kResting;
      --left;
      ++closed_;
      Loop::current()->cancel(*op);
    }
  }
  return freed;
}

std::uint64_t Memory::close_sleepers(std::uint64_t wanted) noexcept {
  const Instant since = server_.when_of(server_.tick - 2);
  std::uint64_t freed = 0;
  for (Resting* each = server_.resting; each != nullptr && freed < wanted; each = each->next) {
    const std::uint64_t before = each->closed_asleep;
    const std::uint64_t enough = (wanted - freed + kAsleep - 1) / kAsleep;
    each->sleepers.close_idle(since, std::min<std::uint64_t>(enough, kClosedAtOnce));
    closed_ += each->closed_asleep - before;
    freed += (each->closed_asleep - before) * kAsleep;
  }
  return freed;
}

MemoryFigures Memory::figures() const noexcept {
  return {.held = held_.get(),
          .beside = beside_.get(),
          .counted = all_.get(),
          .limit = shown_limit_.get(),
          .refused = refused_.get(),
          .reset = reset_.get(),
          .closed = closed_.get()};
}

}  // namespace vigil::http
