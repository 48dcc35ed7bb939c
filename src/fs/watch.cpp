// File changes over the system's queue of them.
#include "vigil/fs/watch.hpp"

#include <cerrno>
#include <new>
#include <vector>

#include "loop/perform_now.hpp"
#include "vigil/loop/system_arguments.hpp"

namespace vigil::fs {
namespace {

class WatchCategory final : public std::error_category {
 public:
  const char* name() const noexcept override { return "vigil.watch"; }
  std::string message(int value) const override {
    switch (static_cast<WatchError>(value)) {
      case WatchError::too_many_watches:
        return "no more files can be watched: raise fs.inotify.max_user_watches (sysctl)";
      case WatchError::too_many_queues:
        return "no more file watchers can be made: raise fs.inotify.max_user_instances (sysctl)";
    }
    return "unknown";
  }
  std::error_condition default_error_condition(int value) const noexcept override {
    return static_cast<WatchError>(value) == WatchError::too_many_watches
               ? std::errc::no_space_on_device
               : std::errc::too_many_files_open;
  }
};

}  // namespace

const std::error_category& watch_category() noexcept {
  static const WatchCategory category;
  return category;
}

std::error_code make_error_code(WatchError limit) noexcept {
  return {static_cast<int>(limit), watch_category()};
}

struct Watch::State {
  State(Descriptor* descriptor, void* made) noexcept : on(descriptor), queue(made) {}
  ~State() {
    Loop::current()->detach(*on);
    WatchChangeArgs args{.what = WatchChangeArgs::Do::close, .queue = queue};
    vigil::detail::perform_now(Opcode::watch_change, nullptr, &args);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  // Moves one bounded batch from the system's queue to ours. False: nothing was there.
  bool take() {
    WatchChangeArgs args{
        .what = WatchChangeArgs::Do::take,
        .queue = queue,
        .each = [](void* context,
                   const WatchedChange& change) { static_cast<State*>(context)->keep(change); },
        .context = this};
    return vigil::detail::perform_now(Opcode::watch_change, nullptr, &args) > 0;
  }

  bool empty() const noexcept { return given == pending.size() && !missed; }
  Change pop() noexcept {
    if (missed) {
      missed = false;
      return {Change::kEverything, kChangesMissed, {}, false};
    }
    Change first = std::move(pending[given]);
    if (++given == pending.size()) {
      pending.clear();
      given = 0;
    }
    return first;
  }

  Descriptor* on;
  void* queue;

 private:
  // One for which there is no memory is missed, and that is told.
  void keep(const WatchedChange& change) noexcept {
    try {
      pending.emplace_back(change.watch, change.changes, std::string(change.name), change.gone);
    } catch (const std::bad_alloc&) {
      missed = true;
    }
  }

  std::vector<Change> pending;
  std::size_t given = 0;  // of these
  bool missed = false;
};

Watch::Watch(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
Watch::Watch(Watch&&) noexcept = default;
Watch& Watch::operator=(Watch&&) noexcept = default;
Watch::~Watch() = default;

Result<Watch> Watch::open() noexcept {
  WatchSourceArgs args;
  const std::int32_t handle = vigil::detail::perform_now(Opcode::watch_source, nullptr, &args);
  if (handle < 0) {
    if (args.limit_is_of_queues) {
      return std::unexpected(make_error_code(WatchError::too_many_queues));
    }
    return failed(handle);
  }
  // The queue closes its handle itself.
  auto attached = Loop::current()->engine().attach(handle, Attach::foreign);
  std::unique_ptr<State> state(attached ? new (std::nothrow) State(*attached, args.queue)
                                        : nullptr);
  if (!state) {
    if (attached) {
      Loop::current()->detach(**attached);
    }
    WatchChangeArgs close{.what = WatchChangeArgs::Do::close, .queue = args.queue};
    vigil::detail::perform_now(Opcode::watch_change, nullptr, &close);
    return attached ? error(std::errc::not_enough_memory) : std::unexpected(attached.error());
  }
  return Watch(std::move(state));
}

Result<int> Watch::add_named(const char* path, NativeHandle handle,
                             std::uint32_t changes) noexcept {
  WatchChangeArgs args{.what = WatchChangeArgs::Do::add,
                       .queue = state_->queue,
                       .path = path,
                       .handle = handle,
                       .changes = changes};
  const std::int32_t watch = vigil::detail::perform_now(Opcode::watch_change, nullptr, &args);
  if (watch == -ENOSPC) {
    return std::unexpected(make_error_code(WatchError::too_many_watches));
  }
  if (watch < 0) {
    return failed(watch);
  }
  return watch;
}

Result<int> Watch::add(const std::string& path, std::uint32_t changes) noexcept {
  if (path.find('\0') != std::string::npos) {
    return error(std::errc::invalid_argument);
  }
  return add_named(path.c_str(), kNoHandle, changes);
}

Result<int> Watch::add(const Directory& directory, std::uint32_t changes) noexcept {
  return add_named(nullptr, directory.native_handle(), changes);
}

Result<int> Watch::add(const File& file, std::uint32_t changes) noexcept {
  return add_named(nullptr, file.native_handle(), changes);
}

void Watch::remove(int watch) noexcept {
  WatchChangeArgs args{.what = WatchChangeArgs::Do::remove, .queue = state_->queue, .watch = watch};
  vigil::detail::perform_now(Opcode::watch_change, nullptr, &args);
}

Task<Result<Change>> Watch::next() {
  State& state = *state_;  // stays where it is if this object is moved meanwhile
  while (state.empty() && !state.take()) {
    const std::int32_t ready =
        co_await vigil::detail::Operation(Opcode::poll_in, state.on, nullptr);
    if (ready < 0) {
      co_return failed(ready);
    }
  }
  co_return state.pop();
}

}  // namespace vigil::fs
