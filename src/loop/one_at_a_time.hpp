// A stream has one reader and one writer at a time, on every engine: who comes second is a check.
#pragma once

#include "vigil/base/check.hpp"
#include "vigil/loop/descriptor.hpp"

namespace vigil {

inline void check_only_reader(const Descriptor& descriptor) noexcept {
  check(descriptor.reader == nullptr,
        "a second task began to read from a stream while one is still reading: one reader at a "
        "time, so take turns through a Mutex or one reading task");
}

inline void check_only_writer(const Descriptor& descriptor) noexcept {
  check(descriptor.writer == nullptr,
        "a second task began to write on a stream while one is still writing: one writer at a "
        "time, so take turns through a Mutex or one writing task");
}

}  // namespace vigil
