// What a watcher's users call: it begins, watches a loop, dumps all.
#include "vigil/runtime/stall_watcher.hpp"

#include <new>
#include <utility>

#include "runtime/stall_core.hpp"
#include "vigil/net/address.hpp"

namespace vigil {
namespace {

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

Result<std::unique_ptr<StallWatcher::Watch>> StallWatcher::Core::watch(std::string name,
                                                                       TagName tags) try {
  Loop* loop = Loop::current();
  check(loop != nullptr, "StallWatcher::watch was called on a thread without a loop");
  auto room = DumpRoom::make(options_.dump_records);
  if (!room) {
    return std::unexpected(room.error());
  }
  auto made =
      std::make_unique<Watched>(*this, *loop, std::move(name), std::move(tags), std::move(*room));
  const std::scoped_lock lock(mutex_);
  watched_.reserve(watched_.size() + 1);
  auto thread = thread_->enlist(*made);
  if (!thread) {
    return std::unexpected(thread.error());
  }
  made->thread = std::move(*thread);
  loop->set_hand_mover(this);
  loop->set_hand(hand_at(loop->syscalls().now()));
  watched_.push_back(made.get());
  quiet_ = 0;
  thread_->look_now();
  return made;
} catch (const std::bad_alloc&) {
  return error(std::errc::not_enough_memory);
}

std::vector<LoopDump> StallWatcher::Core::dump(Nanos at_most) {
  std::vector<LoopDump> dumps;
  const std::scoped_lock lock(mutex_);
  quiet_ = 0;
  thread_->look_now();
  for (Watched* watched : watched_) {
    watched->loop.set_hand(hand_at(watched->loop.syscalls().now()));
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
    one.dump = read_dump(
        watched->room, now,
        [&calls](NativeHandle handle, Opcode code) { return socket_name(calls, handle, code); },
        watched->tags);
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
  if constexpr (!kInstruments) {
    return error(std::errc::function_not_supported);
  }
  auto core = std::make_unique<Core>(host, std::move(options));
  if (const Result<> started = core->start(); !started) {
    return std::unexpected(started.error());
  }
  return std::unique_ptr<StallWatcher>(new StallWatcher(std::move(core)));
} catch (const std::bad_alloc&) {
  return error(std::errc::not_enough_memory);
}

Result<std::unique_ptr<StallWatcher::Watch>> StallWatcher::watch(std::string name, TagName tags) {
  return core_->watch(std::move(name), std::move(tags));
}

std::vector<LoopDump> StallWatcher::dump(Nanos at_most) { return core_->dump(at_most); }

std::vector<StallFigures> StallWatcher::figures() const { return core_->figures(); }

}  // namespace vigil
