// The processors that a thread may have: sched_setaffinity(2), which threads and children inherit.
#include "loop/pin.hpp"

#include <cerrno>
#include <new>

namespace vigil {
namespace {

thread_local const Pinned* own_pin = nullptr;

}  // namespace

std::unique_ptr<ProcessorMask> own_mask() noexcept {
  // The kernel refuses a mask that is smaller than its own.
  for (std::size_t count = 1024; count <= std::size_t{1} << 20; count *= 2) {
    std::unique_ptr<ProcessorMask> mask(new (std::nothrow) ProcessorMask(count));
    if (!mask || !*mask) {
      return nullptr;
    }
    if (::sched_getaffinity(0, mask->bytes(), mask->get()) == 0) {
      return mask;
    }
  }
  return nullptr;
}

int take_mask(const ProcessorMask& mask) noexcept {
  return ::sched_setaffinity(0, mask.bytes(), mask.get()) == 0 ? 0 : errno;
}

int stay_on(unsigned processor) noexcept {
  const ProcessorMask one(processor + std::size_t{1});
  if (!one) {
    return ENOMEM;
  }
  CPU_ZERO_S(one.bytes(), one.get());
  CPU_SET_S(processor, one.bytes(), one.get());
  return take_mask(one);
}

Pinned::Pinned(unsigned processor, const ProcessorMask& before) noexcept
    : processor_(processor), before_(before) {
  own_pin = this;
}

Pinned::~Pinned() { own_pin = nullptr; }

Unpinned::Unpinned() noexcept {
  if (own_pin != nullptr) {
    take_mask(own_pin->before_);
  }
}

Unpinned::~Unpinned() {
  if (own_pin != nullptr) {
    stay_on(own_pin->processor_);
  }
}

}  // namespace vigil
