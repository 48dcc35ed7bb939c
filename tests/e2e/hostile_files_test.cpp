// Files that change while they are sent, names that are markup, paths that want out, bytes that
// would forge a log. Hazards 45, 46, 57.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <sstream>

#include "tests/support/peer.hpp"
#include "tests/support/program.hpp"
#include "tests/support/streams.hpp"

namespace vigil::test {
namespace {

constexpr std::size_t kBig = 12'000'000;

class HostileFiles : public testing::Test {
 protected:
  std::vector<std::string> serve(std::vector<std::string> more = {}) const {
    std::vector<std::string> words{"vigil", "serve", root.path(), "--listen", "127.0.0.1:0"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  // Asks for the big file and takes the first bytes of the answer, so that it is under way.
  static Peer under_way(std::uint16_t port, std::string_view fields = {}) {
    Peer peer(port, 4096);
    peer.send("GET /big HTTP/1.1\r\nHost: x\r\n" + std::string(fields) + "\r\n");
    pollfd entry{peer.handle(), POLLIN, 0};
    EXPECT_EQ(::poll(&entry, 1, 20'000), 1);
    return peer;
  }
  TemporaryDirectory root;
};

TEST_F(HostileFiles, TruncatedWhileSentInPartsBreakTheTransfer) {
  root.write("big", std::string(kBig, 'a'));
  Program server(serve({"--log", "off"}));
  const std::uint16_t port = server.port();
  for (const char* fields : {"", "Range: bytes=1000-\r\n", "Range: bytes=0-9,100-\r\n"}) {
    Peer peer = under_way(port, fields);
    std::filesystem::resize_file(root / "big", 500'000);
    const Peer::Answer answer = peer.answer();
    EXPECT_TRUE(answer.status == 200 || answer.status == 206) << answer.status;
    EXPECT_FALSE(answer.whole) << fields;
    bool ended = false;
    peer.read_to_end(&ended);
    EXPECT_TRUE(ended) << "the connection must not go on after half an answer";
    root.write("big", std::string(kBig, 'a'));
    EXPECT_TRUE(eventually([&] { return Peer(port).get("/big").body.size() == kBig; }));
  }
  EXPECT_EQ(server.end(), 0);
}

// Another file under the same name, or none: who was being sent the old one gets it to its end.
TEST_F(HostileFiles, ReplacedOrDeletedWhileSentArriveAsTheyWere) {
  const std::string old_text = payload(1, 1, kBig);
  const std::string new_text = payload(2, 2, kBig);
  root.write("big", old_text);
  Program server(serve({"--log", "off"}));
  const std::uint16_t port = server.port();
  Peer first = under_way(port);
  root.write("next", new_text);
  std::filesystem::rename(root / "next", root / "big");
  EXPECT_TRUE(first.answer().body == old_text);
  EXPECT_TRUE(eventually([&] { return Peer(port).get("/big").body == new_text; }));
  Peer second = under_way(port);
  std::filesystem::remove(root / "big");
  EXPECT_TRUE(second.answer().body == new_text);
  EXPECT_TRUE(eventually([&] { return Peer(port).get("/big").status == 404; }));
  EXPECT_EQ(server.end(), 0);
}

// It grows, shrinks and is rewritten all the time: an answer that is whole has bytes of the file
// alone, and the length of some moment. Nothing crashes where a page vanishes.
TEST_F(HostileFiles, RewrittenAllTheTimeAreServedOrBroken) {
  root.write("big", std::string(1000, 'a'));
  Program server(serve({"--log", "off"}));
  const std::uint16_t port = server.port();
  std::jthread writer([&](const std::stop_token& over) {
    const Handle file(::open((root / "big").c_str(), O_WRONLY | O_CLOEXEC));
    std::mt19937 random(7);
    const std::string text(300'000, 'a');
    while (!over.stop_requested()) {
      EXPECT_EQ(::ftruncate(file.get(), 0), 0);
      const std::size_t size = 1 + random() % text.size();
      EXPECT_EQ(::pwrite(file.get(), text.data(), size, 0), static_cast<ssize_t>(size));
    }
  });
  std::size_t whole = 0;
  for (int i = 0; i < 1500; ++i) {
    Peer peer(port);
    const Peer::Answer answer = peer.get("/big");
    // None: it shrank before the head was on its way, and the connection ended.
    ASSERT_TRUE(answer.status == 200 || answer.status == 0) << answer.status;
    whole += answer.whole ? 1u : 0u;
    ASSERT_EQ(answer.body.find_first_not_of(std::string_view("a\0", 2)), std::string::npos);
  }
  writer.request_stop();
  writer.join();
  EXPECT_GT(whole, 0u);
  EXPECT_EQ(server.end(), 0);
}

std::string unescaped(std::string_view html) {
  static const std::map<std::string, std::string, std::less<>> kNames{
      {"amp", "&"}, {"lt", "<"}, {"gt", ">"}, {"quot", "\""}, {"#39", "'"}, {"apos", "'"}};
  std::string text;
  for (std::size_t i = 0; i < html.size(); ++i) {
    const std::size_t end = html[i] == '&' ? html.find(';', i) : std::string::npos;
    const auto known =
        end != std::string::npos ? kNames.find(html.substr(i + 1, end - i - 1)) : kNames.end();
    if (known != kNames.end()) {
      text += known->second;
      i = end;
    } else {
      text += html[i];
    }
  }
  return text;
}

// What a browser would follow from this page, in order.
std::vector<std::string> links_of(const std::string& page) {
  std::vector<std::string> links;
  constexpr std::string_view kHref = "href=\"";
  for (std::size_t at = 0; (at = page.find(kHref, at)) != std::string::npos;) {
    at += kHref.size();
    links.push_back(unescaped(page.substr(at, page.find('"', at) - at)));
  }
  return links;
}

// Every byte that a name can hold, alone and in company; each file is found by its link on the
// page.
TEST_F(HostileFiles, OfEveryByteAreFoundByTheLinksOfTheListing) {
  std::vector<std::string> names{"%",
                                 "%2e%2e",
                                 "%00",
                                 "?",
                                 "?x=y",
                                 "#",
                                 "a#b",
                                 "<script>alert(1)<",
                                 "\"onload=\"x",
                                 "'",
                                 "&",
                                 "&amp;",
                                 "&lt;",
                                 "\n",
                                 "a\nb",
                                 "\r",
                                 "\t",
                                 " ",
                                 "  a  ",
                                 "\\",
                                 "a\\b",
                                 ":",
                                 "c:",
                                 "http:",
                                 "javascript:alert(1)",
                                 "mailto:x",
                                 "a..",
                                 "-",
                                 "--",
                                 "~",
                                 "*",
                                 "\xff",
                                 "\xc0\xaf",
                                 "\xed\xa0\x80",
                                 "\xe2\x80\xae"
                                 "txt.exe",
                                 "\xef\xbb\xbf"
                                 "bom",
                                 "\xf0\x9f\x90\x98",
                                 "\x1b[31m",
                                 "\x7f",
                                 "a;b",
                                 "a=b",
                                 "a+b",
                                 "a,b",
                                 "[1]",
                                 "{a}",
                                 "a|b",
                                 "a^b",
                                 "`a`",
                                 "$(a)",
                                 "e\xcc\x81",
                                 std::string(255, 'n'),
                                 std::string(85, '\xff')};
  for (int c = 1; c < 256; ++c) {
    if (c != '/' && c != '.') {
      names.push_back("b" + std::string(1, static_cast<char>(c)) + "e");
    }
  }
  std::set<std::string> contents;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string content = "content " + std::to_string(i);
    root.write(names[i], content);
    contents.insert(content);
  }
  Program server(serve({"--listing", "--log", "off"}));
  const std::uint16_t port = server.port();
  Peer peer(port);
  const Peer::Answer page = peer.get("/");
  ASSERT_EQ(page.status, 200);
  EXPECT_EQ(page.body.find("<script"), std::string::npos);
  for (const std::string& link : links_of(page.body)) {
    if (link.empty() || link[0] == '?' || link[0] == '#' || link == "/" || link == "../" ||
        link == "./") {
      continue;
    }
    ASSERT_TRUE(std::ranges::all_of(link, [](char c) { return c > 0x20 && c < 0x7f; })) << link;
    const std::size_t colon = link.find(':');
    ASSERT_TRUE(colon == std::string::npos || link.find('/') < colon)
        << link << " has a scheme for browsers";
    const std::string target =
        link.starts_with("/") ? link : "/" + (link.starts_with("./") ? link.substr(2) : link);
    const Peer::Answer file = peer.get(target.substr(0, target.find('#')));
    ASSERT_EQ(file.status, 200) << link;
    EXPECT_EQ(contents.erase(file.body), 1u) << link;
  }
  EXPECT_TRUE(contents.empty()) << contents.size() << " files have no link, such as "
                                << *contents.begin();
  EXPECT_EQ(server.end(), 0);
}

// 20,000 spellings that want to leave the root, beside links that do: nobody sees the canary.
TEST_F(HostileFiles, OutsideTheRootAreReachedByNoSpelling) {
  constexpr std::string_view kCanary = "this must never be sent";
  TemporaryDirectory outside;
  outside.write("canary", std::string(kCanary));
  root.directory("a/b/c");
  root.write("a/b/c/file", "inside");
  root.write("canary", "the one inside");
  root.link("a/out", outside.path());
  root.link("a/out_file", outside / "canary");
  root.link("a/b/up", "../../..");
  root.link("a/etc", "/etc");
  root.link("a/in", "b/c");
  const std::string name = std::filesystem::path(outside.path()).filename();
  const std::vector<std::string> pieces{
      "..",        "%2e%2e", "%2e.",     ".%2E", "%252e%252e", "..%2f", "..%5c",
      "..\\",      "..;",    "...",      ".",    "%2f",        "%5c",   "/",
      "//",        "a",      "b",        "c",    "out",        "up",    "in",
      "etc",       "passwd", "out_file", name,   "canary",     "%00",   "%c0%ae%c0%ae",
      "%e0%80%ae", "..%00",  "proc",     "self", "root",       "fd",    "file"};
  Program server(serve({"--listing", "--log", "off"}));
  const std::uint16_t port = server.port();
  std::mt19937 random(46);
  std::map<int, int> statuses;
  constexpr int kSpellings = 20'000;
  constexpr int kBatch = 50;  // pipelined
  for (int done = 0; done < kSpellings; done += kBatch) {
    Peer peer(port);
    std::string asks;
    for (int i = 0; i < kBatch; ++i) {
      asks += "GET ";
      for (auto n = 1 + random() % 8; n > 0; --n) {
        asks += "/" + pieces[random() % pieces.size()];
      }
      asks += " HTTP/1.1\r\nHost: x\r\n\r\n";
    }
    peer.send(asks);
    for (int i = 0; i < kBatch; ++i) {
      const Peer::Answer answer = peer.answer();
      ++statuses[answer.status];
      ASSERT_TRUE(answer.whole) << asks;
      ASSERT_EQ(answer.body.find(kCanary), std::string::npos) << asks;
      ASSERT_EQ(answer.body.find("root:"), std::string::npos) << asks;
      ASSERT_EQ(answer.body.find(">" + name), std::string::npos) << asks;
    }
  }
  EXPECT_GT(statuses[200], 100);  // some lead inside: the test does not shout at a closed door
  EXPECT_GT(statuses[404] + statuses[400], kSpellings / 2);
  EXPECT_EQ(statuses[500] + statuses[0], 0);
  EXPECT_EQ(server.end(), 0);
}

// Every byte in target, query, method, and in the fields that are logged: each request is one line,
// of printable characters, that can be read back.
TEST_F(HostileFiles, OfTheLogStayOneReadableLineForEachRequest) {
  for (const std::string format : {"json", "common"}) {
    const std::string log =
        root / ("../" + std::filesystem::path(root.path()).filename().string() + "-" + format);
    Program server(serve({"--log", format, "--log-file", log}));
    const std::uint16_t port = server.port();
    long requests = 0;
    for (int c = 0; c < 256; ++c) {
      const std::string byte(1, static_cast<char>(c));
      char escaped[4];
      std::snprintf(escaped, sizeof escaped, "%%%02x", static_cast<unsigned>(c));
      const std::string rest = " HTTP/1.1\r\nHost: x\r\n";
      for (const std::string& text :
           {"GET /" + byte + "x" + rest + "\r\n", "GET /" + std::string(escaped) + rest + "\r\n",
            "GET /?" + byte + "\"" + rest + "\r\n", "G" + byte + "T /" + rest + "\r\n",
            "GET /" + rest + "User-Agent: a" + byte + "b\"\r\nReferer: \\" + byte + "\r\n\r\n",
            "GET /" + rest + "Host: " + byte + "\r\n\r\n"}) {
        Peer peer(port);
        peer.send(text);
        peer.end_writing();
        peer.read_to_end();
        ++requests;
      }
    }
    EXPECT_EQ(server.end(), 0);
    std::ifstream in(log, std::ios::binary);
    std::stringstream all;
    all << in.rdbuf();
    std::filesystem::remove(log);
    long lines = 0;
    for (std::string line; std::getline(all, line);) {
      ++lines;
      ASSERT_TRUE(std::ranges::all_of(line, [](char c) { return c >= 0x20 && c < 0x7f; })) << line;
      if (format == "json") {
        const auto read = nlohmann::json::parse(line, nullptr, false);
        ASSERT_TRUE(read.is_object() && read.contains("status")) << line;
      } else {
        ASSERT_TRUE(line.starts_with("127.0.0.1 - - [")) << line;
      }
    }
    EXPECT_EQ(lines, requests) << format;
  }
}

}  // namespace
}  // namespace vigil::test
