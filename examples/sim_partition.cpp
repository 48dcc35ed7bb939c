// A server under a seed: the network falls apart and heals, and nothing acknowledged is lost.
#include <algorithm>

#include "replica/replica.hpp"
#include "vigil/sim/explore.hpp"

using namespace std::chrono_literals;
using namespace vigil::sim;

void falls_apart(World& world) {
  const Host hosts[] = {world.host("one"), world.host("two"), world.host("three")};
  for (const Host& host : hosts) {
    host.start_always("replica", replica::serve, host.address(7000), hosts[0].address(7000));
  }
  const Program client = hosts[1].start("client", replica::add_words, hosts[0].address(7000), 100);
  const auto whole = [](const Host& h) { return h.read_file("/words") == replica::words(100); };
  world.run_for(1s);
  world.partition({hosts[0], hosts[1]}, {hosts[2]});
  world.run_until([&] { return !client.running(); }, 1h);
  if (!whole(hosts[0]) || !whole(hosts[1])) {
    world.fail("what was acknowledged is not on two machines");
  }
  world.heal();
  if (!world.run_until([&] { return std::ranges::all_of(hosts, whole); }, 1h)) {
    world.fail("the replicas differ");
  }
}
int main(int count, char** words) {
  return explore_main(count, words, falls_apart, {.world = {.faults = Faults::ordinary()}});
}
