// `vigil serve` when system calls fail: each fault costs what it must and no more.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "serve_process.hpp"
#include "tests/support/not_run.hpp"

namespace vigil::e2e {
namespace {

// The program under strace, which makes a system call of it fail; the process is the program's own.
StartOptions with_fault(const std::string& fault) {
  return {.wrapper = {vigil::test::find_program("strace"), "-D", "-qq", "-f", "-o", "/dev/null",
                      "-e", "inject=" + fault}};
}

// Clock ticks of processor time that the process took so far.
long processor_time(int pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
  std::string word;
  long user = 0;
  long system = 0;
  for (int i = 1; i <= 13; ++i) {
    in >> word;
  }
  in >> user >> system;
  return user + system;
}

class ServeFaults : public testing::Test {
 protected:
  void SetUp() override {
    VIGIL_NEEDS_PROGRAM("strace");
    root.write("small", "content");
    root.write("large", noise(200'000, 1));
  }
  Folder root;
};

TEST_F(ServeFaults, accept_without_descriptors_waits_and_recovers) {
  Serve server(root, {"--log", "off", "--shards", "1"},
               with_fault("accept4:error=EMFILE:when=3..6"));
  Client one(server.port);
  EXPECT_EQ(one.get("/small").body, "content");
  const long before = processor_time(server.pid());
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(Client(server.port).get("/small").body, "content");
    EXPECT_EQ(one.get("/small").body, "content");
  }
  EXPECT_LT(processor_time(server.pid()) - before, 50);
}

TEST_F(ServeFaults, interrupted_waits_are_no_matter) {
  Serve server(root, {"--log", "off", "--shards", "1"},
               with_fault("epoll_pwait:error=EINTR:when=1+3"));
  Client client(server.port);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(client.get("/small").body, "content");
  }
}

TEST_F(ServeFaults, files_that_cannot_be_opened_for_want_of_descriptors_are_503) {
  Serve server(root, {"--log", "off", "--shards", "1"}, with_fault("openat2:error=EMFILE:when=2+"));
  const Response response = Client(server.port).get("/small");
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.fields.at("retry-after"), "1");
}

TEST_F(ServeFaults, a_disk_that_fails_is_500_and_the_rest_goes_on) {
  constexpr int kFiles = 60;
  for (int i = 0; i < kFiles; ++i) {
    root.write("f" + std::to_string(i), "content");
  }
  // The first few are the program loader's own.
  Serve server(root, {"--log", "off", "--shards", "1"}, with_fault("pread64:error=EIO:when=50+"));
  Client client(server.port);
  int failed = 0;
  for (int i = 0; i < kFiles; ++i) {
    const Response response = client.get("/f" + std::to_string(i));
    EXPECT_TRUE(response.status == 500 || (response.status == 200 && response.body == "content"))
        << response.status;
    failed += response.status == 500 ? 1 : 0;
  }
  EXPECT_GT(failed, 0);
  EXPECT_LT(failed, kFiles);
  EXPECT_TRUE(client.get("/large").body == noise(200'000, 1));
}

TEST_F(ServeFaults, a_disk_that_fails_while_sending_cuts_the_answer_off) {
  Serve server(root, {"--log", "off", "--shards", "1"}, with_fault("sendfile:error=EIO:when=1"));
  Client client(server.port);
  const Response response = client.get("/large");
  EXPECT_FALSE(response.complete);
  EXPECT_TRUE(Client(server.port).get("/large").body == noise(200'000, 1));
}

TEST_F(ServeFaults, without_file_change_events_files_are_looked_at_again) {
  Serve server(root, {"--log", "off", "--cache-recheck", "50ms"},
               with_fault("inotify_init1:error=EMFILE"));
  EXPECT_EQ(Client(server.port).get("/small").body, "content");
  root.write("small", "changed");
  EXPECT_TRUE(eventually([&] { return Client(server.port).get("/small").body == "changed"; }, 5s));
}

TEST_F(ServeFaults, without_openat2_nothing_outside_is_served) {
  Folder outside;
  outside.write("secret", "secret");
  std::filesystem::create_symlink(outside.path("secret"), root.path("leaves"));
  std::filesystem::create_directory_symlink(outside.path(), root.path("directory"));
  std::filesystem::create_symlink("small", root.path("link"));
  Serve server(root, {"--log", "off"}, with_fault("openat2:error=ENOSYS"));
  Client client(server.port);
  EXPECT_EQ(client.get("/small").body, "content");
  EXPECT_EQ(client.get("/link").body, "content");
  EXPECT_EQ(client.get("/leaves").status, 404);
  EXPECT_EQ(client.get("/directory/secret").status, 404);
}

}  // namespace
}  // namespace vigil::e2e
