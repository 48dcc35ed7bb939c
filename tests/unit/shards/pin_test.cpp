// A shard that is kept on one processor, and what it starts. Hazard: threads and children inherit
// the processors of who starts them, so that one processor would do the work of all, and a
// successor believe that it has no other.
#include <gtest/gtest.h>
#include <sched.h>

#include <string>

#include "tests/support/not_run.hpp"
#include "tests/support/shards_fixture.hpp"
#include "vigil/coro/offload.hpp"
#include "vigil/os/process.hpp"

namespace vigil::test {
namespace {

int own_processors() {
  cpu_set_t mine;
  return ::sched_getaffinity(0, sizeof mine, &mine) == 0 ? CPU_COUNT(&mine) : -1;
}

// On a shard: `all` are the processors that the program may have.
Task<> start_things(int all) {
  EXPECT_EQ(own_processors(), 1);
  EXPECT_EQ(Loop::current()->host().processors().allowed.size(), static_cast<std::size_t>(all));
  auto elsewhere = offload(&own_processors);
  EXPECT_EQ(co_await std::move(elsewhere), all) << "the thread for calls";
  const std::string script = "test $(nproc) = " + std::to_string(all);
  auto child = os::Process::spawn({.arguments = {"/bin/sh", "-c", script}});
  CO_ASSERT_TRUE(child.has_value());
  auto waiting = child->wait();
  const auto status = co_await std::move(waiting);
  CO_ASSERT_TRUE(status.has_value());
  EXPECT_EQ(status->code, 0) << "the child";
  EXPECT_EQ(own_processors(), 1) << "after it has started them";
}

TEST(PinnedShards, StartWhatHasAllProcessors) {
  const int all = own_processors();
  if (all < 2) {
    VIGIL_NOT_RUN("there is one processor for all");
  }
  run_shards({.count = 2, .pin = true}, [](Shards& shards) -> Task<> {
    const int every = static_cast<int>(Loop::current()->host().processors().allowed.size());
    for (unsigned shard = 0; shard != shards.size(); ++shard) {
      auto call = shards.run_on(shard, &start_things, every);
      const Result<> done = co_await std::move(call);
      EXPECT_TRUE(done);
    }
  });
  EXPECT_EQ(own_processors(), all) << "when the shards are over";
}

}  // namespace
}  // namespace vigil::test
