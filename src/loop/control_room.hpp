// ControlRoom: room for what goes beside the bytes of a message (cmsg(3)): open handles alone.
#pragma once

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <span>

#include "vigil/base/handle.hpp"
#include "vigil/loop/arguments.hpp"

namespace vigil {

class ControlRoom {
 public:
  // Room for so many handles that come, and not for the one more that padding has room for: nobody
  // would close it.
  void offer(msghdr& message, std::size_t handles) noexcept {
    message.msg_control = room_.data();
    message.msg_controllen =
        CMSG_LEN(std::min(handles, Datagram::kMostHandles) * sizeof(NativeHandle));
  }

  // Handles to go, kMostHandles at most.
  void put(msghdr& message, std::span<const NativeHandle> handles) noexcept {
    message.msg_control = room_.data();
    message.msg_controllen = CMSG_SPACE(handles.size_bytes());
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(handles.size_bytes());
    std::memcpy(CMSG_DATA(header), handles.data(), handles.size_bytes());
  }

  // Those that came, into what offer() told of; how many.
  static std::size_t take(msghdr& message, std::span<NativeHandle> into) noexcept {
    std::size_t count = 0;
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
         header = CMSG_NXTHDR(&message, header)) {
      if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
        continue;
      }
      const std::size_t came = (header->cmsg_len - CMSG_LEN(0)) / sizeof(NativeHandle);
      const std::size_t taken = std::min(came, into.size() - count);
      std::memcpy(into.data() + count, CMSG_DATA(header), taken * sizeof(NativeHandle));
      count += taken;
    }
    return count;
  }

 private:
  static constexpr std::size_t kRoom = CMSG_SPACE(Datagram::kMostHandles * sizeof(NativeHandle));
  alignas(cmsghdr) std::array<std::byte, kRoom> room_;
};

}  // namespace vigil
