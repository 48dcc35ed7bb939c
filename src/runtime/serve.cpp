// A server program from its first sentence to its last.
#include "vigil/runtime/serve.hpp"

#include <csignal>
#include <new>
#include <span>

#include "vigil/coro/sleep.hpp"
#include "vigil/os/pipe.hpp"
#include "vigil/runtime/explain.hpp"

namespace vigil::detail {
namespace {

constexpr Nanos kAskAgain = std::chrono::milliseconds(100);

// A shard whose body fails waits so long before it begins anew, twice as long each time.
constexpr Nanos kFirstPause = std::chrono::milliseconds(50);
// One that ran so long is well again.
constexpr Nanos kWell = std::chrono::seconds(10);
constexpr unsigned kGivesUp = 8;

}  // namespace

std::string why_it_ended(const Result<>& result, const std::exception_ptr& thrown) {
  if (!thrown) {
    return reason(result.error());
  }
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& failure) {
    return std::string("an exception: ") + failure.what();
  } catch (...) {
    return "an exception that is no std::exception";
  }
}

bool ServerProgram::prepare() {
  const auto address = Address::parse(text_);
  if (!address) {
    return fail("\"" + text_ +
                    "\" is no address. Write 127.0.0.1:7000, [::1]:7000, :7000 or "
                    "unix:/run/my.sock.",
                2);
  }
  address_ = *address;
  auto signals = os::Signals::open({SIGTERM, SIGINT});
  if (!signals) {
    cannot_hear(signals.error());
    return false;
  }
  signals_.emplace(std::move(*signals));
  return true;
}

Task<bool> ServerProgram::listen(Shards& shards) {
  shards_ = &shards;
  seats_.reset(new (std::nothrow) Seat[shards.size()]);
  if (!seats_) {
    co_return fail("cannot listen: not enough memory.", 1);
  }
  auto acceptors = Acceptors::open(shards, address_, options_.listen, options_.accept);
  if (!acceptors) {
    if (acceptors.error() == std::errc::no_protocol_option) {
      co_return fail("this system cannot choose a listener by processor (" +
                         std::string(name_of(options_.accept)) + "): use reuseport.",
                     1);
    }
    co_return fail(cannot_listen(address_, acceptors.error()), 1);
  }
  acceptors_ = std::move(*acceptors);
  if (options_.announce) {
    auto announcing = announce();
    co_await std::move(announcing);
  }
  co_return true;
}

Task<> ServerProgram::announce() {
  auto output = os::standard_output();
  if (!output) {
    co_return;  // nobody can hear it
  }
  const std::string bound = acceptors_->address().text();
  const std::string line = "listening on " + bound + "\n";
  const Result<> said = co_await output->send(as_bytes(line));
  if (!said) {
    say("cannot print \"listening on " + bound + "\": " + reason(said.error()) + ".");
  }
}

// ---- A shard's own. ----

ServerProgram::Here::Here(ServerProgram& program)
    : program_(program),
      seat_(program.seat(program.shards().here())),
      drain_(program.options_.drain),
      shard_{listener_, drain_, program.shards(), program.shards().here(), *program.acceptors_},
      began_(Loop::current()->engine().now()) {
  auto listener = program.acceptors_->take();
  if (!listener) {
    ready_ = std::unexpected(listener.error());
    return;
  }
  listener_ = std::move(*listener);
  seat_.drain = &drain_;
  if (seat_.draining) {
    drain_.begin();
  }
}

ServeOptions ServerProgram::Here::serve_options() noexcept {
  const std::size_t shards = shard_.shards.size();
  return {.max_connections = (program_.options_.max_connections + shards - 1) / shards,
          .drain = &drain_,
          .figures = &seat_.figures,
          .end_idle = true,
          .idle_timeout = program_.options_.idle_timeout};
}

std::optional<Nanos> ServerProgram::Here::again(const std::string& why) {
  const Instant now = Loop::current()->engine().now();
  failures_ = now - began_ >= kWell ? 1 : failures_ + 1;
  const std::string sentence = "shard " + std::to_string(shard_.index) + " ended with " + why;
  if (failures_ == kGivesUp) {
    program_.say(sentence + ", " + std::to_string(kGivesUp) + " times in a row: giving up.");
    return std::nullopt;
  }
  const Nanos pause = kFirstPause * (1 << (failures_ - 1));
  const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(pause).count();
  program_.say(sentence + ": it begins anew in " + std::to_string(millis) + " ms.");
  began_ = after(now, pause);
  return pause;
}

// On the shard that is told.
Task<> ServerProgram::begin_drain(ServerProgram* self) {
  Seat& seat = self->seat(self->shards_->here());
  seat.draining = true;
  if (seat.drain != nullptr) {
    seat.drain->begin();
  }
  co_return;
}

// ---- Shard 0's. ----

Task<> ServerProgram::hand_out(ServerProgram* self, Scope* serving) {
  if (self->seat(0).drain == nullptr) {
    co_await yield();  // shard 0 itself begins in this turn
  }
  Drain* drain = self->seat(0).drain;
  if (drain == nullptr) {
    co_return;
  }
  auto handing = self->acceptors_->hand_out(*drain);
  const Result<> result = co_await std::move(handing);
  if (!result && !self->draining_ && result.error() != std::errc::operation_canceled) {
    self->ended(result);
    serving->cancel();
  }
}

Task<> ServerProgram::follow_signals(ServerProgram* self, Scope* helpers, Scope* serving) {
  for (int heard = 0; heard < 2;) {
    auto waiting = self->signals_->next();
    if (const auto signal = co_await std::move(waiting); !signal) {
      // Where there is no memory to wait with, there may be later: who is deaf cannot be ended.
      if (!co_await sleep_for(kAskAgain)) {
        co_return;  // cancelled
      }
    } else if (++heard == 1) {
      self->draining_ = true;
      auto own = begin_drain(self);
      co_await std::move(own);
      if (self->shards_->size() == 1) {
        continue;
      }
      const auto tell = [](ServerProgram* of) -> Task<> {
        auto telling = of->shards_->broadcast(&ServerProgram::begin_drain, of);
        static_cast<void>(co_await std::move(telling));
      };
      while (!helpers->spawn(tell, self)) {
        if (!co_await sleep_for(kAskAgain)) {
          co_return;
        }
      }
    } else {
      serving->cancel();
    }
  }
}

void ServerProgram::cannot_hear(std::error_code why) {
  fail("cannot wait for signals: " + reason(why) + ".", 1);
}

void ServerProgram::cannot_start(std::error_code why) {
  fail("cannot start " +
           (options_.shards == 0 ? "a shard for each processor"
                                 : std::to_string(options_.shards) + " shards") +
           ": " + reason(why) + ".",
       1);
}

void ServerProgram::ended(const Result<>& result) {
  if (!result && !draining_ && status_ == 0) {
    fail("stopped serving: " + reason(result.error()) + ".", 1);
  }
}

void ServerProgram::report() {
  ServeFigures all;
  for (const Seat& seat : std::span(seats_.get(), shards_->size())) {
    all.cut_off += seat.figures.cut_off;
    all.shed += seat.figures.shed;
  }
  const auto told = [this](std::uint64_t count, const char* what) {
    if (count != 0) {
      say(std::to_string(count) + (count == 1 ? " connection " : " connections ") + what);
    }
  };
  told(all.cut_off, "did not end while draining and were cut off.");
  told(all.shed, "were turned away: the limit of connections or of memory was reached.");
}

bool ServerProgram::fail(const std::string& sentence, int status) {
  status_ = status;
  say(sentence);
  return false;
}

void ServerProgram::say(const std::string& sentence) const {
  Loop::current()->host().log(options_.name + ": " + sentence);
}

}  // namespace vigil::detail
