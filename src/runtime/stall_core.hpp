// What a stall watcher has: its loops, and what it saw of each.
//
//   stall_watcher.cpp  what its users call
//   stall_looks.cpp    the looks at loops from beside, and what follows from them
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <span>
#include <utility>

#include "runtime/stall_places.hpp"
#include "runtime/stall_seen.hpp"
#include "vigil/base/check.hpp"
#include "vigil/loop/host.hpp"
#include "vigil/loop/loop.hpp"
#include "vigil/runtime/stall_watcher.hpp"

namespace vigil {

class StallWatcher::Core final : public ThreadWatchBody, public HandMover {
 public:
  Core(Host& host, StallOptions options)
      : host_(host), options_(std::move(options)), places_(options_.repeat) {}
  ~Core() override {
    thread_.reset();
    check(watched_.empty(),
          "a StallWatcher was destroyed while it watches loops: destroy its watches first, each on "
          "its loop's thread");
  }

  Result<> start() noexcept {
    auto thread = host_.watch_threads(*this, options_.signal);
    if (!thread) {
      return std::unexpected(thread.error());
    }
    const std::scoped_lock lock(mutex_);
    thread_ = std::move(*thread);
    return {};
  }

  Result<std::unique_ptr<Watch>> watch(std::string name, TagName tags);
  std::vector<LoopDump> dump(Nanos at_most);
  std::vector<StallFigures> figures() const;

  Nanos look(Instant now) noexcept override;
  std::uint32_t move_hand(Loop& loop) noexcept override;

 private:
  class Watched;
  void look_at(Watched& watched, Instant now);
  bool all_rest() noexcept;
  void ask(Watched& watched);
  void tell(Watched& watched, Instant now);
  void end(Watched& watched, Instant now);
  void add_stack(StallReport& report, const std::vector<std::uintptr_t>& stack);
  std::uint32_t hand_at(Instant now) const noexcept {
    return static_cast<std::uint32_t>((now.time_since_epoch() / std::chrono::milliseconds(1))) | 1u;
  }
  Nanos pause() const noexcept {
    return options_.limit > Nanos{}
               ? std::clamp<Nanos>(options_.limit / 4, std::chrono::milliseconds(1),
                                   std::chrono::milliseconds(100))
               : Nanos(std::chrono::milliseconds(100));
  }

  Host& host_;
  const StallOptions options_;
  mutable std::mutex mutex_;
  std::vector<Watched*> watched_;
  int quiet_ = 0;  // looks one after the other at which no loop had turned
  Instant looked_{};
  StallPlaces places_;
  std::vector<StallReport> reports_;  // of this look
  std::optional<std::string> root_;   // of vigil's sources
  std::unique_ptr<ThreadWatch> thread_;
};

// One loop. Its fields are the watcher's, under its lock, but for what tell() fills.
class StallWatcher::Core::Watched final : public StallWatcher::Watch, public Interrupted {
 public:
  Watched(Core& by, Loop& which, std::string called, TagName names, DumpRoom memory)
      : core(by),
        loop(which),
        name(std::move(called)),
        tags(std::move(names)),
        room(std::move(memory)) {
    figures.loop = name;
  }
  ~Watched() override {
    {
      const std::scoped_lock lock(core.mutex_);
      std::erase(core.watched_, this);
      loop.set_hand(Loop::kNoHand);
      loop.set_hand_mover(nullptr);
    }
    thread.reset();
  }

  // False: the thread did not answer in time, or with what somebody before asked for in vain.
  bool ask(bool all, Nanos at_most) noexcept {
    wants_all.store(all, std::memory_order_relaxed);
    return thread->interrupt(at_most) && (took_all == all || thread->interrupt(at_most));
  }

  // On the loop's thread, in the handler.
  void tell(std::span<const std::uintptr_t> addresses) noexcept override {
    took_all = wants_all.load(std::memory_order_relaxed);
    if (took_all) {
      take_dump(loop, room);
      return;
    }
    take_running(loop, room);
    stack_size = std::min(addresses.size(), stack.size());
    std::copy_n(addresses.begin(), stack_size, stack.begin());
  }

  Core& core;
  Loop& loop;
  const std::string name;
  const TagName tags;
  std::unique_ptr<WatchedThread> thread;
  StallFigures figures;
  StallSeen seen;
  std::uint64_t pulse = 0;  // at the last look
  std::atomic<bool> wants_all{false};
  bool took_all = false;
  DumpRoom room;
  std::array<std::uintptr_t, 96> stack{};
  std::size_t stack_size = 0;
};

}  // namespace vigil
