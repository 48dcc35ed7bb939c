// Names to addresses.
#pragma once

#include <cstdint>
#include <string>
#include <system_error>
#include <vector>

#include "vigil/base/result.hpp"
#include "vigil/coro/task.hpp"
#include "vigil/net/address.hpp"

namespace vigil {

// Why a name has no address here. getaddrinfo(3).
enum class ResolveError {
  not_found = 1,      // there is no such name
  temporary = 2,      // the name server did not answer: try again later
  no_address = 3,     // the name is known, but without an address of the family that was asked for
  server_failure = 4  // the name server, or its configuration, failed
};
// Its name is "vigil.resolve".
const std::error_category& resolve_category() noexcept;
std::error_code make_error_code(ResolveError reason) noexcept;

// Which addresses are wanted.
enum class AddressFamily : std::uint8_t { any, ipv4, ipv6 };

// The addresses of `name`, each with `port`, in the order in which to try them: as the system sorts
// them (RFC 6724), the families in turn (RFC 8305 section 4). `any` leaves a family out that this
// machine has no address of. At least one, at most 32, each once.
//
// An address written in numbers ("127.0.0.1", "::1", "fe80::1%2") is read at once. A name goes to
// the loop's resolver lane, where a thread asks the system (files, DNS, whatever nsswitch.conf(5)
// says) and may wait for the network.
//
// Cancel, a deadline too, ends it at once with operation_canceled; the thread goes on until the
// system answers, which nobody sees then. A loop that is to end waits for such a thread.
// Errors: ResolveError, invalid_argument (an empty name, one with a zero byte or above 253 bytes),
// not_enough_memory, EAGAIN (no thread could be started).
Task<Result<std::vector<Address>>> resolve(std::string name, std::uint16_t port,
                                           AddressFamily family = AddressFamily::any);

}  // namespace vigil

template <>
struct std::is_error_code_enum<vigil::ResolveError> : std::true_type {};
