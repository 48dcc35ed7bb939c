// Who is bound to which port, and which is free.
#include "kernel/ports.hpp"

#include <cerrno>

namespace vigil::sim {

Ports::Ports(std::uint64_t seed, HostId host, std::uint16_t first, std::uint16_t last) noexcept
    : random_(seed + host, "ports"), salt_(random_.next()), first_(first), last_(last) {}

// Whether the two would both be meant by some address.
bool Ports::overlap(const PortUser& a, const PortUser& b) noexcept {
  const bool a_v4 = a.local.is_v4();
  const bool b_v4 = b.local.is_v4();
  if (a_v4 == b_v4) {
    return a.local.is_any() || b.local.is_any() || a.local.ip == b.local.ip;
  }
  const PortUser& six = a_v4 ? b : a;
  return six.local.is_any() && !six.only_v6;
}

bool Ports::conflict(const PortUser& user, std::uint16_t port) const noexcept {
  const auto row = rows_.find(port);
  if (row == rows_.end()) {
    return false;
  }
  for (const PortUser* list : {row->second.bound, row->second.connections}) {
    for (const PortUser* other = list; other != nullptr; other = other->next_user) {
      const bool shared = user.reuse_port && other->reuse_port;
      const bool reused = user.reuse_address && other->reuse_address && !other->listening;
      if (other != &user && overlap(user, *other) && !shared && !reused) {
        return true;
      }
    }
  }
  return false;
}

std::uint16_t Ports::draw() noexcept {
  return static_cast<std::uint16_t>(random_.between(first_, last_));
}

int Ports::bind(PortUser& user, std::uint16_t port) {
  if (port != 0) {
    if (conflict(user, port)) {
      return -EADDRINUSE;
    }
  } else {
    const unsigned span = last_ - first_ + 1u;
    const std::uint16_t begin = draw();
    unsigned tried = 0;
    do {
      if (tried == span) {
        return -EADDRINUSE;
      }
      port = static_cast<std::uint16_t>(first_ + (begin - first_ + tried) % span);
      ++tried;
    } while (rows_.contains(port));
  }
  user.local.port = port;
  add(user);
  return 0;
}

int Ports::bind_for_peer(PortUser& user) {
  const unsigned span = last_ - first_ + 1u;
  const std::uint16_t begin = draw();
  for (unsigned tried = 0; tried != span; ++tried) {
    user.local.port = static_cast<std::uint16_t>(first_ + (begin - first_ + tried) % span);
    const auto row = rows_.find(user.local.port);
    // A port that bind(2) or listen(2) gave somebody is left alone.
    if (row == rows_.end() || (row->second.bound == nullptr && !connected(user))) {
      add(user);
      return 0;
    }
  }
  user.local.port = 0;
  return -EADDRNOTAVAIL;
}

bool Ports::connected(const PortUser& user) const noexcept {
  const auto row = rows_.find(user.local.port);
  if (row == rows_.end()) {
    return false;
  }
  for (const PortUser* other = row->second.connections; other != nullptr;
       other = other->next_user) {
    if (other != &user && other->peer == user.peer && other->local == user.local) {
      return true;
    }
  }
  return false;
}

bool Ports::may_listen(const PortUser& user) const noexcept {
  const auto row = rows_.find(user.local.port);
  if (row == rows_.end()) {
    return true;
  }
  for (const PortUser* other = row->second.bound; other != nullptr; other = other->next_user) {
    if (other != &user && other->listening && overlap(user, *other) &&
        !(user.reuse_port && other->reuse_port)) {
      return false;
    }
  }
  return true;
}

void Ports::join(PortUser& user) { add(user); }

void Ports::moved(PortUser& user) {
  if (user.has_row) {
    unlink(user);
  }
  add(user);
}

void Ports::add(PortUser& user) {
  Row& row = rows_[user.local.port];
  user.in_connections = !user.listening && user.peer.port != 0;
  PortUser*& first = user.in_connections ? row.connections : row.bound;
  PortUser*& last = user.in_connections ? row.connections_last : row.bound_last;
  user.previous_user = last;
  user.next_user = nullptr;
  (last != nullptr ? last->next_user : first) = &user;
  last = &user;
  user.has_row = true;
}

void Ports::unlink(PortUser& user) noexcept {
  Row& row = rows_.find(user.local.port)->second;
  PortUser*& first = user.in_connections ? row.connections : row.bound;
  PortUser*& last = user.in_connections ? row.connections_last : row.bound_last;
  (user.previous_user != nullptr ? user.previous_user->next_user : first) = user.next_user;
  (user.next_user != nullptr ? user.next_user->previous_user : last) = user.previous_user;
  user.has_row = false;
}

void Ports::leave(PortUser& user) noexcept {
  if (user.has_row) {
    unlink(user);
    if (const auto row = rows_.find(user.local.port); row->second.empty()) {
      rows_.erase(row);
    }
  }
}

namespace {

// How well `user` fits; 0: not at all.
int fit(const PortUser& user, const Endpoint& to) noexcept {
  if (user.local.ip == to.ip) {
    return 4;
  }
  if (!user.local.is_any()) {
    return 0;
  }
  if (user.local.is_v4() == to.is_v4()) {
    return 2;
  }
  return to.is_v4() && !user.only_v6 ? 1 : 0;
}

std::uint64_t mix(std::uint64_t state, const Endpoint& endpoint) noexcept {
  for (const std::uint8_t byte : endpoint.ip) {
    state = (state ^ byte) * 0x100000001b3ULL;
  }
  state = (state ^ endpoint.port) * 0x9e3779b97f4a7c15ULL;
  return state ^ (state >> 29);
}

}  // namespace

PortUser* Ports::find(const Endpoint& to, const Endpoint& from, bool listening) const noexcept {
  const auto row = rows_.find(to.port);
  if (row == rows_.end()) {
    return nullptr;
  }
  PortUser* best = nullptr;
  int best_fit = 0;
  std::uint64_t group = 0;
  for (const PortUser* list : {row->second.bound, row->second.connections}) {
    for (const PortUser* user = list; user != nullptr; user = user->next_user) {
      if (listening != user->listening || (user->peer.port != 0 && user->peer != from)) {
        continue;
      }
      const int fits = fit(*user, to) + (user->peer.port != 0 ? 8 : 0);
      if (fits <= 0 || fits == 8) {
        continue;
      }
      if (fits > best_fit) {
        best = const_cast<PortUser*>(user);
        best_fit = fits;
        group = 1;
      } else if (fits == best_fit && user->reuse_port && best->reuse_port) {
        ++group;
      } else if (fits == best_fit && !listening) {
        best = const_cast<PortUser*>(user);  // UDP with SO_REUSEADDR: the latest
      }
    }
    if (listening) {
      break;  // connections are none
    }
  }
  if (group < 2) {
    return best;
  }
  std::uint64_t chosen = mix(mix(salt_, from), to) % group;
  for (PortUser* user = best;; user = user->next_user) {
    if (user->listening == listening && user->peer.port == best->peer.port &&
        fit(*user, to) == fit(*best, to) && user->reuse_port && chosen-- == 0) {
      return user;
    }
  }
}

}  // namespace vigil::sim
