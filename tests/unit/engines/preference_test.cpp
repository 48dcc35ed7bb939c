// Several engines by preference: the first that can run here, and why not the others.
#include <gtest/gtest.h>

#include <string>

#include "loop/engines.hpp"
#include "poll/selector.hpp"
#include "vigil/loop/capabilities.hpp"
#include "vigil/loop/loop.hpp"

namespace vigil {
namespace {

Result<std::unique_ptr<Selector>> refuse_selector() {
  return error(std::errc::function_not_supported);
}
Result<std::unique_ptr<Selector>> want_a_descriptor() {
  return error(std::errc::too_many_files_open);
}
Result<std::unique_ptr<Engine>> refuse_engine(EngineParts) {
  return error(std::errc::operation_not_permitted);
}
std::string_view why_refused() noexcept { return "the moon is full"; }

constinit SelectorRow broken_selector{"broken-selector", refuse_selector, nullptr};
constinit SelectorRow poor_selector{"poor-selector", want_a_descriptor, nullptr};
constinit EngineRow broken_engine{"broken-engine", refuse_engine, nullptr, why_refused};

class Preference : public testing::Test {
 protected:
  Preference() {
    add_selector(broken_selector);
    add_selector(poor_selector);
    add_engine(broken_engine);
  }
  static Result<std::unique_ptr<Loop>> create(std::string engine) {
    LoopOptions options;
    options.engine = std::move(engine);
    return Loop::create(options);
  }
};

TEST_F(Preference, TakesTheFirstThatRunsAndTellsOfTheOthers) {
  const auto loop = create("broken-engine,broken-selector,poll,epoll");
  ASSERT_TRUE(loop);
  EXPECT_EQ((*loop)->engine().traits().name, "poll");
  EXPECT_EQ((*loop)->passed_over(),
            "broken-engine (the moon is full), broken-selector (Function not implemented)");
}

// Out of descriptors the server went on with poll, and said so, before it ended for want of them.
TEST_F(Preference, PassesNoneOverForWantOfDescriptors) {
  const auto loop = create("poor-selector,poll");
  ASSERT_FALSE(loop);
  EXPECT_EQ(loop.error(), std::errc::too_many_files_open);
}

TEST_F(Preference, SaysNothingWhenTheFirstRuns) {
  const auto loop = create("epoll,broken-engine");
  ASSERT_TRUE(loop);
  EXPECT_EQ((*loop)->engine().traits().name, "epoll");
  EXPECT_EQ((*loop)->passed_over(), "");
}

TEST_F(Preference, FailsWithTheReasonOfTheLast) {
  const auto loop = create("broken-selector,broken-engine");
  ASSERT_FALSE(loop);
  EXPECT_EQ(loop.error(), std::errc::operation_not_permitted);
  EXPECT_EQ(why_not("broken-engine", loop.error()), "the moon is full");
}

TEST_F(Preference, KnowsEveryNameBeforeItTriesOne) {
  for (const char* names : {"epoll,nonsense", "nonsense", "", "epoll,,poll", ",epoll"}) {
    const auto loop = create(names);
    ASSERT_FALSE(loop) << names;
    EXPECT_EQ(loop.error(), std::errc::invalid_argument) << names;
  }
}

TEST_F(Preference, ListsEnginesThatCanRunHere) {
  EXPECT_EQ(engines().find("broken-engine"), std::string::npos);
  EXPECT_NE(engines().find("epoll"), std::string::npos);
}

TEST_F(Preference, AutoIsTheEngineThatTheCapabilitiesName) {
  const auto loop = create("auto");
  ASSERT_TRUE(loop);
  const AutoEngine chosen = auto_engine();
  EXPECT_EQ((*loop)->engine().traits().name, chosen.name);
  EXPECT_FALSE(chosen.why.empty());
  int in_use = 0;
  for (const Capability& one : capabilities()) {
    const bool engine =
        one.kind == Capability::Kind::selector || one.kind == Capability::Kind::engine;
    in_use += engine && one.in_use ? 1 : 0;
    EXPECT_EQ(one.in_use && engine, one.name == chosen.name) << one.name;
    EXPECT_EQ(one.available, one.cause == Capability::Cause::none) << one.name;
    EXPECT_TRUE(one.available || !one.why.empty()) << one.name << " does not say why";
  }
  EXPECT_EQ(in_use, 1);
}

}  // namespace
}  // namespace vigil
