// The clients that people have: curl, wrk, nc on the web server and the echo, on every engine.
#include <regex>

#include "tests/support/engine_fixture.hpp"
#include "tests/support/peer.hpp"
#include "tests/support/program.hpp"
#include "tests/support/streams.hpp"

namespace vigil::test {
namespace {

class RealClients : public testing::TestWithParam<std::string> {
 protected:
  std::vector<std::string> serve(const TemporaryDirectory& root) const {
    return {"vigil", "serve", root.path(), "--listen", "127.0.0.1:0",
            "--log", "off",   "--engine",  GetParam()};
  }
};

INSTANTIATE_ON_EVERY_ENGINE(RealClients);

std::string url(std::uint16_t port, const std::string& path) {
  return "http://127.0.0.1:" + std::to_string(port) + path;
}

TEST_P(RealClients, CurlFetchesWholesPartsHeadsAndResumes) {
  VIGIL_NEEDS_PROGRAM("curl");
  TemporaryDirectory root;
  TemporaryDirectory here;
  const std::string content = payload(1, 1, 3'000'000);
  root.write("big", content);
  Program server(serve(root));
  const std::uint16_t port = server.port();
  int status = 0;
  run_tool({"curl", "-s", "-S", "-o", here / "whole", url(port, "/big")}, &status);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(here.read("whole") == content);
  EXPECT_EQ(run_tool({"curl", "-s", "-r", "100-199", url(port, "/big")}), content.substr(100, 100));
  // What is there already is not fetched again.
  here.write("rest", content.substr(0, 1'000'000));
  const std::string fetched = run_tool({"curl", "-s", "-C", "-", "-o", here / "rest", "-w",
                                        "%{http_code} %{size_download}", url(port, "/big")});
  EXPECT_EQ(fetched, "206 2000000");
  EXPECT_TRUE(here.read("rest") == content);
  const std::string head = run_tool({"curl", "-s", "-I", url(port, "/big")});
  EXPECT_TRUE(head.starts_with("HTTP/1.1 200 OK\r\n")) << head;
  EXPECT_NE(head.find("\r\nETag: \""), std::string::npos) << head;
  EXPECT_NE(head.find("\r\nDate: "), std::string::npos) << head;
  EXPECT_EQ(run_tool({"curl", "-s", "-o", "/dev/null", "-w", "%{http_code} %{num_connects}",
                      url(port, "/nowhere")}),
            "404 1");
  EXPECT_EQ(run_tool({"curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H",
                      "Expect: 100-continue", "-d", "text", url(port, "/big")}),
            "405");
  EXPECT_EQ(server.end(), 0);
}

TEST_P(RealClients, WrkHasNoErrors) {
  VIGIL_NEEDS_PROGRAM("wrk");
  TemporaryDirectory root;
  root.write("a", payload(1, 1, 1000));
  Program server(serve(root));
  const std::string said = run_tool({"wrk", "-t1", "-c64", "-d1s", url(server.port(), "/a")});
  EXPECT_EQ(said.find("Non-2xx"), std::string::npos) << said;
  EXPECT_EQ(said.find("Socket errors"), std::string::npos) << said;
  std::smatch found;
  ASSERT_TRUE(std::regex_search(said, found, std::regex("(\\d+) requests in"))) << said;
  EXPECT_GT(std::stoul(found[1]), 100u);
  EXPECT_EQ(server.end(), 0);
}

TEST_P(RealClients, NcIsEchoedAndToldWhyARequestIsRefused) {
  VIGIL_NEEDS_PROGRAM("nc");
  TemporaryDirectory root;
  Program echo({"echo", "--engine", GetParam(), "0"});
  const auto through_nc = [](const std::string& text, std::uint16_t port) {
    return run_tool(
        {"sh", "-c",
         "printf '" + text + "' | timeout 10 nc -q1 127.0.0.1 " + std::to_string(port)});
  };
  EXPECT_EQ(through_nc("one line\\n", echo.port()), "one line\n");
  EXPECT_EQ(echo.end(), 0);
  Program server(serve(root));
  const std::string refused =
      through_nc("GET / HTTP/1.1\\r\\nHost: a\\r\\nHost: b\\r\\n\\r\\n", server.port());
  EXPECT_TRUE(refused.starts_with("HTTP/1.1 400 Bad Request\r\n")) << refused;
  EXPECT_NE(refused.substr(refused.find("\r\n\r\n")).find("Host"), std::string::npos) << refused;
  EXPECT_EQ(server.end(), 0);
}

}  // namespace
}  // namespace vigil::test
