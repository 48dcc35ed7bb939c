// A thread that turns a shard's loop; a name and a processor for a thread.
#include "loop/shard_thread.hpp"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>
#include <optional>

#include "loop/pin.hpp"
#include "vigil/loop/loop.hpp"

namespace vigil {
namespace {

constexpr std::size_t kNameRoom = 16;  // pthread_setname_np(3), with the zero

void give_name(pthread_t thread, const std::string& name) noexcept {
  std::array<char, kNameRoom> cut{};
  name.copy(cut.data(), kNameRoom - 1);
  ::pthread_setname_np(thread, cut.data());
}

class ShardThread final : public Host::Thread {
 public:
  explicit ShardThread(ShardBody& body) noexcept : body_(body) {}
  ~ShardThread() override {
    if (started_) {
      ::pthread_join(thread_, nullptr);
    }
  }

  int start(const ThreadPlace& place) noexcept {
    const Unpinned everywhere;
    if (!place.processor) {
      return named(create(), place);
    }
    // Before it begins, so that its memory comes from there: it inherits the mask of its maker.
    before_ = own_mask();
    processor_ = *place.processor;
    if (!before_) {
      return ENOMEM;
    }
    if (const int failed = stay_on(processor_); failed != 0) {
      return failed;
    }
    const int failed = create();
    take_mask(*before_);
    return named(failed, place);
  }

 private:
  int named(int failed, const ThreadPlace& place) noexcept {
    if (failed == 0) {
      started_ = true;
      give_name(thread_, place.name);
    }
    return failed;
  }

  int create() noexcept {
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    const int failed = ::pthread_create(
        &thread_, nullptr,
        [](void* argument) -> void* {
          static_cast<ShardThread*>(argument)->run();
          return nullptr;
        },
        this);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return failed;
  }

  void run() noexcept {
    std::optional<Pinned> pinned;
    if (before_) {
      pinned.emplace(processor_, *before_);
    }
    if (Loop* loop = body_.begin(nullptr, nullptr)) {
      while (!body_.over()) {
        loop->turn();
      }
    }
    body_.end();
  }

  ShardBody& body_;
  pthread_t thread_{};
  std::unique_ptr<ProcessorMask> before_;
  unsigned processor_ = 0;
  bool started_ = false;
};

class OwnPlace final : public Host::Thread {
 public:
  ~OwnPlace() override {
    ::pthread_setname_np(::pthread_self(), name_.data());
    if (before_) {
      pinned_.reset();
      take_mask(*before_);
    }
  }

  int take(const ThreadPlace& place) noexcept {
    ::pthread_getname_np(::pthread_self(), name_.data(), name_.size());
    if (place.processor) {
      std::unique_ptr<ProcessorMask> before = own_mask();
      if (!before) {
        return ENOMEM;
      }
      if (const int failed = stay_on(*place.processor); failed != 0) {
        return failed;
      }
      before_ = std::move(before);
      pinned_.emplace(*place.processor, *before_);
    }
    give_name(::pthread_self(), place.name);
    return 0;
  }

 private:
  std::array<char, kNameRoom> name_{};
  std::unique_ptr<ProcessorMask> before_;
  std::optional<Pinned> pinned_;
};

}  // namespace

Result<std::unique_ptr<Host::Thread>> start_shard_thread(ShardBody& body,
                                                         const ThreadPlace& place) noexcept {
  std::unique_ptr<ShardThread> thread(new (std::nothrow) ShardThread(body));
  if (!thread) {
    return error(std::errc::not_enough_memory);
  }
  if (const int failed = thread->start(place); failed != 0) {
    return error(failed);
  }
  return thread;
}

Result<std::unique_ptr<Host::Thread>> settle_thread(const ThreadPlace& place) noexcept {
  std::unique_ptr<OwnPlace> own(new (std::nothrow) OwnPlace);
  if (!own) {
    return error(std::errc::not_enough_memory);
  }
  if (const int failed = own->take(place); failed != 0) {
    return error(failed);
  }
  return own;
}

Processors usable_processors() {
  const Unpinned everywhere;
  Processors found;
  if (const std::unique_ptr<ProcessorMask> mask = own_mask()) {
    for (std::size_t processor = 0; processor != mask->count(); ++processor) {
      if (mask->has(processor)) {
        found.allowed.push_back(static_cast<unsigned>(processor));
      }
    }
  }
  if (found.allowed.empty()) {
    found.allowed.push_back(0);
  }
  found.usable = static_cast<unsigned>(found.allowed.size());
  if (const auto quota = own_quota()) {
    found.usable = std::min(found.usable, *quota);
  }
  return found;
}

}  // namespace vigil
