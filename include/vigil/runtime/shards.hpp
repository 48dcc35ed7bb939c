// Shards: a loop for each processor, nothing shared, and words between them.
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "vigil/coro/scoped.hpp"
#include "vigil/coro/shard_channel.hpp"
#include "vigil/loop/loop.hpp"
#include "vigil/runtime/remote_call.hpp"

namespace vigil {

struct ShardsOptions {
  // Loops, the calling one among them. 0: as many as the process may use processors for: those that
  // it may run on (sched_getaffinity(2)), fewer if a cgroup's quota says so.
  unsigned count = 0;
  // Each stays on a processor of its own: the nth on the nth that is allowed, and round again.
  bool pin = false;
  unsigned pin_from = 0;  // the first on this one of them: other processes may have those before
  // Calls from one shard to another that were not taken up yet; who calls beyond it waits.
  std::size_t mailbox = 256;
  // Of the others: spin, lease_bytes and lanes count. Engine and host are those of the calling
  // loop.
  LoopOptions loop = {};
  // Threads are named by it: "vigil/0" and so on.
  std::string name = "vigil";
  // Whether the calling thread takes a name and a processor as well.
  bool settle = true;
};

namespace detail {

class Shard;

// Letters that are awaited by number, on the loop that made this. The wait cannot be cancelled.
class Arrivals {
 public:
  void expect(std::size_t count) noexcept { missing_ += count; }
  void came() noexcept {
    if (--missing_ == 0 && waiting_ != nullptr) {
      Loop::current()->continue_with(*std::exchange(waiting_, nullptr));
    }
  }
  // A word of its own waits: GCC 12 would copy this into the frame that awaits it.
  class Awaiter {
   public:
    Awaiter(Arrivals& of, Node& node) noexcept : of_(of), node_(node) {}
    bool await_ready() const noexcept { return of_.missing_ == 0; }
    void await_suspend(std::coroutine_handle<>) noexcept {
      node_.code = Opcode::join;
      node_.state = OpState::in_flight;
      of_.waiting_ = &node_;
    }
    void await_resume() const noexcept {}

   private:
    Arrivals& of_;
    Node& node_;
  };
  Awaiter bind(Node& node) noexcept { return Awaiter(*this, node); }

 private:
  std::size_t missing_ = 0;
  Node* waiting_ = nullptr;
};

template <class F, class... A>
using CallValue = OffloadValue<TaskValue<F, A...>>;

}  // namespace detail

// A set of loops, the calling one and a thread for each other. with_shards() makes it; its
// functions may be called on any of its loops, in tasks that the set runs.
class Shards {
 public:
  // For with_shards(). Errors: not_enough_memory.
  static Result<std::unique_ptr<Shards>> make(ShardsOptions options) noexcept;
  ~Shards();
  Shards(const Shards&) = delete;
  Shards& operator=(const Shards&) = delete;

  unsigned size() const noexcept { return static_cast<unsigned>(shards_.size()); }
  // The shard that this is called on: 0 is the one that made the set.
  unsigned here() const noexcept;
  // Where it is pinned to; nothing if it is not.
  std::optional<unsigned> processor(unsigned shard) const noexcept;
  // Its loop: for what any thread may do with it (post, wake, engine().attached()).
  Loop& loop(unsigned shard) const noexcept;

  // Runs `body(args...)`, a Task, on a shard, in a scope of its own, and gives its result; a
  // Task<Result<T>> gives Result<T>, others become one. An exception that leaves it leaves here.
  //
  // The arguments are moved there, and the result is moved home; neither may own what belongs to a
  // loop: release() a stream, copy a lease. Pointers are the caller's to keep: what they point at
  // must be of no other thread meanwhile.
  //
  // A cancel or deadline of the caller goes there as a word, and the result that came all the same
  // stands. If more than ShardsOptions::mailbox calls of this shard wait to be taken up there, it
  // waits in order, and ends early without having been sent. On the own shard it runs at once.
  // Errors: operation_canceled, not_enough_memory.
  template <TaskBody F, class... A>
  Task<detail::CallValue<F, A...>> run_on(unsigned shard, F body, A... args) {
    check(shard < size(),
          "run_on was given the number of a shard that is not there: they go from 0 "
          "to size() - 1");
    if (shard == here()) {
      auto own = run_here<F, A...>(body, std::move(args)...);
      co_return co_await std::move(own);
    }
    detail::RemoteBody<F, A...> call(*Loop::current(), loop(shard), body, std::move(args)...);
    detail::RemoteCall* letter = &call;
    const Result<> sent = co_await line(here(), shard).send(std::move(letter));
    if (!sent) {
      co_return std::unexpected(sent.error());
    }
    const std::int32_t outcome = co_await detail::RemoteCall::Home(call);
    if (outcome < 0) {
      co_return failed(outcome);
    }
    if constexpr (std::is_void_v<detail::TaskValue<F, A...>>) {
      call.take();
      co_return Result<>{};
    } else {
      co_return call.take();
    }
  }

  // Runs `body(args...)` on every shard at once, with copies of the arguments, and waits for all:
  // their results, by shard. An exception of one cancels the others and leaves here.
  template <TaskBody F, class... A>
  Task<std::vector<detail::CallValue<F, A...>>> gather(F body, A... args) {
    using Value = detail::CallValue<F, A...>;
    std::vector<std::optional<Value>> found(size());
    auto all = scoped(&Shards::call_all<F, A...>, this, &found, body, args...);
    co_await std::move(all);
    std::vector<Value> values;
    values.reserve(found.size());
    for (auto& each : found) {
      values.push_back(std::move(*each));
    }
    co_return std::move(values);
  }

  // The same for what returns nothing worth keeping: the first error, by shard.
  template <TaskBody F, class... A>
  Task<Result<>> broadcast(F body, A... args) {
    auto all = gather(body, std::move(args)...);
    const auto values = co_await std::move(all);
    for (const auto& value : values) {
      if (!value) {
        co_return std::unexpected(value.error());
      }
    }
    co_return Result<>{};
  }

  // ---- For with_shards(). ----

  // Starts the others. Errors: those of Loop::create and Host::start_shard; then none runs.
  Task<Result<>> start();
  // Cancels what still runs anywhere, and waits until it has ended and the others are gone. It
  // cannot be cancelled.
  Task<> stop();

 private:
  friend class detail::Shard;
  explicit Shards(ShardsOptions options);
  using Line = ShardChannel<detail::RemoteCall*>;

  // What shard 0 tells another, one thing at a time; each is answered.
  enum class Word : std::uint8_t { open, cancel, end };
  Result<> start_threads() noexcept;
  Result<> first_error() const noexcept;
  void tell_all(Word word) noexcept;
  Line& line(unsigned from, unsigned to) noexcept { return *lines_[from * size() + to]; }

  template <class F, class... A>
  static Task<detail::CallValue<F, A...>> run_here(F body, A... args) {
    auto own = scoped([](Scope&, F each, A... with) { return each(std::move(with)...); }, body,
                      std::move(args)...);
    if constexpr (std::is_void_v<detail::TaskValue<F, A...>>) {
      co_await std::move(own);
      co_return Result<>{};
    } else {
      co_return co_await std::move(own);
    }
  }

  template <class F, class... A>
  static Task<> call_all(Scope& scope, Shards* self,
                         std::vector<std::optional<detail::CallValue<F, A...>>>* into, F body,
                         A... args) {
    for (unsigned shard = 0; shard != self->size(); ++shard) {
      auto* place = &(*into)[shard];
      if (!scope.spawn(&Shards::call_one<F, A...>, self, shard, place, body, args...)) {
        place->emplace(error(std::errc::not_enough_memory));
      }
    }
    co_return;
  }

  template <class F, class... A>
  static Task<> call_one(Shards* self, unsigned shard,
                         std::optional<detail::CallValue<F, A...>>* into, F body, A... args) {
    auto one = self->run_on(shard, body, std::move(args)...);
    into->emplace(co_await std::move(one));
  }

  ShardsOptions options_;
  Processors processors_;
  std::vector<std::unique_ptr<Line>> lines_;  // [from][to]; those who wait on them go first
  std::vector<std::unique_ptr<detail::Shard>> shards_;
  detail::Arrivals arrivals_;
  std::unique_ptr<Host::Thread> own_place_;
};

// Makes a set of shards around `body(shards, args...)`, a Task, which runs on this loop, shard 0,
// and ends the set with it: what still runs on any shard is cancelled, and over when this returns.
// Result<T> of what the body returned; an exception that leaves it leaves here.
//
// With more than one the calling thread is named and, if asked, pinned, too, until it is over.
// Errors: those of Loop::create, resource_unavailable_try_again (no more threads),
// invalid_argument.
template <TaskBody F, class... A>
Task<detail::CallValue<F, Shards&, A...>> with_shards(ShardsOptions options, F body, A... args) {
  using Value = detail::CallValue<F, Shards&, A...>;
  auto made = Shards::make(std::move(options));
  if (!made) {
    co_return std::unexpected(made.error());
  }
  Shards& shards = **made;
  auto starting = shards.start();
  const Result<> started = co_await std::move(starting);
  if (!started) {
    co_return std::unexpected(started.error());
  }
  std::exception_ptr failure;
  std::optional<Value> value;
  try {
    auto task = body(shards, std::move(args)...);
    if constexpr (std::is_void_v<detail::TaskValue<F, Shards&, A...>>) {
      co_await std::move(task);
      value.emplace();
    } else {
      value.emplace(co_await std::move(task));
    }
  } catch (...) {
    failure = std::current_exception();
  }
  auto stopping = shards.stop();
  co_await std::move(stopping);
  if (failure) {
    std::rethrow_exception(std::move(failure));
  }
  co_return std::move(*value);
}

}  // namespace vigil
