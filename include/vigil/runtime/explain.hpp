// The sentences in which a program says what the system refused: what failed, why, and what to do.
#pragma once

#include <string>
#include <string_view>
#include <system_error>

#include "vigil/net/address.hpp"

namespace vigil {

// What `error` says, as it stands inside a sentence: "permission denied". Any thread.
std::string reason(const std::error_code& error);

// "cannot listen on 127.0.0.1:80: permission denied. Use a port above 1023 or grant
// CAP_NET_BIND_SERVICE." `option` is the program's own, "--listen" say, and is named with an
// example where another address would help. Any thread.
std::string cannot_listen(const Address& address, const std::error_code& error,
                          std::string_view option = {});

}  // namespace vigil
