// What TCP, UDP and their listeners share: operations that never wait, done through the loop.
#pragma once

#include "loop/perform_now.hpp"
#include "vigil/base/result.hpp"
#include "vigil/loop/loop.hpp"
#include "vigil/net/address.hpp"

namespace vigil::detail {

// Opens a socket as `args` say and attaches it; nothing is left open on an error.
Result<Descriptor*> open_attached(
    const SocketArgs& args, Attach how,
    std::source_location where = std::source_location::current()) noexcept;

Result<Descriptor*> adopt_attached(
    NativeHandle handle, AdoptArgs::What wanted, Attach how,
    std::source_location where = std::source_location::current()) noexcept;

Result<Address> name_of(Opcode which, Descriptor* on) noexcept;

Result<> set_option(Descriptor* on, SocketOption::Name name, int value) noexcept;

// ListenOptions::busy_poll; nothing is set for zero.
Result<> set_busy_poll(Descriptor* on, Nanos span) noexcept;

}  // namespace vigil::detail
