// System calls by their numbers, as a thread's /proc/.../syscall tells them.
#pragma once

#include <string>

namespace vigil {

// "read(2)"; "system call 123" for one that is not known.
std::string system_call_name(long number);

}  // namespace vigil
