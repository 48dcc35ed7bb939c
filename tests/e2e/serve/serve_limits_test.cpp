// The limits of `vigil serve`: each answers as --help says, and the others are served meanwhile.
#include <gtest/gtest.h>

#include <memory>
#include <thread>

#include "serve_process.hpp"

namespace vigil::e2e {
namespace {

class ServeLimits : public testing::Test {
 protected:
  Serve& serve(std::vector<std::string> more = {}, const StartOptions& options = {}) {
    root.write("a", "content");
    root.write("big", noise(30'000'000, 1));
    more.insert(more.end(), {"--log", "off"});
    server = std::make_unique<Serve>(root, std::move(more), options);
    return *server;
  }
  int status_of(std::string_view request) {
    Client client(server->port);
    client.send(request);
    return client.receive().status;
  }
  void expect_service() {
    Client client(server->port);
    EXPECT_EQ(client.get("/a").body, "content");
  }

  Folder root;
  std::unique_ptr<Serve> server;
};

TEST_F(ServeLimits, of_the_head) {
  serve({"--head-limit", "4K", "--line-limit", "1K"});
  EXPECT_EQ(status_of("GET /" + std::string(2000, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n"), 414);
  EXPECT_EQ(status_of("GET /a HTTP/1.1\r\nHost: x\r\nX: " + std::string(5000, 'a') + "\r\n\r\n"),
            431);
  std::string fields;
  for (int i = 0; i < 120; ++i) {
    fields += "A: b\r\n";
  }
  EXPECT_EQ(status_of("GET /a HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n"), 431);
  expect_service();
}

TEST_F(ServeLimits, of_the_number_of_fields) {
  serve({"--fields-limit", "5"});
  EXPECT_EQ(status_of("GET /a HTTP/1.1\r\nHost: x\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\n\r\n"), 200);
  EXPECT_EQ(status_of("GET /a HTTP/1.1\r\nHost: x\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\n\r\n"),
            431);
}

TEST_F(ServeLimits, of_the_number_of_fields_may_be_raised_above_a_hundred) {
  serve({"--fields-limit", "300"});
  const auto with_fields = [](int count) {
    std::string request = "GET /a HTTP/1.1\r\nHost: x\r\n";
    for (int i = 1; i < count; ++i) {
      request += "A: b\r\n";
    }
    return request + "\r\n";
  };
  EXPECT_EQ(status_of(with_fields(300)), 200);
  EXPECT_EQ(status_of(with_fields(301)), 431);
}

TEST_F(ServeLimits, of_the_time_for_a_head) {
  serve({"--head-timeout", "200ms"});
  Client slow(server->port);
  slow.send("GET /a HTTP/1.1\r\nHo");
  EXPECT_EQ(slow.receive().status, 408);
  EXPECT_TRUE(slow.ends());
  expect_service();
}

TEST_F(ServeLimits, of_idleness) {
  serve({"--idle-timeout", "200ms"});
  Client fresh(server->port);
  EXPECT_TRUE(fresh.ends());
  Client used(server->port);
  EXPECT_EQ(used.get("/a").status, 200);
  EXPECT_TRUE(used.ends());
  expect_service();
}

TEST_F(ServeLimits, of_a_body) {
  serve({"--body-limit", "10"});
  EXPECT_EQ(status_of("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n"), 413);
  EXPECT_EQ(status_of("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n0123456789"), 405);
  expect_service();
}

TEST_F(ServeLimits, of_a_client_that_takes_nothing) {
  serve({"--write-timeout", "300ms"});
  std::vector<std::unique_ptr<Client>> idle;
  for (int i = 0; i < 20; ++i) {
    idle.push_back(std::make_unique<Client>(server->port, 4096));
    idle.back()->send("GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  expect_service();
  for (const auto& client : idle) {
    // The server gives up; what it had sent is short of what it promised.
    EXPECT_TRUE(eventually([&] { return !client->send("x"); }));
  }
}

TEST_F(ServeLimits, of_connections) {
  serve({"--connections", "3", "--shards", "1"});
  Client one(server->port);
  Client two(server->port);
  Client three(server->port);
  EXPECT_EQ(one.get("/a").status, 200);
  EXPECT_EQ(two.get("/a").status, 200);
  EXPECT_EQ(three.get("/a").status, 200);
  Client four(server->port);
  const Response away = four.get("/a");
  EXPECT_EQ(away.status, 503);
  EXPECT_EQ(away.fields.at("retry-after"), "1");
  EXPECT_TRUE(four.ends());
  EXPECT_EQ(one.get("/a").status, 200);
  three.reset();
  EXPECT_TRUE(eventually([&] { return Client(server->port).get("/a").status == 200; }));
}

TEST_F(ServeLimits, of_descriptors_leave_a_reserve) {
  serve({}, {.descriptors = 80});
  std::vector<std::unique_ptr<Client>> many;
  int away = 0;
  for (int i = 0; i < 120; ++i) {
    many.push_back(std::make_unique<Client>(server->port));
    away += many.back()->get("/a").status == 503 ? 1 : 0;
  }
  EXPECT_GT(away, 60);
  EXPECT_EQ(many[0]->get("/big", "Range: bytes=0-9\r\n").status,
            206);  // a file can still be opened
  many.clear();
  EXPECT_TRUE(eventually([&] { return Client(server->port).get("/a").status == 200; }));
}

TEST_F(ServeLimits, hold_against_clients_that_reset_at_every_point) {
  serve();
  const std::string request = "GET /big HTTP/1.1\r\nHost: x\r\n\r\n";
  for (std::size_t sent = 0; sent <= request.size(); ++sent) {
    Client client(server->port);
    client.send(request.substr(0, sent));
    client.reset();
  }
  for (int i = 0; i < 30; ++i) {
    Client client(server->port, 4096);
    client.send(request);
    EXPECT_TRUE(client.answers());
    client.reset();
  }
  expect_service();
}

}  // namespace
}  // namespace vigil::e2e
