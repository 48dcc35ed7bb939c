// A name to addresses: getaddrinfo(3), which may wait for the network as long as it likes.
#include <netdb.h>

#include <cstdio>
#include <cstring>
#include <memory>

#include "loop/operations.hpp"
#include "vigil/loop/system_arguments.hpp"

namespace vigil {
namespace {

ResolveArgs::Failure reason(int code) noexcept {
  switch (code) {
    case EAI_NONAME:
      return ResolveArgs::Failure::not_found;
    case EAI_AGAIN:
      return ResolveArgs::Failure::temporary;
    case EAI_NODATA:
    case EAI_ADDRFAMILY:
      return ResolveArgs::Failure::no_address;
    default:
      return ResolveArgs::Failure::failed;
  }
}

}  // namespace

std::int32_t perform_resolve(Op& op) noexcept {
  auto& args = *reinterpret_cast<ResolveArgs*>(op.data);
  char port[8];
  std::snprintf(port, sizeof port, "%u", static_cast<unsigned>(args.port));
  addrinfo hints{};
  hints.ai_family = family_of(args.family);
  hints.ai_socktype = SOCK_STREAM;  // else each address comes once for every kind of socket
  hints.ai_flags = AI_NUMERICSERV | (args.family == SocketName::Family::none ? AI_ADDRCONFIG : 0);
  addrinfo* list = nullptr;
  const int code = ::getaddrinfo(args.name, port, &hints, &list);
  if (code != 0) {
    const int number = errno;
    if (code == EAI_SYSTEM || code == EAI_MEMORY) {
      return code == EAI_MEMORY || number == 0 ? -ENOMEM : -number;
    }
    args.failure = reason(code);
    return 0;
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owned(list, &::freeaddrinfo);
  std::size_t count = 0;
  for (const addrinfo* one = list; one != nullptr && count < args.found.size();
       one = one->ai_next) {
    SocketAddress address{};
    if (one->ai_addrlen <= sizeof address) {
      std::memcpy(&address, one->ai_addr, one->ai_addrlen);
      decode(address, one->ai_addrlen, args.found[count++]);
    }
  }
  if (count == 0) {
    args.failure = ResolveArgs::Failure::no_address;
  }
  return static_cast<std::int32_t>(count);
}

}  // namespace vigil
