// `--user`: root listens and opens the log, another user serves. On a ring, too, which was made
// with root's rights: hazard 28.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "serve_process.hpp"
#include "tests/support/engine_fixture.hpp"
#include "tests/support/not_run.hpp"

namespace vigil::e2e {
namespace {

using testing::HasSubstr;

// The lines of /proc/PID/status.
std::string status_of(int pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/status");
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

class ServeUser : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) {
      VIGIL_NOT_RUN("only root can become nobody");
    }
    ASSERT_EQ(::chmod(root.path().c_str(), 0755), 0);
    for (const char* name : {"public", "secret", "secret-large"}) {
      root.write(name, std::string(name) == "secret-large" ? noise(100'000, 1) : "for whom?");
      ASSERT_EQ(::chmod(root.path(name).c_str(), std::string(name) == "public" ? 0644 : 0600), 0);
    }
  }
  std::vector<std::string> words(const char* user) const {
    return {"--log-file", root.path("log"), "--engine", GetParam(), "--user", user};
  }

  Folder root;
};
INSTANTIATE_ON_EVERY_ENGINE(ServeUser);

TEST_P(ServeUser, opens_no_file_that_only_root_may_read) {
  Serve server(root, words("nobody"));
  Client client(server.port);
  EXPECT_EQ(client.get("/public").body, "for whom?");
  EXPECT_EQ(client.get("/secret").status, 403);
  EXPECT_EQ(client.get("/secret-large").status, 403);
  for (const char* line : {"Uid:\t65534\t65534\t65534\t65534\n",
                           "Gid:\t65534\t65534\t65534\t65534\n", "Groups:\t65534 \n"}) {
    EXPECT_THAT(status_of(server.pid()), HasSubstr(line));
  }
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait().status, 0);
  std::ifstream log(root.path("log"));  // root's, opened before
  std::string first;
  std::getline(log, first);
  EXPECT_THAT(first, HasSubstr("/public"));
}

TEST_P(ServeUser, that_there_is_not_is_said) {
  Process server([this] {
    auto all = words("no-such-user");
    all.insert(all.begin(), {"serve", root.path(), "--listen", "127.0.0.1:0"});
    return all;
  }());
  const Ended ended = server.wait();
  EXPECT_EQ(ended.status, 1);
  EXPECT_EQ(ended.err,
            "vigil serve: cannot run as the user no-such-user: there is none. Name one that is in "
            "the user database (getent passwd).\n");
  EXPECT_EQ(ended.out, "");
}

TEST(ServeUserAlone, takes_root_for_another_and_nothing_for_oneself) {
  Folder root;
  if (::geteuid() != 0) {
    VIGIL_NOT_RUN("only root can become nobody");
  }
  ASSERT_EQ(::chmod(root.path().c_str(), 0755), 0);
  const std::vector<std::string> words = {"serve", root.path(), "--listen", "127.0.0.1:0",
                                          "--log", "off",       "--user"};
  auto as_root = words;
  as_root.push_back("root");
  const Ended ended = Process(as_root, {.as_nobody = true}).wait();
  EXPECT_EQ(ended.status, 1);
  EXPECT_EQ(ended.err,
            "vigil serve: cannot run as the user root: operation not permitted. Start it as root, "
            "which may, or without --user.\n");
  for (const char* itself : {"nobody", "65534"}) {
    auto same = words;
    same.push_back(itself);
    Process server(same, {.as_nobody = true});
    EXPECT_NE(server.await_port(), 0);
    server.signal(SIGTERM);
    EXPECT_EQ(server.wait().status, 0);
  }
}

}  // namespace
}  // namespace vigil::e2e
