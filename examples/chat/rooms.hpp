// Who is in which room, and what is on its way to whom.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "vigil/coro/sync.hpp"
#include "vigil/net/tcp.hpp"

namespace chat {

inline constexpr std::size_t kLongestLine = 1024;      // of a message, a name or a command
inline constexpr std::size_t kMostUnsent = 64 * 1024;  // of one user: then it is dropped
inline constexpr std::size_t kMostInRoom = 1000;       // members

struct Room;

// Lives in the frame of the task that reads from the user.
struct User {
  explicit User(vigil::TcpStream connection) noexcept : peer(std::move(connection)) {}
  vigil::TcpStream peer;
  std::string name;
  Room* room = nullptr;
  std::string unsent;    // what the writer takes up next
  bool writing = false;  // a writer is on its way
  bool dropped = false;
  vigil::ManualResetEvent written;  // set when no writer is
};

struct Room {
  std::string name;
  std::vector<User*> members;
};

// What the server did so far.
struct Figures {
  std::uint64_t users = 0;       // now
  std::uint64_t messages = 0;    // heard
  std::uint64_t deliveries = 0;  // messages times their hearers
  std::uint64_t dropped = 0;     // users that did not read what was said to them
};

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept {
    return std::hash<std::string_view>{}(text);
  }
};

class Rooms {
 public:
  // False: the room is full.
  bool join(User& user, std::string_view name) {
    auto found = rooms_.find(name);
    if (found == rooms_.end()) {
      found = rooms_.emplace(std::string(name), Room{std::string(name), {}}).first;
    } else if (found->second.members.size() >= kMostInRoom) {
      return false;
    }
    leave(user);
    found->second.members.push_back(&user);
    user.room = &found->second;
    return true;
  }

  void leave(User& user) noexcept {
    if (user.room == nullptr) {
      return;
    }
    Room& room = *user.room;
    user.room = nullptr;
    std::erase(room.members, &user);
    if (room.members.empty()) {
      rooms_.erase(rooms_.find(room.name));
    }
  }

  std::size_t size() const noexcept { return rooms_.size(); }

 private:
  std::unordered_map<std::string, Room, TextHash, std::equal_to<>> rooms_;
};

}  // namespace chat
