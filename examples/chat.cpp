// A chat server, for nc and telnet; and with --drive the users of one: 10,000 in 1,000 rooms of
// ten, who say 100 messages a second in all. Server and users are two processes:
//
//   chat 7003 &
//   chat --drive 7003
#include "chat/drive.hpp"
#include "chat/server.hpp"
#include "support/command_line.hpp"
#include "vigil/vigil.hpp"

namespace {

// The driver has its own connections, and joins their loop at the end.
vigil::Task<int> drive(const chat::Load* load, std::uint16_t port) {
  chat::Driver driver(*load, port);
  auto driving = chat::Driver::run(&driver);
  co_return co_await std::move(driving);
}

}  // namespace

int main(int argc, char** argv) {
  bool driving = false;
  chat::Load load;
  const auto line = example::parse(
      argc, argv, "chat", "Serves chat rooms: /name NAME, /join ROOM, then talk.",
      {{"--drive", "", &driving, "be the users of the server at PORT, and say what they cost"},
       {"--users", "N", &load.users, "with --drive (default 10000)"},
       {"--rooms", "N", &load.rooms, "with --drive (default 1000)"},
       {"--rate", "N", &load.rate, "with --drive: messages a second in all (default 100)"},
       {"--seconds", "N", &load.seconds, "with --drive (default 10)"}});
  example::raise_descriptor_limit();
  if (!driving) {
    return vigil::run_server(line.address, line.program, chat::serve);
  }
  if (load.users == 0 || load.rooms == 0 || load.rate == 0 || load.rooms > load.users) {
    example::detail::wrong_use(
        "chat", "--drive needs users, rooms and a rate, and no more rooms than users");
  }
  return vigil::run(line.program, drive, static_cast<const chat::Load*>(&load), line.port);
}
