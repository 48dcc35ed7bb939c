// A real browser on the listing: the entries are there, the links that sort work, a hostile name is
// text and nothing else.
#include <algorithm>

#include "tests/support/peer.hpp"
#include "tests/support/program.hpp"

namespace vigil::test {
namespace {

class HostileBrowser : public testing::Test {
 protected:
  // The page as Chromium has it after its scripts, if there were any, have run.
  std::string dom(const std::string& url) const {
    int status = 0;
    const std::string text = run_tool(
        {"chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
         "--no-first-run", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--disable-dev-shm-usage", "--user-data-dir=" + (profile / "profile"),
         "--virtual-time-budget=3000", "--dump-dom", url},
        &status);
    EXPECT_EQ(status, 0) << text;
    return text;
  }
  TemporaryDirectory profile;
};

TEST_F(HostileBrowser, ShowsAndSortsAListingAndHostileNamesAreText) {
  VIGIL_NEEDS_PROGRAM("chromium");
  TemporaryDirectory root;
  root.write("b-small.txt", "x");
  root.write("a-medium.txt", std::string(1000, 'x'));
  root.write("c-large.txt", std::string(100'000, 'x'));
  root.directory("folder");
  root.write("<img src=x onerror=document.title='taken'>", "");
  root.write("<script>document.title='taken'<", "");
  root.write("\"onmouseover=\"document.title='taken'", "");
  Program server(
      {"vigil", "serve", root.path(), "--listen", "127.0.0.1:0", "--listing", "--log", "off"});
  const std::string base = "http://127.0.0.1:" + std::to_string(server.port());
  const std::string page = dom(base + "/");
  for (const char* entry : {"b-small.txt", "a-medium.txt", "c-large.txt", "folder/"}) {
    EXPECT_NE(page.find(">" + std::string(entry) + "<"), std::string::npos) << entry << "\n"
                                                                            << page;
  }
  EXPECT_NE(page.find("&lt;img src=x onerror"), std::string::npos) << page;
  EXPECT_EQ(page.find("<img"), std::string::npos);
  EXPECT_EQ(page.find("<script"), std::string::npos);
  EXPECT_EQ(page.find("<title>taken"), std::string::npos);
  // By the page's own link.
  const std::size_t link = page.find("href=\"?sort=size");
  ASSERT_NE(link, std::string::npos) << page;
  std::string query = page.substr(link + 6, page.find('"', link + 6) - link - 6);
  for (std::size_t at = 0; (at = query.find("&amp;", at)) != std::string::npos;) {
    query.replace(at, 5, "&");
  }
  const std::string sorted = dom(base + "/" + query);
  const std::size_t small = sorted.find(">b-small.txt<");
  const std::size_t medium = sorted.find(">a-medium.txt<");
  const std::size_t large = sorted.find(">c-large.txt<");
  ASSERT_LT(std::max({small, medium, large}), sorted.size()) << sorted;
  EXPECT_TRUE((small < medium && medium < large) || (large < medium && medium < small)) << sorted;
  EXPECT_EQ(server.end(), 0);
}

// The page draws what the server says, and what is in the names that it shows stays text.
TEST_F(HostileBrowser, ShowsTheStatusOfAServerThatListensAtAHostileName) {
  VIGIL_NEEDS_PROGRAM("chromium");
  TemporaryDirectory root;
  root.write("index.html", "hello");
  const std::string place = root / "<img src=x onerror=document.title='taken'>";
  Program server({"vigil", "serve", root.path(), "--listen", "127.0.0.1:0", "--listen",
                  "unix:" + place, "--log", "off", "--shards", "2", "--status", "127.0.0.1:0"});
  EXPECT_NE(server.port(), 0);
  const std::string line = "status on ";
  std::string at;
  ASSERT_TRUE(eventually([&] {
    const std::string said = server.output();
    const std::size_t begin = said.find(line);
    const std::size_t end = said.find('\n', begin);
    at =
        end == std::string::npos ? "" : said.substr(begin + line.size(), end - begin - line.size());
    return begin != std::string::npos && !at.empty();
  })) << server.output();
  const std::string page = dom("http://" + at + "/");
  EXPECT_NE(page.find("serving, process"), std::string::npos) << page;
  EXPECT_NE(page.find("<td>reuseport</td>"), std::string::npos) << page;
  EXPECT_NE(page.find("&lt;img src=x onerror"), std::string::npos) << page;
  EXPECT_EQ(page.find("<img"), std::string::npos);
  EXPECT_EQ(page.find("<title>taken"), std::string::npos);
  EXPECT_EQ(server.end(), 0);
}

}  // namespace
}  // namespace vigil::test
