// How a set of shards begins, takes up calls, and ends.
#include "vigil/runtime/shards.hpp"

#include <chrono>
#include <new>

#include "runtime/shard.hpp"

namespace vigil {
namespace {

// The scopes of shard 0 hang in that of its caller, whose cancel is not theirs: stop() ends them.
constexpr Nanos kShield = std::chrono::hours(24 * 365);

}  // namespace

Shards::Shards(ShardsOptions options) : options_(std::move(options)) {
  Loop& loop = *Loop::current();
  processors_ = loop.host().processors();
  const unsigned count = options_.count != 0 ? options_.count : processors_.usable;
  options_.loop.engine = loop.engine().traits().name;
  options_.loop.host = &loop.host();
  options_.loop.syscalls = &loop.syscalls();
  for (unsigned index = 0; index != count; ++index) {
    shards_.push_back(std::make_unique<detail::Shard>(*this, index));
    for (unsigned other = 0; other != count; ++other) {
      lines_.push_back(std::make_unique<Line>(options_.mailbox));
    }
  }
  shards_.front()->set_loop(loop);
}

Result<std::unique_ptr<Shards>> Shards::make(ShardsOptions options) noexcept {
  try {
    return std::unique_ptr<Shards>(new Shards(std::move(options)));
  } catch (const std::bad_alloc&) {
    return error(std::errc::not_enough_memory);
  }
}

Shards::~Shards() = default;

unsigned Shards::here() const noexcept {
  const Loop* loop = Loop::current();
  if (loop == &shards_.front()->loop()) {
    return 0;
  }
  const unsigned shard = loop->shard();
  check(shard < size() && &shards_[shard]->loop() == loop,
        "a set of shards was used on a loop that is none of it: pass what it needs by run_on");
  return shard;
}

std::optional<unsigned> Shards::processor(unsigned shard) const noexcept {
  if (!options_.pin) {
    return std::nullopt;
  }
  return processors_.allowed[(options_.pin_from + shard) % processors_.allowed.size()];
}

Loop& Shards::loop(unsigned shard) const noexcept { return shards_[shard]->loop(); }

// Those that were started before one could not be are to be stopped.
Result<> Shards::start_threads() noexcept try {
  Host& host = Loop::current()->host();
  if (size() == 1 && !options_.pin) {
    return {};
  }
  for (unsigned shard = 0; shard != size(); ++shard) {
    const ThreadPlace place{options_.name + "/" + std::to_string(shard), processor(shard)};
    if (shard == 0) {
      if (!options_.settle) {
        continue;
      }
      auto own = host.settle(place);
      if (!own) {
        return std::unexpected(own.error());
      }
      own_place_ = std::move(*own);
      continue;
    }
    if (auto started = shards_[shard]->start(host, place); !started) {
      return started;
    }
    arrivals_.expect(1);
  }
  return {};
} catch (const std::bad_alloc&) {
  return error(std::errc::not_enough_memory);
}

Task<Result<>> Shards::start() {
  Scope* around = co_await detail::ThisScope();
  Result<> result = start_threads();
  co_await arrivals_;
  if (const Result<> begun = first_error(); !begun) {
    result = begun;
  }
  if (result) {
    result = shards_.front()->open(around);
  }
  if (result) {
    tell_all(Word::open);
    co_await arrivals_;
    result = first_error();
  }
  if (!result) {
    auto stopping = stop();
    co_await std::move(stopping);
  }
  co_return result;
}

Result<> Shards::first_error() const noexcept {
  for (const auto& shard : shards_) {
    if (!shard->result()) {
      return shard->result();
    }
  }
  return {};
}

void Shards::tell_all(Word word) noexcept {
  for (const auto& shard : shards_) {
    if (shard->alive()) {
      arrivals_.expect(1);
      shard->tell(word);
    }
  }
}

// Twice around: nobody may be gone while another can still send him a word.
Task<> Shards::stop() {
  detail::Shard& own = *shards_.front();
  const bool opened = own.root() != nullptr;
  if (opened) {
    own.cancel();
  }
  tell_all(Word::cancel);
  co_await arrivals_;
  if (opened) {
    co_await detail::Join(own.calls());
  }
  for (const auto& line : lines_) {
    line->close();
  }
  if (opened) {
    co_await detail::Join(*own.root());
    own.let_go();
  }
  tell_all(Word::end);
  co_await arrivals_;
  for (const auto& shard : shards_) {
    shard->join();
  }
  own_place_.reset();
}

namespace detail {

// ---- Shard 0's loop. ----

Result<> Shard::start(Host& host, const ThreadPlace& place) noexcept {
  home_ = Loop::current();
  auto thread = host.start_shard(*this, place);
  if (!thread) {
    return std::unexpected(thread.error());
  }
  thread_ = std::move(*thread);
  alive_ = true;
  return {};
}

void Shard::tell(Word word) noexcept {
  word_ = word;
  letter_.of = this;
  letter_.complete = [](Op& op) { static_cast<Letter&>(op).of->hear(); };
  const bool last = word == Word::end;
  loop_->post(letter_);
  if (last) {
    posted_.store(true, std::memory_order_release);
    posted_.notify_one();
  }
}

void Shard::arrived(Op& op) noexcept {
  Shard& self = *static_cast<Letter&>(op).of;
  self.alive_ = !self.gone_;
  self.set_.arrivals_.came();
}

// ---- The shard's own loop. ----

Loop* Shard::begin(Host* host, Syscalls* syscalls) noexcept {
  LoopOptions options = set_.options_.loop;
  options.shard = index_;
  if (host != nullptr) {
    options.host = host;
    options.syscalls = syscalls;
  }
  auto made = Loop::create(options);
  if (!made) {
    result_ = std::unexpected(made.error());
    return nullptr;
  }
  own_loop_ = std::move(*made);
  loop_ = own_loop_.get();
  answer();
  return loop_;
}

void Shard::answer() noexcept {
  letter_.of = this;
  letter_.complete = &Shard::arrived;
  home_->post(letter_);
}

Result<> Shard::open(Scope* around) noexcept {
  root_.emplace(around);
  if (around != nullptr) {
    ScopeAccess::shield(*root_, kShield);
  }
  calls_.emplace(&*root_);
  for (unsigned from = 0; from != set_.size(); ++from) {
    if (from == index_) {
      continue;
    }
    if (auto spawned = root_->spawn(&Shard::take_up, &*calls_, &set_.line(from, index_));
        !spawned) {
      return spawned;
    }
  }
  return {};
}

Task<> Shard::take_up(Scope* calls, ShardChannel<RemoteCall*>* from) {
  for (;;) {
    const Result<RemoteCall*> call = co_await from->receive();
    if (!call) {
      co_return;
    }
    (*call)->arrive(*calls);
  }
}

Task<> Shard::cancel_calls(Shard* self) {
  self->calls_->cancel();
  co_await Join(*self->calls_);
  self->answer();
}

void Shard::hear() noexcept {
  switch (word_) {
    case Word::open:
      result_ = open(nullptr);
      answer();
      return;
    case Word::cancel:
      if (!calls_ || !root_->spawn(&Shard::cancel_calls, this)) {
        answer();
      }
      return;
    case Word::end:
      ending_ = true;
      return;
  }
}

bool Shard::over() noexcept {
  return ending_ && (!root_ || root_->live() == 0) && loop_->resolver().operations() == 0 &&
         loop_->next() != Instant{};
}

void Shard::end() noexcept {
  if (ending_) {
    // Who said so may not be back from waking this loop yet, and touches it until then.
    posted_.wait(false, std::memory_order_acquire);
  }
  let_go();
  if (own_loop_) {
    check(own_loop_->ledger().clean() || own_loop_->abandoned(),
          "a shard ended while streams, operations, leases or timers were still held: let their "
          "owners end first");
    own_loop_.reset();
  }
  gone_ = true;
  answer();
}

}  // namespace detail
}  // namespace vigil
