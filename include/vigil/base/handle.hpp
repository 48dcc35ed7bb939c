// NativeHandle: what the system calls an open file or socket.
#pragma once

namespace vigil {

// A file descriptor. -1 is no handle. (A SOCKET or HANDLE on Windows, where this header differs.)
using NativeHandle = int;
inline constexpr NativeHandle kNoHandle = -1;

}  // namespace vigil
