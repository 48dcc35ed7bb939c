// The fourth page of the guide: a server that counts pieces of work, its workers, and a test of both
// under seeds. With --naive the server is the first one of the page, which counts some twice.
#include <charconv>
#include <csignal>
#include <map>
#include <string>
#include <string_view>

#include "vigil/sim/explore.hpp"
#include "vigil/vigil.hpp"

namespace {

using namespace std::chrono_literals;
using namespace vigil::sim;
using vigil::Result;
using vigil::Task;

// What the server knows.
struct Tally {
  int pieces = 0;
  std::map<std::string, int> last;  // of each worker, the number of its last piece
};

// One line of the stream, without its end; nothing when the stream is over.
Task<std::string> next_line(vigil::TcpStream* peer, std::string* begun) {
  std::size_t end;
  while ((end = begun->find('\n')) == std::string::npos) {
    auto bytes = co_await peer->receive();
    if (!bytes || bytes->empty()) co_return std::string();
    begun->append(vigil::as_text(bytes->bytes()));
  }
  std::string line = begun->substr(0, end);
  begun->erase(0, end + 1);
  co_return line;
}

// "ann 7": ann has done her seventh piece of work.
Task<> count_lines(vigil::TcpStream peer, Tally* tally) {
  std::string begun;
  for (;;) {
    auto reading = next_line(&peer, &begun);
    const std::string line = co_await std::move(reading);
    if (line.empty()) co_return;
    ++tally->pieces;
    if (!co_await peer.send(vigil::as_bytes("ok\n"))) co_return;
  }
}

Task<> count_once(vigil::TcpStream peer, Tally* tally) {
  std::string begun;
  for (;;) {
    auto reading = next_line(&peer, &begun);
    const std::string line = co_await std::move(reading);
    const std::size_t space = line.find(' ');
    if (space == std::string::npos) co_return;
    int number = 0;
    std::from_chars(line.data() + space + 1, line.data() + line.size(), number);
    int& last = tally->last[line.substr(0, space)];
    if (number > last) {
      last = number;
      ++tally->pieces;
    }
    if (!co_await peer.send(vigil::as_bytes("ok\n"))) co_return;
  }
}

// Tells the server of one piece; true when it said that it knows.
Task<bool> tell(std::string server, std::string line) {
  auto connecting = vigil::TcpStream::connect(*vigil::Address::parse(server));
  auto peer = co_await std::move(connecting);
  if (!peer || !co_await peer->send(vigil::as_bytes(line))) co_return false;
  std::string begun;
  auto reading = next_line(&*peer, &begun);
  const std::string answer = co_await std::move(reading);
  co_return answer == "ok";
}

Task<> work(std::string server, std::string name, int pieces) {
  for (int i = 1; i <= pieces; ++i) {
    for (bool known = false; !known;) {
      auto telling = vigil::timeout(2s, tell(server, name + " " + std::to_string(i) + "\n"));
      const Result<bool> told = co_await std::move(telling);
      known = told.value_or(false);
      static_cast<void>(co_await vigil::sleep_for(100ms));
    }
  }
}

using Handler = Task<> (*)(vigil::TcpStream, Tally*);

void count_the_work(World& world, Handler handler) {
  Tally tally;
  const Host host = world.host("server");
  const Program server = host.start(
      "tally",
      [](std::string at, Handler each, Tally* to) {
        return vigil::server_program(at, {.name = "tally"}, each, to);
      },
      host.address(7000), handler, &tally);
  const Program ann = world.host("a").start("ann", work, host.address(7000), std::string("ann"), 20);
  const Program bob = world.host("b").start("bob", work, host.address(7000), std::string("bob"), 20);

  if (!world.run_until([&] { return !ann.running() && !bob.running(); }, 1h)) {
    world.fail("the work does not end");
  }
  if (tally.pieces != 40) {
    world.fail("of 40 pieces of work " + std::to_string(tally.pieces) + " were counted");
  }
  server.signal(SIGTERM);
  if (!world.run_to_end(1min) || server.status() != 0) {
    world.fail("the server does not end in order");
  }
}

void count_naively(World& world) { count_the_work(world, count_lines); }
void count_well(World& world) { count_the_work(world, count_once); }

}  // namespace

int main(int count, char** words) {
  Faults weather = Faults::ordinary();
  weather[Fault::reset_stream].rate = 5'000;  // of a million segments
  ExploreOptions options{.seeds = 200, .world = {.faults = weather}};
  if (count > 1 && std::string_view(words[1]) == "--naive") {
    options.replay_command = std::string(words[0]) + " --naive --seed %";
    words[1] = words[0];
    return explore_main(count - 1, words + 1, count_naively, options);
  }
  return explore_main(count, words, count_well, options);
}
