// Questions of a parent process, over a line (processes/words.hpp).
#pragma once

#include "admin/answer.hpp"
#include "vigil/base/handle.hpp"
#include "vigil/coro/task.hpp"

namespace vigil::app {

// On the admin loop, until it is cancelled or nobody asks any more: answers as the admin socket
// does to the owner, one question after the other. The line is this task's.
Task<> answer_questions(NativeHandle line, AdminService* service);

}  // namespace vigil::app
