// The looks at loops from beside, and what follows from them.
#include "vigil/runtime/stall_watcher.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <new>
#include <span>
#include <utility>

#include "runtime/stall_places.hpp"
#include "runtime/stall_report.hpp"
#include "runtime/stall_seen.hpp"
#include "vigil/base/check.hpp"
#include "vigil/loop/host.hpp"
#include "vigil/loop/loop.hpp"
#include "vigil/net/address.hpp"

namespace vigil {
namespace {

using std::chrono::milliseconds;

constexpr Nanos kAnswer = milliseconds(100);  // that a thread may take until it tells where it is
constexpr std::size_t kFrames = 96;

// Who is at the other end of a descriptor, or what it listens on.
std::string socket_name(Syscalls& calls, NativeHandle handle, Opcode code) {
  SocketName name;
  Descriptor probe;
  probe.handle = handle;
  Op op;
  op.code = code == Opcode::accept ? Opcode::local_name : Opcode::peer_name;
  op.on = &probe;
  op.data = reinterpret_cast<std::byte*>(&name);
  if (calls.perform(op) < 0 || name.family == SocketName::Family::none) {
    return {};
  }
  return Address(name).text();
}

}  // namespace

class StallWatcher::Core final : public ThreadWatchBody {
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

  Result<std::unique_ptr<Watch>> watch(std::string name);
  std::vector<LoopDump> dump(Nanos at_most);
  std::vector<StallFigures> figures() const;

  // ThreadWatchBody.
  Nanos look(Instant now) noexcept override;

 private:
  class Watched;
  void look_at(Watched& watched, Instant now);
  void ask(Watched& watched);
  void tell(Watched& watched, Instant now);
  void end(Watched& watched, Instant now);
  void add_stack(StallReport& report, const std::vector<std::uintptr_t>& stack);
  std::uint32_t hand_at(Instant now) const noexcept {
    return static_cast<std::uint32_t>((now.time_since_epoch() / milliseconds(1))) | 1u;
  }
  Nanos pause() const noexcept {
    return options_.limit > Nanos{}
               ? std::clamp<Nanos>(options_.limit / 4, milliseconds(1), milliseconds(100))
               : Nanos(milliseconds(100));
  }

  Host& host_;
  const StallOptions options_;
  mutable std::mutex mutex_;
  std::vector<Watched*> watched_;
  Instant looked_{};
  StallPlaces places_;
  std::vector<StallReport> reports_;  // of this look
  std::optional<std::string> root_;   // of vigil's sources
  std::unique_ptr<ThreadWatch> thread_;
};

// One loop. Its fields are the watcher's, under its lock, but for what tell() fills.
class StallWatcher::Core::Watched final : public StallWatcher::Watch, public Interrupted {
 public:
  Watched(Core& by, Loop& which, std::string called, DumpRoom memory)
      : core(by), loop(which), name(std::move(called)), room(std::move(memory)) {
    figures.loop = name;
  }
  ~Watched() override {
    {
      const std::scoped_lock lock(core.mutex_);
      std::erase(core.watched_, this);
      loop.set_hand(0);
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
  std::unique_ptr<WatchedThread> thread;
  StallFigures figures;
  StallSeen seen;
  std::atomic<bool> wants_all{false};
  bool took_all = false;
  DumpRoom room;
  std::array<std::uintptr_t, kFrames> stack{};
  std::size_t stack_size = 0;
};

Result<std::unique_ptr<StallWatcher::Watch>> StallWatcher::Core::watch(std::string name) try {
  Loop* loop = Loop::current();
  check(loop != nullptr, "StallWatcher::watch was called on a thread without a loop");
  auto room = DumpRoom::make(options_.dump_records);
  if (!room) {
    return std::unexpected(room.error());
  }
  auto made = std::make_unique<Watched>(*this, *loop, std::move(name), std::move(*room));
  const std::scoped_lock lock(mutex_);
  watched_.reserve(watched_.size() + 1);
  auto thread = thread_->enlist(*made);
  if (!thread) {
    return std::unexpected(thread.error());
  }
  made->thread = std::move(*thread);
  loop->set_hand(hand_at(loop->syscalls().now()));
  watched_.push_back(made.get());
  return made;
} catch (const std::bad_alloc&) {
  return error(std::errc::not_enough_memory);
}

Nanos StallWatcher::Core::look(Instant now) noexcept try {
  std::vector<StallReport> reports;
  {
    const std::scoped_lock lock(mutex_);
    // Who was not run himself for that long, or was asleep with the whole machine, knows nothing.
    const bool blind = now - looked_ > std::max<Nanos>(options_.limit, 4 * pause());
    looked_ = now;
    for (Watched* watched : watched_) {
      watched->loop.set_hand(hand_at(now));
      if (options_.limit > Nanos{}) {
        if (blind && !watched->seen.stuck) {
          watched->seen = StallSeen(watched->loop.pulse(), now, watched->thread->processor_time());
        } else {
          look_at(*watched, now);
        }
      }
    }
    places_.count_out(now, reports_);
    reports.swap(reports_);
  }
  for (const StallReport& report : reports) {
    if (options_.report) {
      options_.report(report);
      continue;
    }
    for (const std::string& line : text_of(report)) {
      host_.log(line);
    }
  }
  return pause();
} catch (...) {
  host_.log("vigil: a stall could not be reported: there was no memory, or who is told threw.");
  return pause();
}

void StallWatcher::Core::look_at(Watched& watched, Instant now) {
  StallSeen& seen = watched.seen;
  const std::uint64_t pulse = watched.loop.pulse();
  if (pulse != seen.pulse) {
    if (seen.stuck) {
      end(watched, now);
    }
    seen = StallSeen(pulse, now, watched.thread->processor_time());
    return;
  }
  if (pulse % 2 == 0) {
    return;
  }
  const ThreadState state = watched.thread->state();
  seen.look(now, watched.thread->processor_time(), state);
  if (now - seen.first < options_.limit) {
    return;
  }
  seen.stuck = true;
  if (!seen.looked_at) {
    const StallCause cause = judge_stall(options_.limit, seen.shares);
    if (cause == StallCause::computing || cause == StallCause::blocked) {
      seen.call = state.call;
      ask(watched);
    }
  }
  if (!seen.told && now - seen.first >= options_.patience) {
    tell(watched, now);
    seen.told = true;
  }
}

void StallWatcher::Core::ask(Watched& watched) {
  StallSeen& seen = watched.seen;
  seen.looked_at = true;
  if (!watched.ask(false, kAnswer) || watched.room.pulse() != seen.pulse) {
    return;  // it does not answer, or went on meanwhile
  }
  for (const DumpRecord& record : watched.room.records()) {
    seen.awaits.push_back(record.where);
    seen.tag = record.tag != 0 ? record.tag : seen.tag;
  }
  seen.stack.assign(watched.stack.begin(),
                    watched.stack.begin() + static_cast<std::ptrdiff_t>(watched.stack_size));
}

void StallWatcher::Core::end(Watched& watched, Instant now) {
  StallSeen& seen = watched.seen;
  const Nanos wall = now - seen.first;
  if (judge_stall(options_.limit, seen.shares) == StallCause::not_run) {
    ++watched.figures.not_run;
  } else {
    ++watched.figures.stalls;
    watched.figures.total += wall;
    watched.figures.longest = std::max(watched.figures.longest, wall);
  }
  if (!seen.told) {
    tell(watched, now);
    return;
  }
  StallReport over;
  over.kind = StallReport::Kind::is_over;
  over.loop = watched.name;
  over.wall = wall;
  reports_.push_back(std::move(over));
}

void StallWatcher::Core::tell(Watched& watched, Instant now) {
  const StallSeen& seen = watched.seen;
  StallReport report;
  report.loop = watched.name;
  report.goes_on = watched.loop.pulse() == seen.pulse;
  report.wall = now - seen.first;
  report.shares = seen.shares;
  report.cause = judge_stall(options_.limit, seen.shares);
  if (report.cause == StallCause::blocked) {
    report.call = seen.call;
  }
  report.awaits = seen.awaits;
  report.tag = seen.tag;
  if (report.cause == StallCause::computing || report.cause == StallCause::blocked) {
    add_stack(report, seen.stack);
  }
  places_.take(std::move(report), now, reports_);
}

void StallWatcher::Core::add_stack(StallReport& report, const std::vector<std::uintptr_t>& stack) {
  if (!root_) {
    const auto own = thread_->places(reinterpret_cast<std::uintptr_t>(&plain_path));
    root_ = own.empty() ? std::string() : root_of(plain_path(own.back().file));
  }
  for (std::size_t i = 0; i != stack.size(); ++i) {
    // A return address may be the next line's, or the next function's.
    for (CodePlace& place : thread_->places(i == 0 ? stack[i] : stack[i] - 1)) {
      place.file = place.file.empty() ? place.file : plain_path(place.file);
      report.stack.push_back(std::move(place));
    }
  }
  report.place = whose_code(report.stack, *root_);
}

std::vector<LoopDump> StallWatcher::Core::dump(Nanos at_most) {
  std::vector<LoopDump> dumps;
  const std::scoped_lock lock(mutex_);
  for (Watched* watched : watched_) {
    LoopDump& one = dumps.emplace_back(LoopDump{.loop = watched->name,
                                                .in_turn = false,
                                                .turns = watched->loop.turns(),
                                                .stuck_for = {},
                                                .dump = error(std::errc::timed_out)});
    if (!watched->ask(true, at_most)) {
      continue;
    }
    Syscalls& calls = watched->loop.syscalls();
    const Instant now = calls.now();
    const std::uint64_t pulse = watched->room.pulse();
    one.in_turn = pulse % 2 != 0;
    if (one.in_turn && watched->seen.stuck && pulse == watched->seen.pulse) {
      one.stuck_for = now - watched->seen.first;
    }
    one.dump = read_dump(watched->room, now, [&calls](NativeHandle handle, Opcode code) {
      return socket_name(calls, handle, code);
    });
  }
  return dumps;
}

std::vector<StallFigures> StallWatcher::Core::figures() const {
  std::vector<StallFigures> all;
  const std::scoped_lock lock(mutex_);
  for (const Watched* watched : watched_) {
    all.push_back(watched->figures);
  }
  return all;
}

StallWatcher::StallWatcher(std::unique_ptr<Core> core) noexcept : core_(std::move(core)) {}
StallWatcher::~StallWatcher() = default;

Result<std::unique_ptr<StallWatcher>> StallWatcher::start(Host& host, StallOptions options) try {
  auto core = std::make_unique<Core>(host, std::move(options));
  if (const Result<> started = core->start(); !started) {
    return std::unexpected(started.error());
  }
  return std::unique_ptr<StallWatcher>(new StallWatcher(std::move(core)));
} catch (const std::bad_alloc&) {
  return error(std::errc::not_enough_memory);
}

Result<std::unique_ptr<StallWatcher::Watch>> StallWatcher::watch(std::string name) {
  return core_->watch(std::move(name));
}

std::vector<LoopDump> StallWatcher::dump(Nanos at_most) { return core_->dump(at_most); }

std::vector<StallFigures> StallWatcher::figures() const { return core_->figures(); }

}  // namespace vigil
