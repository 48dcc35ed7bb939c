// Runs a body on a set of shards of this machine, on the engine that the options name, else that of
// VIGIL_TEST_ENGINES or the best one, and checks that nothing is left behind.
#pragma once

#include <utility>

#include "tests/support/engine_fixture.hpp"
#include "vigil/runtime/shards.hpp"

namespace vigil::test {

template <TaskBody F, class... A>
void run_shards(ShardsOptions options, F body, A... args) {
  const std::size_t before = open_handles();
  {
    LoopOptions own;
    own.engine = options.loop.engine == "auto" ? engine_names().front() : options.loop.engine;
    own.shard = 0;
    auto loop = Loop::create(own);
    ASSERT_TRUE(loop) << loop.error().message();
    run_to_end(
        **loop,
        [](ShardsOptions how, F each, A... with) -> Task<> {
          auto all = with_shards(std::move(how), each, std::move(with)...);
          const auto result = co_await std::move(all);
          EXPECT_TRUE(result) << result.error().message();
        },
        std::move(options), body, std::move(args)...);
  }
  EXPECT_EQ(open_handles(), before) << "a handle leaked";
}

}  // namespace vigil::test
