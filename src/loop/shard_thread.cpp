// A thread that turns a shard's loop; a name and a processor for a thread.
#include "loop/shard_thread.hpp"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>

#include "vigil/loop/loop.hpp"

namespace vigil {
namespace {

constexpr std::size_t kNameRoom = 16;  // pthread_setname_np(3), with the zero

// The processors of one thread, as many as the kernel knows.
class Mask {
 public:
  explicit Mask(std::size_t count) noexcept : count_(count), set_(CPU_ALLOC(count)) {}
  ~Mask() {
    if (set_ != nullptr) {
      CPU_FREE(set_);
    }
  }
  Mask(const Mask&) = delete;
  Mask& operator=(const Mask&) = delete;

  explicit operator bool() const noexcept { return set_ != nullptr; }
  std::size_t bytes() const noexcept { return CPU_ALLOC_SIZE(count_); }
  std::size_t count() const noexcept { return count_; }
  cpu_set_t* get() const noexcept { return set_; }
  bool has(std::size_t processor) const noexcept {
    return CPU_ISSET_S(processor, bytes(), set_) != 0;
  }

 private:
  std::size_t count_;
  cpu_set_t* set_;
};

// The calling thread's; null if there is no memory.
std::unique_ptr<Mask> own_mask() noexcept {
  // The kernel refuses a mask that is smaller than its own.
  for (std::size_t count = 1024; count <= std::size_t{1} << 20; count *= 2) {
    std::unique_ptr<Mask> mask(new (std::nothrow) Mask(count));
    if (!mask || !*mask) {
      return nullptr;
    }
    if (::sched_getaffinity(0, mask->bytes(), mask->get()) == 0) {
      return mask;
    }
  }
  return nullptr;
}

// 0 or an errno.
int stay_on(pthread_t thread, unsigned processor) noexcept {
  const Mask one(processor + std::size_t{1});
  if (!one) {
    return ENOMEM;
  }
  CPU_ZERO_S(one.bytes(), one.get());
  CPU_SET_S(processor, one.bytes(), one.get());
  return ::pthread_setaffinity_np(thread, one.bytes(), one.get());
}

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
    if (place.processor) {
      // Before it begins, so that its memory comes from there: it inherits the mask of its maker.
      const std::unique_ptr<Mask> before = own_mask();
      if (!before) {
        return ENOMEM;
      }
      if (const int failed = stay_on(::pthread_self(), *place.processor); failed != 0) {
        return failed;
      }
      const int failed = create();
      ::pthread_setaffinity_np(::pthread_self(), before->bytes(), before->get());
      return named(failed, place);
    }
    return named(create(), place);
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
    if (Loop* loop = body_.begin(nullptr, nullptr)) {
      while (!body_.over()) {
        loop->turn();
      }
    }
    body_.end();
  }

  ShardBody& body_;
  pthread_t thread_{};
  bool started_ = false;
};

class OwnPlace final : public Host::Thread {
 public:
  ~OwnPlace() override {
    ::pthread_setname_np(::pthread_self(), name_.data());
    if (before_) {
      ::pthread_setaffinity_np(::pthread_self(), before_->bytes(), before_->get());
    }
  }

  int take(const ThreadPlace& place) noexcept {
    ::pthread_getname_np(::pthread_self(), name_.data(), name_.size());
    if (place.processor) {
      std::unique_ptr<Mask> before = own_mask();
      if (!before) {
        return ENOMEM;
      }
      if (const int failed = stay_on(::pthread_self(), *place.processor); failed != 0) {
        return failed;
      }
      before_ = std::move(before);
    }
    give_name(::pthread_self(), place.name);
    return 0;
  }

 private:
  std::array<char, kNameRoom> name_{};
  std::unique_ptr<Mask> before_;
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
  Processors found;
  if (const std::unique_ptr<Mask> mask = own_mask()) {
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
