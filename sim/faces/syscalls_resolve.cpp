// A name to addresses: the hosts of the world know each other's names.
#include <cerrno>
#include <string_view>

#include "faces/syscalls.hpp"
#include "kernel/kernel.hpp"
#include "net/wires.hpp"
#include "vigil/loop/system_arguments.hpp"

namespace vigil::sim {
namespace {

constexpr std::uint8_t kNetwork4 = 10;    // 10.0.0.0/24
constexpr std::uint8_t kNetwork6 = 0xfd;  // fd00::/64

const Kernel* find(Kernel& kernel, std::string_view name) noexcept {
  Wires& wires = kernel.network().wires();
  for (HostId id = 0; const Kernel* known = wires.kernel(id); ++id) {
    if (known->name() == name) {
      return known;
    }
  }
  return nullptr;
}

SocketName address(SocketName::Family family, std::uint16_t port, const Kernel* host) noexcept {
  SocketName name;
  name.family = family;
  name.port = port;
  const bool ipv4 = family == SocketName::Family::ipv4;
  if (host == nullptr) {  // this machine
    name.ip[ipv4 ? 0 : 15] = ipv4 ? 127 : 1;
    name.ip[3] = ipv4 ? 1 : 0;
    return name;
  }
  const auto number = static_cast<std::uint16_t>(host->id() + 1);
  name.ip[0] = ipv4 ? kNetwork4 : kNetwork6;
  name.ip[ipv4 ? 2 : 14] = static_cast<std::uint8_t>(number >> 8);
  name.ip[ipv4 ? 3 : 15] = static_cast<std::uint8_t>(number & 0xff);
  return name;
}

}  // namespace

std::int32_t resolve_operation(Process& process, Op& op) noexcept {
  auto& args = *reinterpret_cast<ResolveArgs*>(op.data);
  Kernel& kernel = process.kernel();
  const std::string_view name(args.name);
  const bool local = name == "localhost";
  const Kernel* host = local ? nullptr : find(kernel, name);
  if (!local && kernel.weather().strikes(Fault::lost_datagram, kernel.id())) {
    args.failure = ResolveArgs::Failure::temporary;  // the question or the answer was lost
    return 0;
  }
  if (!local && host == nullptr) {
    args.failure = ResolveArgs::Failure::not_found;
    return 0;
  }
  std::int32_t count = 0;
  for (const auto family : {SocketName::Family::ipv4, SocketName::Family::ipv6}) {
    if ((args.family == SocketName::Family::none || args.family == family) &&
        static_cast<std::size_t>(count) < args.found.size()) {
      args.found[static_cast<std::size_t>(count++)] = address(family, args.port, host);
    }
  }
  return count;
}

}  // namespace vigil::sim
