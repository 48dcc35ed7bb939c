// The server: a line is a message to the room, or a command that begins with a slash.
//
//   /name NAME    /join ROOM    /who    /stats    /quit
//
// One task a user reads. What is said to a user is put behind what is unsent, and a task that
// writes lives only while there is something: an idle user costs one frame and no buffer. Nobody
// waits for a slow reader: at 64 KiB unsent it is dropped, and counted.
#pragma once

#include <algorithm>
#include <cctype>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include "rooms.hpp"
#include "usage.hpp"
#include "vigil/vigil.hpp"

namespace chat {

class Server {
 public:
  explicit Server(vigil::Scope& writers) noexcept : writers_(writers) {}

  static vigil::Task<> attend(vigil::TcpStream peer, Server* server) {
    User user(std::move(peer));
    ++server->figures_.users;
    std::string begun;  // of a line whose end has not come
    bool stays = true;
    while (stays) {
      auto bytes = co_await user.peer.receive();
      if (!bytes || bytes->empty()) {
        break;
      }
      try {
        stays = server->hear(user, vigil::as_text(bytes->bytes()), begun);
      } catch (const std::bad_alloc&) {
        stays = false;  // it leaves in order: others have its address
      }
    }
    server->rooms_.leave(user);
    --server->figures_.users;
    if (user.writing) {
      auto last_words = vigil::timeout(kGoodbye, until_written(&user));
      static_cast<void>(co_await std::move(last_words));
    }
    if (user.writing) {
      // It does not read, or the server must end at once: the writer's send fails now.
      static_cast<void>(user.peer.shutdown(vigil::Direction::both));
    }
    while (user.writing) {
      co_await vigil::yield();
    }
  }

  const Figures& figures() const noexcept { return figures_; }

 private:
  static constexpr vigil::Nanos kGoodbye = std::chrono::seconds(2);

  static vigil::Task<vigil::Result<>> until_written(User* user) {
    co_return co_await user->written.wait();
  }

  // False: the user wants to leave, or must.
  bool hear(User& user, std::string_view text, std::string& begun) {
    while (!text.empty()) {
      const std::size_t end = text.find('\n');
      if (end == std::string_view::npos) {
        begun.append(text);
        break;
      }
      std::string_view line = text.substr(0, end);
      text.remove_prefix(end + 1);
      if (!begun.empty()) {
        begun.append(line);
        line = begun;
      }
      if (line.size() > kLongestLine) {
        return refuse(user);
      }
      if (!line.empty() && line.back() == '\r') {
        line.remove_suffix(1);
      }
      if (!line.empty() && !obey_or_say(user, line)) {
        return false;
      }
      begun = std::string();
    }
    return begun.size() <= kLongestLine ? !user.dropped : refuse(user);
  }

  bool refuse(User& user) {
    tell(user, "* a line has at most 1024 bytes: goodbye\n");
    return false;
  }

  bool obey_or_say(User& user, std::string_view line) {
    if (line[0] != '/') {
      say(user, line);
      return true;
    }
    const std::size_t space = line.find(' ');
    const std::string_view command = line.substr(0, space);
    const std::string_view what =
        space == std::string_view::npos ? std::string_view() : line.substr(space + 1);
    if (command == "/quit") {
      return false;
    }
    if (command == "/name" && is_name(what)) {
      user.name = what;
      tell(user, "* you are " + user.name + "\n");
    } else if (command == "/join" && is_name(what)) {
      tell(user, rooms_.join(user, what) ? "* you are in " + std::string(what) + "\n"
                                         : "* the room is full\n");
    } else if (command == "/who" && user.room != nullptr) {
      who(user);
    } else if (command == "/stats") {
      stats(user);
    } else {
      tell(user,
           "* /name NAME, /join ROOM, /who in a room, /stats, /quit; names have up to 32 "
           "letters and digits\n");
    }
    return true;
  }

  static bool is_name(std::string_view text) noexcept {
    return !text.empty() && text.size() <= 32 && std::all_of(text.begin(), text.end(), [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_';
    });
  }

  // To everybody in the room but the one who said it. Control bytes would be lines, or move
  // cursors.
  void say(User& user, std::string_view text) {
    if (user.room == nullptr || user.name.empty()) {
      tell(user, "* choose a /name and /join a room first\n");
      return;
    }
    ++figures_.messages;
    std::string line = user.name + ": ";
    for (const char c : text) {
      line.push_back(static_cast<unsigned char>(c) < ' ' || c == '\x7f' ? ' ' : c);
    }
    line.push_back('\n');
    for (User* member : user.room->members) {
      if (member != &user) {
        ++figures_.deliveries;
        tell(*member, line);
      }
    }
  }

  void who(User& user) {
    std::string names = "*";
    for (const User* member : user.room->members) {
      names += " " + (member->name.empty() ? std::string("(nobody)") : member->name);
    }
    tell(user, names + "\n");
  }

  // For --drive: what serving this many users costs.
  void stats(User& user) {
    const Usage used = usage();
    tell(user,
         "* users " + std::to_string(figures_.users) + " rooms " + std::to_string(rooms_.size()) +
             " messages " + std::to_string(figures_.messages) + " deliveries " +
             std::to_string(figures_.deliveries) + " dropped " + std::to_string(figures_.dropped) +
             " cpu_us " + std::to_string(static_cast<std::uint64_t>(used.seconds * 1e6)) +
             " memory_kib " + std::to_string(used.kibytes) + "\n");
  }

  void tell(User& user, std::string_view text) {
    if (user.dropped) {
      return;
    }
    user.unsent.append(text);
    if (user.unsent.size() > kMostUnsent) {
      // Wakes its reader with the end and its writer with an error: both leave by themselves.
      user.dropped = true;
      ++figures_.dropped;
      static_cast<void>(user.peer.shutdown(vigil::Direction::both));
    } else if (!user.writing) {
      user.writing = true;
      user.written.reset();
      if (!writers_.spawn(write, &user)) {
        user.writing = false;  // no memory: it is said with the next line
      }
    }
  }

  static vigil::Task<> write(User* user) {
    while (!user->unsent.empty()) {
      const std::string lines = std::exchange(user->unsent, std::string());
      if (!co_await user->peer.send(vigil::as_bytes(lines))) {
        // Part of a line may have gone: nothing may follow it. Not every error ends the connection
        // by itself (ENOBUFS does not), so that the reader has to be told.
        user->dropped = true;
        static_cast<void>(user->peer.shutdown(vigil::Direction::both));
        break;
      }
    }
    user->writing = false;
    user->written.set();
  }

  vigil::Scope& writers_;
  Rooms rooms_;
  Figures figures_;
};

namespace detail {

inline vigil::Task<vigil::Result<>> serve_in(vigil::Scope& writers, vigil::TcpListener* listener,
                                             vigil::Drain* drain) {
  Server server(writers);
  const vigil::ServeOptions options{.drain = drain, .end_idle = true};
  auto serving = vigil::serve(*listener, options, &Server::attend, &server);
  co_return co_await std::move(serving);
}

}  // namespace detail

// All of the server, for vigil::run_server: it ends with the drain, and its writers with it.
inline vigil::Task<vigil::Result<>> serve(vigil::TcpListener& listener, vigil::Drain& drain) {
  auto whole = vigil::scoped(detail::serve_in, &listener, &drain);
  co_return co_await std::move(whole);
}

}  // namespace chat
