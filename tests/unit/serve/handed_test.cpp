// What a service manager says by the environment, and that nobody after us reads it.
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "serve/handed.hpp"

namespace vigil::app {
namespace {

using namespace std::chrono_literals;

class HandedHost final : public Host {
 public:
  explicit HandedHost(std::map<std::string, std::string> of) : variables(std::move(of)) {}
  Nanos wall_time() noexcept override { return {}; }
  void entropy(std::span<std::byte>) noexcept override {}
  std::optional<std::string> environment(const char* name) override {
    const auto found = variables.find(name);
    return found != variables.end() ? std::optional(found->second) : std::nullopt;
  }
  std::optional<std::string> take_environment(const char* name) override {
    auto value = environment(name);
    variables.erase(name);
    return value;
  }
  std::uint64_t process_number() noexcept override { return 42; }
  void log(std::string_view) noexcept override {}
  Result<std::unique_ptr<Crew>> start(Body&, Role, unsigned) noexcept override {
    return error(std::errc::function_not_supported);
  }

  std::map<std::string, std::string> variables;
};

HandedDown handed(std::map<std::string, std::string> variables) {
  HandedHost host(std::move(variables));
  HandedDown taken = take_handed_down(host);
  EXPECT_TRUE(host.variables.empty());
  return taken;
}

TEST(Handed, nothing_without_a_service_manager) {
  const HandedDown none = handed({});
  EXPECT_EQ(none.sockets, 0u);
  EXPECT_EQ(none.notify, "");
  EXPECT_EQ(none.watchdog, 0ns);
  EXPECT_EQ(none.process, 42u);
}

TEST(Handed, sockets_and_their_names) {
  const HandedDown all =
      handed({{"LISTEN_PID", "42"}, {"LISTEN_FDS", "2"}, {"LISTEN_FDNAMES", "web.socket:other"}});
  EXPECT_EQ(all.sockets, 2u);
  EXPECT_EQ(all.names, (std::vector<std::string>{"web.socket", "other"}));
}

TEST(Handed, what_is_meant_for_another_process_is_taken_away_alone) {
  EXPECT_EQ(handed({{"LISTEN_PID", "41"}, {"LISTEN_FDS", "2"}}).sockets, 0u);
  EXPECT_EQ(handed({{"LISTEN_FDS", "2"}}).sockets, 0u);
  EXPECT_EQ(handed({{"LISTEN_PID", "42x"}, {"LISTEN_FDS", "2"}}).sockets, 0u);
  EXPECT_EQ(handed({{"WATCHDOG_PID", "41"}, {"WATCHDOG_USEC", "5"}}).watchdog, 0ns);
}

TEST(Handed, where_words_go_and_how_often) {
  const HandedDown told = handed({{"NOTIFY_SOCKET", "@notify"}, {"WATCHDOG_USEC", "30000000"}});
  EXPECT_EQ(told.notify, "@notify");
  EXPECT_EQ(told.watchdog, 30s);
  EXPECT_EQ(handed({{"WATCHDOG_PID", "42"}, {"WATCHDOG_USEC", "5"}}).watchdog, 5us);
  EXPECT_EQ(handed({{"WATCHDOG_USEC", "18446744073709551615"}}).watchdog, 0ns);
  EXPECT_EQ(handed({{"WATCHDOG_USEC", "soon"}}).watchdog, 0ns);
}

// The process's own environment.
TEST(Handed, the_machine_forgets_what_was_taken) {
  ASSERT_EQ(::setenv("VIGIL_TEST_HANDED", "value", 1), 0);
  EXPECT_EQ(native_host().take_environment("VIGIL_TEST_HANDED"), "value");
  EXPECT_EQ(native_host().environment("VIGIL_TEST_HANDED"), std::nullopt);
  EXPECT_EQ(native_host().take_environment("VIGIL_TEST_HANDED"), std::nullopt);
}

}  // namespace
}  // namespace vigil::app
