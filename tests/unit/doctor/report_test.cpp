// The report as a table and as JSON, of machines that are not this one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "doctor/report.hpp"

namespace vigil::app {
namespace {

using testing::HasSubstr;
using testing::Not;

Capability ring(Capability::Cause cause, int error, std::string why) {
  return {.kind = Capability::Kind::ring_feature,
          .name = "ring",
          .available = cause == Capability::Cause::none,
          .cause = cause,
          .error = error,
          .why = std::move(why)};
}

Report report_of(Capability of_ring) {
  return {.version = "1.2.3",
          .system = "Linux 5.10.0 riscv64",
          .chosen = {.name = "epoll", .why = "measured"},
          .capabilities = {{.kind = Capability::Kind::selector,
                            .name = "epoll",
                            .available = true,
                            .in_use = true,
                            .why = {}},
                           {.kind = Capability::Kind::selector,
                            .name = "poll",
                            .available = true,
                            .why = "slower"},
                           std::move(of_ring)},
          .limits = {{.name = "backlog",
                      .place = "net.core.somaxconn",
                      .unit = "connections",
                      .value = 128,
                      .most = {},
                      .low = true,
                      .meaning = "connections that wait",
                      .change = "sysctl -w net.core.somaxconn=65535"},
                     {.name = "memory of the group",
                      .place = "memory.max",
                      .unit = "bytes",
                      .value = {},
                      .most = {},
                      .meaning = "memory",
                      .change = "say \"more\""}}};
}

Report refused() {
  return report_of(ring(Capability::Cause::seccomp, EPERM, "refused by a seccomp filter"));
}

TEST(DoctorTable, SaysWhatIsInUseAndWhyTheRestIsNot) {
  const std::string table = as_table(refused(), {});
  EXPECT_THAT(table, HasSubstr("vigil 1.2.3 on Linux 5.10.0 riscv64\n"));
  EXPECT_THAT(table, HasSubstr("\nauto: epoll (measured)\nuring: refused (seccomp)\n"));
  EXPECT_THAT(table, HasSubstr("  epoll  in use\n"));
  EXPECT_THAT(table, HasSubstr("  poll   available  slower\n"));
  EXPECT_THAT(table, HasSubstr("  ring  missing    refused by a seccomp filter (EPERM)\n"));
}

TEST(DoctorTable, ShowsLimitsWithTheCommandThatChangesThem) {
  const std::string table = as_table(refused(), {});
  EXPECT_THAT(table, HasSubstr("  backlog              128        net.core.somaxconn  low\n"));
  EXPECT_THAT(table, HasSubstr("\n      change: sysctl -w net.core.somaxconn=65535\n"));
  EXPECT_THAT(table, HasSubstr("  memory of the group  no limit   memory.max\n"));
}

TEST(DoctorTable, IsColouredOnATerminalOnlyAndReadsTheSameWithout) {
  const std::string plain = as_table(refused(), {});
  std::string coloured = as_table(refused(), {.columns = 80, .colour = true});
  EXPECT_THAT(plain, Not(HasSubstr("\x1b")));
  EXPECT_THAT(coloured, HasSubstr("\x1b[32min use\x1b[0m"));
  for (std::size_t at; (at = coloured.find('\x1b')) != std::string::npos;) {
    coloured.erase(at, coloured.find('m', at) + 1 - at);
  }
  EXPECT_EQ(coloured, plain);
}

TEST(DoctorTable, KeepsWithinTheScreen) {
  Report report = refused();
  for (int i = 0; i < 40; ++i) {
    report.capabilities[1].why += " word";
    report.limits[0].meaning = report.capabilities[1].why;
  }
  const std::string table = as_table(report, {.columns = 60});
  for (std::size_t at = 0; at < table.size();) {
    const std::size_t end = table.find('\n', at);
    EXPECT_LE(end - at, 60u) << table.substr(at, end - at);
    at = end + 1;
  }
}

TEST(DoctorRingLine, TellsTheCausesApart) {
  using Cause = Capability::Cause;
  EXPECT_EQ(ring_line(report_of(ring(Cause::none, 0, ""))), "uring: available");
  EXPECT_EQ(ring_line(report_of(ring(Cause::administrator, EPERM, "switched off"))),
            "uring: switched off (kernel.io_uring_disabled)");
  EXPECT_EQ(ring_line(report_of(ring(Cause::kernel, ENOSYS, "kernel too old"))),
            "uring: missing (kernel too old)");
  EXPECT_EQ(ring_line(report_of(ring(Cause::not_built, ENOSYS, "built without liburing"))),
            "uring: missing (vigil was built without liburing)");
  Report in_use = report_of(ring(Cause::none, 0, ""));
  in_use.chosen.name = "uring";
  EXPECT_EQ(ring_line(in_use), "uring: in use");
}

TEST(DoctorJson, HasTheFieldsThatArePromised) {
  const auto json = nlohmann::json::parse(as_json(refused()));
  EXPECT_EQ(json["vigil"], "1.2.3");
  EXPECT_EQ(json["system"], "Linux 5.10.0 riscv64");
  EXPECT_EQ(json["auto"]["engine"], "epoll");
  EXPECT_EQ(json["auto"]["why"], "measured");
  ASSERT_EQ(json["selectors"].size(), 2u);
  EXPECT_EQ(json["selectors"][0],
            nlohmann::json::parse(
                R"({"name":"epoll","state":"in use","cause":null,"error":null,"why":""})"));
  EXPECT_EQ(json["engines"].size(), 0u);
  EXPECT_EQ(json["ring"]["operations"].size(), 0u);
  EXPECT_EQ(json["ring"]["features"][0],
            nlohmann::json::parse(R"({"name":"ring","state":"missing","cause":"seccomp",
              "error":"EPERM","why":"refused by a seccomp filter"})"));
  ASSERT_EQ(json["limits"].size(), 2u);
  EXPECT_EQ(json["limits"][0]["value"], 128);
  EXPECT_EQ(json["limits"][0]["low"], true);
  EXPECT_TRUE(json["limits"][1]["value"].is_null());
  EXPECT_EQ(json["limits"][1]["change"], "say \"more\"");
}

TEST(DoctorJson, StandsAnyBytesOfASystemsMessage) {
  Report report = refused();
  report.capabilities[2].why = "\x01\"\\\n\xff\x7f";
  EXPECT_TRUE(nlohmann::json::accept(as_json(report)));
}

TEST(Examine, FindsThisMachine) {
  const Report report = examine();
  EXPECT_FALSE(report.version.empty());
  EXPECT_THAT(report.system, HasSubstr("Linux"));
  EXPECT_GE(report.limits.size(), 8u);
  for (const MachineLimit& limit : report.limits) {
    EXPECT_FALSE(limit.change.empty()) << limit.name;
    EXPECT_FALSE(limit.meaning.empty()) << limit.name;
  }
}

}  // namespace
}  // namespace vigil::app
