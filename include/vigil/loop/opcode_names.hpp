// What an operation is called in dumps and traces.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "vigil/loop/op.hpp"

namespace vigil {

constexpr std::string_view name_of(Opcode code) noexcept {
  constexpr std::array<std::string_view, 52> kNames{"nothing",
                                                    "a task",
                                                    "the tasks of its scope",
                                                    "an event",
                                                    "a timer",
                                                    "a letter",
                                                    "a call to another shard",
                                                    "an offloaded call",
                                                    "receive",
                                                    "read",
                                                    "receive_from",
                                                    "accept",
                                                    "readability",
                                                    "send",
                                                    "send_more",
                                                    "send_zero_copy",
                                                    "send_many",
                                                    "send_to",
                                                    "send_file",
                                                    "connect",
                                                    "writability",
                                                    "open_socket",
                                                    "shutdown",
                                                    "option",
                                                    "local_name",
                                                    "peer_name",
                                                    "socket_queues",
                                                    "socket_pair",
                                                    "pipe",
                                                    "adopt",
                                                    "signals",
                                                    "watch",
                                                    "watch_change",
                                                    "spawn",
                                                    "kill",
                                                    "reap",
                                                    "open",
                                                    "stat",
                                                    "read_at",
                                                    "write_at",
                                                    "read_parts",
                                                    "write_parts",
                                                    "list",
                                                    "close",
                                                    "sync",
                                                    "allocate",
                                                    "truncate",
                                                    "mkdir",
                                                    "unlink",
                                                    "rename",
                                                    "fetch",
                                                    "resolve"};
  static_assert(kNames.size() == static_cast<std::size_t>(Opcode::resolve) + 1);
  return kNames[static_cast<std::size_t>(code)];
}

}  // namespace vigil
