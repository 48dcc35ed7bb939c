// What `vigil serve` answers to real clients, on every engine.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <thread>

#include "serve_process.hpp"
#include "site/target.hpp"

namespace vigil::e2e {
namespace {

class ServeAnswers : public testing::TestWithParam<const char*> {
 protected:
  Serve& serve(std::vector<std::string> more = {}) {
    more.insert(more.end(), {"--engine", GetParam(), "--log", "off"});
    server_ = std::make_unique<Serve>(root, std::move(more));
    return *server_;
  }
  Response get(std::string_view target, std::string_view fields = {}) {
    return Client(server_->port).get(target, fields);
  }

  Folder root;

 private:
  std::unique_ptr<Serve> server_;
};
INSTANTIATE_TEST_SUITE_P(Engines, ServeAnswers, testing::Values("epoll", "poll", "select"),
                         [](const auto& name) { return std::string(name.param); });

TEST_P(ServeAnswers, a_file_with_its_fields) {
  root.write("a/b.txt", "hello\n");
  serve();
  const Response response = get("/a/b.txt");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "hello\n");
  EXPECT_EQ(response.fields.at("content-type"), "text/plain; charset=utf-8");
  EXPECT_EQ(response.fields.at("x-content-type-options"), "nosniff");
  EXPECT_EQ(response.fields.at("accept-ranges"), "bytes");
  EXPECT_EQ(response.fields.at("x-request-id").size(), 32U);
  for (const char* name : {"date", "etag", "last-modified"}) {
    EXPECT_TRUE(response.fields.contains(name)) << name;
  }
}

TEST_P(ServeAnswers, small_and_large_files_whole_and_in_parts) {
  for (const std::size_t size : {0U, 1U, 16'383U, 16'384U, 16'385U, 100'000U, 3'000'000U}) {
    const std::string content = noise(size, static_cast<std::uint32_t>(size));
    const std::string name = "f" + std::to_string(size);
    root.write(name, content);
  }
  Serve& server = serve();
  Client client(server.port);
  for (int round = 0; round < 2; ++round) {  // from the disk, then from the cache
    for (const std::size_t size : {0U, 1U, 16'383U, 16'384U, 16'385U, 100'000U, 3'000'000U}) {
      const std::string content = noise(size, static_cast<std::uint32_t>(size));
      const std::string target = "/f" + std::to_string(size);
      EXPECT_TRUE(client.get(target).body == content) << size;
      if (size > 1000) {
        const Response part = client.get(target, "Range: bytes=500-999\r\n");
        EXPECT_EQ(part.status, 206);
        EXPECT_TRUE(part.body == content.substr(500, 500)) << size;
        EXPECT_EQ(part.fields.at("content-range"), "bytes 500-999/" + std::to_string(size));
        const Response parts = client.get(target, "Range: bytes=0-9,-10\r\n");
        EXPECT_EQ(parts.status, 206);
        EXPECT_NE(parts.body.find("\r\n\r\n" + content.substr(0, 10) + "\r\n--"), std::string::npos)
            << size;
        EXPECT_NE(parts.body.find("\r\n\r\n" + content.substr(size - 10) + "\r\n--"),
                  std::string::npos)
            << size;
        EXPECT_TRUE(parts.complete);
      }
    }
  }
}

TEST_P(ServeAnswers, head_without_a_body) {
  root.write("a.txt", noise(50'000, 1));
  Serve& server = serve();
  Client client(server.port);
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(client.send("HEAD /a.txt HTTP/1.1\r\nHost: x\r\n\r\n"));
    const Response head = client.receive(true);
    EXPECT_EQ(head.status, 200);
    EXPECT_EQ(head.fields.at("content-length"), "50000");
  }
  EXPECT_EQ(client.get("/a.txt").body.size(), 50'000U);
}

TEST_P(ServeAnswers, pipelined_requests_in_order_each_with_its_own) {
  for (int i = 0; i < 20; ++i) {
    root.write("f" + std::to_string(i),
               noise(static_cast<std::size_t>(100 + 900 * i), static_cast<std::uint32_t>(i)));
  }
  Serve& server = serve();
  std::vector<std::thread> clients;
  for (int c = 0; c < 8; ++c) {
    clients.emplace_back([&server, c] {
      Client client(server.port);
      for (int round = 0; round < 10; ++round) {
        std::string requests;
        for (int i = 0; i < 20; ++i) {
          requests += "GET /f" + std::to_string((i + c) % 20) + " HTTP/1.1\r\nHost: x\r\n\r\n";
        }
        ASSERT_TRUE(client.send(requests));
        for (int i = 0; i < 20; ++i) {
          const int n = (i + c) % 20;
          const Response response = client.receive();
          ASSERT_EQ(response.status, 200);
          ASSERT_TRUE(response.body == noise(static_cast<std::size_t>(100 + 900 * n),
                                             static_cast<std::uint32_t>(n)));
        }
      }
    });
  }
  for (std::thread& client : clients) {
    client.join();
  }
}

TEST_P(ServeAnswers, index_files_redirects_and_the_sites_own_404_page) {
  root.write("index.html", "home");
  root.write("docs/index.htm", "docs");
  root.write("empty/x/y", "");
  serve();
  EXPECT_EQ(get("/").body, "home");
  EXPECT_EQ(get("/").fields.at("content-type"), "text/html; charset=utf-8");
  EXPECT_EQ(get("/docs/").body, "docs");
  const Response moved = get("/docs?a=b");
  EXPECT_EQ(moved.status, 301);
  EXPECT_EQ(moved.fields.at("location"), "docs/?a=b");
  EXPECT_EQ(get("/empty/").status, 403);
  EXPECT_EQ(get("/index.html/").status, 404);
  EXPECT_EQ(get("/index.html/x").status, 404);
  EXPECT_EQ(get("/nowhere").status, 404);
  root.write("404.html", "<p>lost</p>");
  ASSERT_TRUE(eventually([&] { return get("/nowhere").body == "<p>lost</p>"; }));
  EXPECT_EQ(get("/nowhere").status, 404);
  EXPECT_EQ(get("/404.html").status, 200);
}

TEST_P(ServeAnswers, conditional_requests) {
  root.write("a.txt", "content");
  serve();
  const Response first = get("/a.txt");
  const std::string tag = first.fields.at("etag");
  const std::string date = first.fields.at("last-modified");
  EXPECT_EQ(get("/a.txt", "If-None-Match: " + tag + "\r\n").status, 304);
  EXPECT_EQ(get("/a.txt", "If-None-Match: \"x\"\r\nIf-None-Match: " + tag + "\r\n").status, 304);
  EXPECT_EQ(get("/a.txt", "If-None-Match: \"x\"\r\n").status, 200);
  EXPECT_EQ(get("/a.txt", "If-Modified-Since: " + date + "\r\n").status, 304);
  EXPECT_EQ(get("/a.txt", "If-Match: \"x\"\r\n").status, 412);
  EXPECT_EQ(get("/a.txt", "If-Match: " + tag + "\r\n").status, 200);
  EXPECT_EQ(get("/a.txt", "Range: bytes=0-1\r\nIf-Range: " + tag + "\r\n").status, 206);
  EXPECT_EQ(get("/a.txt", "Range: bytes=0-1\r\nIf-Range: \"x\"\r\n").status, 200);
  EXPECT_EQ(get("/a.txt", "Range: bytes=7-\r\n").status, 416);
}

TEST_P(ServeAnswers, precompressed_siblings) {
  root.write("a.css", "plain");
  root.write("a.css.gz", "gzip");
  root.write("a.css.br", "brotli");
  Serve& server = serve();
  Client client(server.port);
  for (int round = 0; round < 2; ++round) {
    const Response plain = client.get("/a.css");
    EXPECT_EQ(plain.body, "plain");
    EXPECT_EQ(plain.fields.at("vary"), "Accept-Encoding");
    const Response small = client.get("/a.css", "Accept-Encoding: gzip, deflate, br\r\n");
    EXPECT_EQ(small.body, "brotli");
    EXPECT_EQ(small.fields.at("content-encoding"), "br");
    EXPECT_EQ(small.fields.at("content-type"), "text/css; charset=utf-8");
    EXPECT_EQ(client.get("/a.css", "Accept-Encoding: gzip\r\n").body, "gzip");
    EXPECT_EQ(client.get("/a.css", "Accept-Encoding: zstd\r\n").body, "plain");
  }
  EXPECT_EQ(client.get("/a.css.gz").body, "gzip");
}

TEST_P(ServeAnswers, nothing_hidden_and_nothing_outside_of_the_root) {
  Folder outside;
  outside.write("secret", "secret");
  root.write("open/file", "inside");
  root.write(".env", "secret");
  root.write(".well-known/acme", "token");
  std::filesystem::create_symlink(outside.path("secret"), root.path("absolute"));
  std::filesystem::create_symlink(
      "../" + std::filesystem::path(outside.path()).filename().string() + "/secret",
      root.path("up"));
  std::filesystem::create_directory_symlink(outside.path(), root.path("directory"));
  std::filesystem::create_symlink("open/file", root.path("link"));
  std::filesystem::create_symlink("loop", root.path("loop"));
  serve();
  for (const char* target : {"/absolute", "/up", "/directory/secret", "/directory/", "/.env",
                             "/%2eenv", "/loop", "/open/.%2e/.env"}) {
    const Response response = get(target);
    EXPECT_EQ(response.status, 404) << target;
    EXPECT_EQ(response.body.find("secret"), std::string::npos) << target;
  }
  EXPECT_EQ(get("/../secret").status, 400);
  EXPECT_EQ(get("/link").body, "inside");
  EXPECT_EQ(get("/.well-known/acme").body, "token");
}

TEST_P(ServeAnswers, a_fifo_is_no_file_and_holds_nobody_up) {
  ASSERT_EQ(::mkfifo(root.path("fifo").c_str(), 0644), 0);
  root.write("a", "a");
  Serve& server = serve();
  Client client(server.port);
  EXPECT_EQ(client.get("/fifo").status, 404);
  EXPECT_EQ(client.get("/a").body, "a");
}

TEST_P(ServeAnswers, methods_versions_and_forms) {
  root.write("a", "content");
  Serve& server = serve();
  const auto ask = [&](std::string_view request) {
    Client client(server.port);
    client.send(request);
    return client.receive();
  };
  const Response post = ask("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
  EXPECT_EQ(post.status, 405);
  EXPECT_EQ(post.fields.at("allow"), "GET, HEAD, OPTIONS");
  EXPECT_EQ(ask("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n").status, 204);
  EXPECT_EQ(ask("BREW /a HTTP/1.1\r\nHost: x\r\n\r\n").status, 501);
  EXPECT_EQ(ask("GET http://example.org/a HTTP/1.1\r\nHost: y\r\n\r\n").body, "content");
  EXPECT_EQ(ask("GET /a HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n").status, 400);
  const Response old = ask("GET /a HTTP/1.0\r\n\r\n");
  EXPECT_EQ(old.body, "content");
  EXPECT_EQ(old.fields.at("connection"), "close");
}

TEST_P(ServeAnswers, data_followed_at_once_by_the_end) {
  root.write("a", noise(200'000, 3));
  Serve& server = serve();
  Client client(server.port);
  client.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
  client.end_writing();
  EXPECT_TRUE(client.receive().body == noise(200'000, 3));
  EXPECT_TRUE(client.ends());
}

TEST_P(ServeAnswers, a_listing_whose_links_lead_to_every_hostile_name) {
  const std::vector<std::string> names{"100%", "what?",    "<b>bold", "new\nline", "\xff\xfe",
                                       "a b",  "quote\"'", "#hash",   "a:b",       "back\\slash"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    root.write(names[i], noise(100, static_cast<std::uint32_t>(i)));
  }
  root.write("sub/x", "");
  root.write(".hidden", "");
  std::filesystem::create_symlink("/etc/passwd", root.path("leaves"));
  Serve& server = serve({"--listing"});
  Client client(server.port);
  const Response page = client.get("/");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.fields.at("content-type"), "text/html; charset=utf-8");
  EXPECT_NE(page.fields.at("content-security-policy").find("default-src 'none'"),
            std::string::npos);
  EXPECT_EQ(page.body.find("<b>bold"), std::string::npos);
  EXPECT_EQ(page.body.find("hidden\"/"), std::string::npos);
  EXPECT_EQ(page.body.find("leaves"), std::string::npos);
  EXPECT_NE(page.body.find("href=\"sub/\""), std::string::npos);
  for (std::size_t i = 0; i < names.size(); ++i) {
    std::string href;
    site::append_encoded(href, names[i]);
    ASSERT_NE(page.body.find("href=\"" + href + "\""), std::string::npos) << names[i];
    EXPECT_TRUE(client.get("/" + href).body == noise(100, static_cast<std::uint32_t>(i)))
        << names[i];
  }
  const std::string sorted = client.get("/?sort=size&order=desc").body;
  EXPECT_NE(sorted.find("aria-sort=\"descending\""), std::string::npos);
}

TEST_P(ServeAnswers, errors_as_pages_for_browsers) {
  serve();
  const Response page = get("/<script>", "Accept: text/html\r\n");
  EXPECT_TRUE(page.status == 404 || page.status == 400);
  EXPECT_EQ(page.body.find("<script"), std::string::npos);
  EXPECT_EQ(get("/x", "Accept: text/html\r\n").fields.at("content-type"),
            "text/html; charset=utf-8");
}

}  // namespace
}  // namespace vigil::e2e
