// Where admin sockets are.
#include "admin/socket.hpp"

#include "admin/process.hpp"
#include "vigil/fs/names.hpp"
#include "vigil/loop/loop.hpp"

namespace vigil::app {
namespace {

constexpr std::uint32_t kOwnerOnly = 0600;

Result<AdminSocket> listen_at(const std::string& path) {
  const auto address = Address::local(path);
  if (!address) {
    return std::unexpected(address.error());
  }
  auto listener = TcpListener::listen(*address, {.mode = kOwnerOnly});
  if (!listener) {
    return std::unexpected(listener.error());
  }
  return AdminSocket{std::move(*listener), path};
}

}  // namespace

std::vector<std::string> admin_directories() {
  std::vector<std::string> all{"/run/vigil"};
  const auto runtime = Loop::current()->host().environment("XDG_RUNTIME_DIR");
  if (runtime && !runtime->empty()) {
    all.push_back(*runtime + "/vigil");
  }
  return all;
}

std::string before_its_time(const std::string& path) { return path + ".new"; }

Task<Result<AdminSocket>> open_admin_socket(std::string where, bool succeeds) {
  if (where != "auto") {
    co_return listen_at(succeeds ? before_its_time(where) : where);
  }
  auto looking = look_at_process(0);
  const ProcessSnapshot own = co_await std::move(looking);
  for (const std::string& directory : admin_directories()) {
    auto making = fs::make_directory(directory, 0700);
    const Result<> made = co_await std::move(making);
    if (!made && made.error() != std::errc::file_exists) {
      continue;
    }
    auto socket = listen_at(directory + "/" + std::to_string(own.id) + ".sock");
    if (socket) {
      co_return socket;
    }
  }
  co_return AdminSocket{};
}

}  // namespace vigil::app
