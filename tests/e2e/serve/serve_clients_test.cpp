// Programs that others wrote, against `vigil serve`: polite ones, a browser, and hostile ones.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <thread>

#include "serve_process.hpp"
#include "tests/support/not_run.hpp"

namespace vigil::e2e {
namespace {

struct Ran {
  int status = -1;
  std::string output;  // of both streams
};

// Runs a line of shell, for at most a minute.
Ran run(const std::string& line) {
  Ran ran;
  const std::string whole = "timeout 60 sh -c '" + line + "' 2>&1";
  std::FILE* pipe = ::popen(whole.c_str(), "r");
  char buffer[4096];
  for (std::size_t size = 0; (size = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) {
    ran.output.append(buffer, size);
  }
  const int status = ::pclose(pipe);
  ran.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return ran;
}

std::string url(const Serve& server) { return "http://127.0.0.1:" + std::to_string(server.port); }

// The content of all regular files below a directory, by path.
std::map<std::string, std::string> tree(const std::string& root) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    if (entry.is_regular_file()) {
      std::stringstream content;
      content << std::ifstream(entry.path(), std::ios::binary).rdbuf();
      files[std::filesystem::relative(entry.path(), root)] = content.str();
    }
  }
  return files;
}

TEST(ServeClients, curl_resumes_and_asks_again_only_for_what_changed) {
  VIGIL_NEEDS_PROGRAM("curl");
  Folder root;
  Folder here;
  const std::string content = noise(300'000, 5);
  root.write("f", content);
  here.write("f", content.substr(0, 123'456));
  const Serve server(root, {"--log", "off"});
  const std::string file = here.path("f");
  EXPECT_EQ(run("curl -sS -C - -o " + file + " " + url(server) + "/f").status, 0);
  EXPECT_TRUE(tree(here.path())["f"] == content);
  const std::string code = " -w %{http_code} -o /dev/null ";
  EXPECT_EQ(run("curl -sS -R -o " + file + " " + url(server) + "/f && curl -sS -z " + file + code +
                url(server) + "/f")
                .output,
            "304");
  EXPECT_EQ(run("curl -sS -r 0-99" + code + url(server) + "/f").output, "206");
  EXPECT_EQ(run("curl -sS -0" + code + url(server) + "/f").output, "200");
  EXPECT_EQ(run("curl -sS -L" + code + url(server) + "/nowhere").output, "404");
  EXPECT_EQ(run("curl -sS -d @" + file + code + url(server) + "/f").output, "405");
}

TEST(ServeClients, wget_mirrors_a_tree_through_its_listings) {
  VIGIL_NEEDS_PROGRAM("wget");
  Folder root;
  Folder copy;
  int seed = 0;
  for (const char* name :
       {"a", "b c", "100%", "sub/what?", "sub/deep/er/x", "sub/\xc3\xa4", "sub/#1"}) {
    root.write(name, noise(20'000, static_cast<std::uint32_t>(++seed)));
  }
  const Serve server(root, {"--log", "off", "--listing"});
  run("wget -q -r -np -nH --restrict-file-names=nocontrol -R \"index.html*\" -P " + copy.path() +
      " " + url(server) + "/");
  EXPECT_TRUE(tree(copy.path()) == tree(root.path()));
}

TEST(ServeClients, wrk_gets_nothing_but_answers) {
  VIGIL_NEEDS_PROGRAM("wrk");
  Folder root;
  root.write("small", noise(1024, 1));
  root.write("large", noise(1'000'000, 2));
  const Serve server(root, {"--log", "off"});
  for (const char* name : {"/small", "/large", "/nowhere"}) {
    const Ran ran = run("wrk -t1 -c50 -d1s " + url(server) + name);
    EXPECT_EQ(ran.status, 0);
    EXPECT_NE(ran.output.find("requests in"), std::string::npos) << ran.output;
    EXPECT_EQ(ran.output.find("Socket errors"), std::string::npos) << ran.output;
    EXPECT_EQ(ran.output.find("Non-2xx") == std::string::npos, std::string_view(name) != "/nowhere")
        << ran.output;
  }
}

TEST(ServeClients, chromium_shows_a_listing_with_its_style_and_every_name) {
  VIGIL_NEEDS_PROGRAM("chromium");
  Folder root;
  Folder profile;
  for (const char* name : {"100%", "what?", "<b>bold", "new\nline", "\xff\xfe", "plain.txt"}) {
    root.write(name, "content");
  }
  const Serve server(root, {"--log", "off", "--listing"});
  const Ran ran =
      run("chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
          "--disable-background-networking "
          "--disable-component-update --disable-sync --user-data-dir=" +
          profile.path() + " --enable-logging=stderr --v=0 --virtual-time-budget=2000 --dump-dom " +
          url(server) + "/");
  EXPECT_EQ(ran.output.find("Refused to"), std::string::npos)
      << "the policy refuses a part of the page";
  for (const char* name :
       {"100%", "what?", "&lt;b&gt;bold", "new\\x0aline", "\\xff\\xfe", "plain.txt"}) {
    EXPECT_NE(ran.output.find("<bdi>" + std::string(name) + "</bdi>"), std::string::npos)
        << name << ran.output;
  }
}

// Runs `attack` while a polite client asks; the share of its requests that were answered before the
// attack can be over. (On a busy machine that takes a while: the attackers want their answers,
// too.)
double share_served(const Serve& server, const std::string& attack) {
  std::atomic<bool> over = false;
  std::thread attacker([&] {
    run(attack);
    over = true;
  });
  int asked = 0;
  int served = 0;
  while (!over) {
    Client client(server.port);
    client.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    ++asked;
    served += client.receive(false, 3s).body == "content" ? 1 : 0;
    std::this_thread::sleep_for(5ms);
  }
  attacker.join();
  EXPECT_GT(asked, 5);
  return asked == 0 ? 0 : static_cast<double>(served) / asked;
}

// CVE-2007-6750: slow heads, bodies and readers.
TEST(ServeClients, slowhttptest_takes_the_service_from_nobody) {
  VIGIL_NEEDS_PROGRAM("slowhttptest");
  Folder root;
  root.write("a", "content");
  root.write("big", noise(5'000'000, 1));
  const Serve server(root, {"--log", "off"});
  const std::string common = "slowhttptest -c 400 -r 400 -l 5 -i 1 -u " + url(server);
  EXPECT_GE(share_served(server, common + "/a -H"), 0.99);
  EXPECT_GE(share_served(server, common + "/a -B"), 0.99);
  EXPECT_GE(share_served(server, common + "/big -X -w 1 -y 10 -n 1 -z 1 -k 1"), 0.99);
  EXPECT_GE(share_served(server, common + "/big -R -a 1 -b 3000 -s 1"), 0.99);
}

}  // namespace
}  // namespace vigil::e2e
