// The HTTP server takes no memory for a request, once the first ones have been answered.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "tests/support/http_support.hpp"
#include "tests/support/not_run.hpp"

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define VIGIL_OPERATOR_NEW_IS_TAKEN
#endif
#endif

namespace {

[[maybe_unused]] std::size_t allocations = 0;  // of the whole program

}  // namespace

#ifndef VIGIL_OPERATOR_NEW_IS_TAKEN
// Not inlined: GCC takes free() of what an operator new returned for a mistake.
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) {
    return memory;
  }
  throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  ++allocations;
  return std::malloc(size);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
#endif

namespace vigil::test {
namespace {

using http::Exchange;
using http::Handler;

class HttpServerAllocationTest : public EngineTest {};
INSTANTIATE_ON_EVERY_ENGINE(HttpServerAllocationTest);

TEST_P(HttpServerAllocationTest, AllocatesNothingForARequestOnceItIsWarm) {
#ifdef VIGIL_OPERATOR_NEW_IS_TAKEN
  VIGIL_NOT_RUN("the thread sanitizer has an operator new of its own, which does not count");
#endif
  run([]() -> Task<> {
    return while_serving(Handler([](Exchange& exchange) -> Task<> {
                           static_cast<void>(co_await exchange.respond(
                               {.content_type = "text/plain"}, "Hello, world!\n"));
                         }),
                         {}, [](Served served) -> Task<> {
                           auto dialing = dial(served.at);
                           TcpStream stream = co_await std::move(dialing);
                           const std::string batch = get("/") + get("/b") + get("/c");
                           std::size_t before = 0;
                           for (int i = 0; i < 100; ++i) {
                             before = i == 10 ? allocations : before;
                             CO_ASSERT_OK(co_await stream.send(as_bytes(batch)));
                             for (std::size_t size = 0; size < 3 * 116;) {
                               auto bytes = co_await stream.receive();
                               CO_ASSERT_OK(bytes);
                               CO_ASSERT_TRUE(!bytes->empty());
                               size += bytes->bytes().size();
                             }
                           }
                           EXPECT_EQ(allocations - before, 0u);
                         });
  });
}

}  // namespace
}  // namespace vigil::test
