// The looks at loops from beside, and what follows from them.
#include <utility>

#include "runtime/stall_core.hpp"
#include "runtime/stall_report.hpp"

namespace vigil {
namespace {

constexpr Nanos kAnswer =
    std::chrono::milliseconds(100);  // that a thread may take to tell where it is
constexpr int kQuiet = 20;           // looks at which no loop had turned, until none is looked at

}  // namespace

Nanos StallWatcher::Core::look(Instant now) noexcept try {
  std::vector<StallReport> reports;
  Nanos next = kForever;
  {
    const std::scoped_lock lock(mutex_);
    // Who was not run himself for that long, or was asleep with the whole machine, knows nothing.
    const bool blind = now - looked_ > std::max<Nanos>(options_.limit, 4 * pause());
    looked_ = now;
    const bool has_to_tell = places_.count_out(now, reports_);
    quiet_ = all_rest() && !has_to_tell ? quiet_ + 1 : 0;
    if (quiet_ <= kQuiet) {
      next = pause();
    }
    for (Watched* watched : watched_) {
      if (quiet_ < kQuiet) {
        watched->loop.set_hand(hand_at(now));
      } else if (quiet_ == kQuiet) {
        watched->loop.set_hand(Loop::kHandRests);
      }
      if (options_.limit > Nanos{}) {
        if (blind && !watched->seen.stuck) {
          watched->seen = StallSeen(watched->loop.pulse(), now, watched->thread->processor_time());
        } else {
          look_at(*watched, now);
        }
      }
    }
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
  return next;
} catch (...) {
  host_.log("vigil: a stall could not be reported: there was no memory, or who is told threw.");
  return pause();
}

// Whether no loop has turned since the last look. At the kQuiet-th time the hands are told to rest,
// and who turns from then on says so. One that began just then may not have seen that, or is not
// seen here yet: so one more look follows before there is none.
bool StallWatcher::Core::all_rest() noexcept {
  bool rests = true;
  for (Watched* watched : watched_) {
    const std::uint64_t pulse = watched->loop.pulse();
    const bool same = pulse == std::exchange(watched->pulse, pulse);
    rests = rests && same && pulse % 2 == 0;
  }
  return rests;
}

// Not under the lock: somebody may have it who waits for a loop.
std::uint32_t StallWatcher::Core::move_hand(Loop& loop) noexcept {
  const std::uint32_t at = hand_at(loop.now());
  loop.set_hand(at);
  thread_->look_now();
  return at;
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
  // Now, while the work is under way: its name may be no more to be had when the stall is over.
  if (seen.tag != 0 && watched.tags) {
    seen.work = watched.tags(seen.tag);
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
  report.work = seen.work;
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

}  // namespace vigil
