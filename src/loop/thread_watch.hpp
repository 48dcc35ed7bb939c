// What looks at threads from beside, on a POSIX system: a thread, a signal and /proc.
#pragma once

#include <memory>

#include "vigil/loop/watch.hpp"

namespace vigil {

Result<std::unique_ptr<ThreadWatch>> start_thread_watch(ThreadWatchBody& body, int signal) noexcept;

}  // namespace vigil
