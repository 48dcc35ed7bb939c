// Giving root up: setuid(7) in the order in which each step still may. The C library does it for
// all threads, where the system calls do it for one.
#include "loop/become_user.hpp"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <string>
#include <vector>

namespace vigil {
namespace {

struct Account {
  std::string name;
  uid_t user;
  gid_t group;
};

Result<Account> find_account(std::string_view user) {
  const std::string name(user);
  uid_t number = 0;
  const auto [end, fault] = std::from_chars(user.data(), user.data() + user.size(), number);
  const bool numeric = fault == std::errc{} && end == user.data() + user.size();
  std::vector<char> room(1024);
  for (;;) {
    passwd entry{};
    passwd* found = nullptr;
    const int failure = numeric
                            ? ::getpwuid_r(number, &entry, room.data(), room.size(), &found)
                            : ::getpwnam_r(name.c_str(), &entry, room.data(), room.size(), &found);
    if (failure == ERANGE) {
      room.resize(room.size() * 2);
    } else if (failure != 0 && failure != EINTR && failure != ENOENT) {
      return failed(-failure);
    } else if (failure != EINTR) {
      if (found == nullptr) {
        return error(std::errc::no_such_file_or_directory);
      }
      return Account{found->pw_name, found->pw_uid, found->pw_gid};
    }
  }
}

bool is_already(uid_t user) noexcept {
  uid_t real = 0;
  uid_t effective = 0;
  uid_t saved = 0;
  return ::getresuid(&real, &effective, &saved) == 0 && real == user && effective == user &&
         saved == user;
}

}  // namespace

Result<> become_user(std::string_view user) {
  const Result<Account> account = find_account(user);
  if (!account) {
    return std::unexpected(account.error());
  }
  if (is_already(account->user)) {
    return {};
  }
  const gid_t group = account->group;
  if (::initgroups(account->name.c_str(), group) != 0 || ::setresgid(group, group, group) != 0 ||
      ::setresuid(account->user, account->user, account->user) != 0) {
    return failed(-errno);
  }
  return {};
}

}  // namespace vigil
