// What the system refuses, and what helps against it.
#include "vigil/runtime/explain.hpp"

namespace vigil {
namespace {

// " (--listen 127.0.0.1:8080)", or nothing for a program without such an option.
std::string example(const Address& address, std::uint16_t port, std::string_view option) {
  if (option.empty()) {
    return {};
  }
  Address other = address;
  other.name().port = port;
  return " (" + std::string(option) + " " + other.text() + ")";
}

std::string advice_for_path(const std::error_code& error) {
  if (error == std::errc::address_in_use) {
    // bind(2) says the same of both.
    return "A server that runs has this socket, or the path is that of a file that is no socket: "
           "stop the server, or choose another path.";
  }
  if (error == std::errc::no_such_file_or_directory) {
    return "Create its directory first.";
  }
  return "Choose a path in a directory that this user may write to.";
}

std::string advice(const Address& address, const std::error_code& error, std::string_view option) {
  if (address.is_local()) {
    return advice_for_path(error);
  }
  if (error == std::errc::permission_denied) {
    return "Use a port above 1023" + example(address, 8080, option) +
           " or grant CAP_NET_BIND_SERVICE.";
  }
  if (error == std::errc::operation_not_permitted) {
    return "The system's policy forbids it; busy-polling of the card (SO_BUSY_POLL), if it was "
           "asked for, takes CAP_NET_ADMIN.";
  }
  if (error == std::errc::address_in_use) {
    return "Stop the server that has this port (ss -ltnp shows it), or choose another" +
           example(address, 0, option) + "; port 0 takes any that is free.";
  }
  if (error == std::errc::address_not_available) {
    return "Use an address of this machine (ip address lists them).";
  }
  if (error == std::errc::address_family_not_supported) {
    return "This system has no IPv6: use an IPv4 address, such as 127.0.0.1.";
  }
  if (error == std::errc::too_many_files_open) {
    return "Raise the limit of open files (ulimit -n).";
  }
  return "Choose another address.";
}

}  // namespace

std::string reason(const std::error_code& error) {
  std::string text = error.message();
  // "Permission denied" becomes "permission denied"; "I/O error" keeps its capitals.
  if (text.size() > 1 && text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'a' && text[1] <= 'z') {
    text[0] = static_cast<char>(text[0] - 'A' + 'a');
  }
  return text;
}

std::string cannot_listen(const Address& address, const std::error_code& error,
                          std::string_view option) {
  return "cannot listen on " + address.text() + ": " + reason(error) + ". " +
         advice(address, error, option);
}

}  // namespace vigil
