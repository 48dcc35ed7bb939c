// How the loop, which knows no coroutines, goes on with a task.
#include "vigil/coro/task.hpp"

#include <coroutine>

namespace vigil {

void resume_task(Op& op) {
  std::coroutine_handle<detail::Promise>::from_promise(static_cast<detail::Promise&>(op)).resume();
}

}  // namespace vigil
