// What a process of `--processes` says too late, on a clock that costs nothing to wait by.
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "processes/child.hpp"
#include "processes/words.hpp"
#include "vigil/net/messages.hpp"
#include "vigil/sim/world.hpp"
#include "vigil/vigil.hpp"

namespace vigil::app {
namespace {

constexpr const char* kProgram = "/bin/slow";

Task<std::string> next_word(MessageSocket* line) {
  std::array<std::byte, 256> room;
  std::vector<NativeHandle> handles(Datagram::kMostHandles, kNoHandle);
  const auto came = co_await line->receive(room, handles);
  if (!came) {
    co_return std::string();
  }
  for (std::size_t i = 0; i != came->handles; ++i) {
    Loop::current()->syscalls().close(handles[i]);
  }
  co_return std::string(as_text(ByteView(room).first(came->size)));
}

// Takes its post, and answers the first reload when nobody waits for that any more.
Task<int> slow_process(std::vector<std::string>) {
  auto line = MessageSocket::adopt(0);
  if (!line) {
    co_return 1;
  }
  std::string word;
  while (word != kAll) {
    auto receiving = next_word(&*line);
    word = co_await std::move(receiving);
  }
  static_cast<void>(co_await line->send(as_bytes(kServing)));
  auto first = next_word(&*line);
  const std::string earlier = co_await std::move(first);
  static_cast<void>(co_await sleep_for(kStartPatience + std::chrono::seconds(5)));
  const std::string late = std::string(kRefused) + earlier.substr(kReload.size());
  static_cast<void>(co_await line->send(as_bytes(late)));
  auto second = next_word(&*line);
  const std::string later = co_await std::move(second);
  const std::string in_time = std::string(kReloaded) + later.substr(kReload.size());
  static_cast<void>(co_await line->send(as_bytes(in_time)));
  auto last = next_word(&*line);
  static_cast<void>(co_await std::move(last));
  co_return 0;
}

struct Seen {
  bool served = false;
  std::string first;
  std::string second;
};

Task<int> parent(Seen* seen) {
  Origin origin;
  origin.command = {kProgram};
  const Child::Post post{.number = 0, .processes = 1, .shards = 1};
  auto started = Child::start(origin, post);
  if (!started) {
    co_return 1;
  }
  const std::shared_ptr<Child> child = std::move(*started);
  const std::vector<Child::Gift> nothing;
  auto beginning = Child::begin(child, &nothing, &post);
  const Result<bool> served = co_await std::move(beginning);
  seen->served = served && *served;
  auto asking = Child::order_reload(child);
  const auto first = co_await std::move(asking);
  seen->first = first ? *first : first.error().message();
  auto again = Child::order_reload(child);
  const auto second = co_await std::move(again);
  seen->second = second ? *second : second.error().message();
  co_return 0;
}

// Hazard: each answer is taken for that to the next question, from then on.
TEST(ReloadReplies, that_come_too_late_are_not_taken_for_the_next) {
  for (const sim::Face face : {sim::Face::readiness, sim::Face::level, sim::Face::completion}) {
    sim::WorldOptions options;
    options.face = face;
    sim::World world(1, options);
    sim::Host host = world.host("machine");
    host.install(kProgram, slow_process);
    Seen seen;
    host.start("parent", parent, &seen);
    EXPECT_TRUE(world.run_to_end(std::chrono::minutes(10)));
    EXPECT_FALSE(world.failure()) << world.failure()->what;
    EXPECT_TRUE(seen.served);
    EXPECT_EQ(seen.first, std::make_error_code(std::errc::timed_out).message());
    EXPECT_EQ(seen.second, kReloaded);
  }
}

}  // namespace
}  // namespace vigil::app
