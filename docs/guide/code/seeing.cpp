// Seeing inside: a watcher that names stalls, and a dump of what every task waits for.
#include <cstdio>

#include "vigil/vigil.hpp"

using std::chrono::milliseconds;
using vigil::Result;
using vigil::Task;

Task<> answer_slowly() { static_cast<void>(co_await vigil::sleep_for(milliseconds(200))); }

void print_dumps(vigil::StallWatcher* watcher) {
  for (const vigil::LoopDump& one : watcher->dump()) {
    std::printf("%s, after %llu turns:\n", one.loop.c_str(),
                static_cast<unsigned long long>(one.turns));
    std::printf("%s", one.dump ? vigil::text_of(*one.dump, 2).c_str() : "  it does not answer\n");
  }
}

Task<Result<>> watched() {
  auto watcher = vigil::StallWatcher::start(vigil::Loop::current()->host());
  if (!watcher) {
    co_return std::unexpected(watcher.error());
  }
  auto watch = (*watcher)->watch("vigil/0");  // this loop, while it lives
  if (!watch) {
    co_return std::unexpected(watch.error());
  }
  auto serving = vigil::scoped(
      [](vigil::Scope& scope, vigil::StallWatcher* by) -> Task<> {
        static_cast<void>(scope.spawn(&answer_slowly));
        // It blocks until every loop has answered, so it does not run on one of them.
        auto printing = vigil::offload(&print_dumps, by);
        static_cast<void>(co_await std::move(printing));
      },
      watcher->get());
  co_await std::move(serving);
  co_return Result<>{};
}

int main() { return vigil::run(watched); }
