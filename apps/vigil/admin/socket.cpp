// Where admin sockets are.
#include "admin/socket.hpp"

#include "admin/process.hpp"
#include "vigil/fs/directory.hpp"
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

Task<std::vector<std::string>> sockets_in(std::string directory) {
  std::vector<std::string> found;
  auto opening = fs::Directory::open(directory);
  auto opened = co_await std::move(opening);
  if (!opened) {
    co_return found;
  }
  auto listing = opened->list();
  auto names = co_await std::move(listing);
  bool more = names.has_value();
  while (more) {
    auto reading = names->next();
    const auto batch = co_await std::move(reading);
    more = batch && !batch->empty();
    for (std::size_t i = 0; more && i != batch->size(); ++i) {
      const fs::Entry& entry = (*batch)[i];
      if (entry.kind == fs::Kind::socket && entry.name.ends_with(".sock")) {
        found.push_back(directory + "/" + std::string(entry.name));
      }
    }
  }
  co_return found;
}

namespace {

// Whether a server was there, and is not any more: nobody has its number, and nobody listens.
Task<bool> is_left_behind(std::string path) {
  const std::size_t name = path.rfind('/') + 1;
  auto looking = fs::status_of("/proc/" + path.substr(name, path.rfind('.') - name));
  const auto process = co_await std::move(looking);
  const auto address = Address::local(path);
  if (process || process.error() != std::errc::no_such_file_or_directory || !address) {
    co_return false;
  }
  auto connecting = TcpStream::connect(*address);
  const auto connected = co_await std::move(connecting);
  co_return !connected && connected.error() == std::errc::connection_refused;
}

// Of servers that were killed, or had no right any more (--user) to take theirs away.
Task<> remove_left_behind(std::string directory) {
  auto looking = sockets_in(std::move(directory));
  const std::vector<std::string> paths = co_await std::move(looking);
  for (const std::string& path : paths) {
    auto asking = is_left_behind(path);
    if (co_await std::move(asking)) {
      auto removing = fs::unlink(path);
      static_cast<void>(co_await std::move(removing));
    }
  }
}

}  // namespace

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
      auto removing = remove_left_behind(directory);
      co_await std::move(removing);
      co_return socket;
    }
  }
  co_return AdminSocket{};
}

}  // namespace vigil::app
