// A server of several processes, and clients that ask it all the time.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "serve_process.hpp"

namespace vigil::e2e {

inline bool runs(int pid) { return ::kill(pid, 0) == 0; }
// Not 0, which is all that this test has started, and itself.
inline void end_hard(int pid) {
  ASSERT_GT(pid, 0) << "it is not there";
  ::kill(pid, SIGKILL);
}

class ServeProcesses : public testing::Test {
 protected:
  void SetUp() override { root.write("site/a", noise(3000, 1)); }

  std::string socket() const { return root.path("admin.sock"); }
  std::vector<std::string> words(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> all{"serve",   root.path("site"), "--listen",    "127.0.0.1:0",
                                 "--admin", socket(),          "--processes", "2"};
    if (std::ranges::find(more, "--log") == more.end()) {
      all.insert(all.end(), {"--log", "off"});
    }
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  std::string ask(const std::string& target) const {
    Client client(socket());
    EXPECT_TRUE(client.send("GET " + target + " HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    return client.receive().body;
  }
  nlohmann::json status() const {
    return nlohmann::json::parse(ask("/status.json"), nullptr, false);
  }
  // By number; 0: it is not there.
  std::vector<int> pids() const {
    std::vector<int> all;
    const nlohmann::json said = status();
    for (const nlohmann::json& process : said.at("processes")) {
      all.push_back(process.at("serves").get<bool>() ? process.at("id").get<int>() : 0);
    }
    return all;
  }
  // Each asks until it is told to stop. One whose connection ends has a new one, which must be let
  // in; what was under way in a process that was killed may be lost, and is counted.
  void load(std::uint16_t port, bool keeps) {
    while (!over_) {
      Client client(port);  // fails the test where it is refused
      bool goes_on = true;
      while (goes_on) {
        const Response response = client.get("/a", keeps ? "" : "Connection: close\r\n");
        const bool right =
            response.status == 200 && response.complete && response.body == noise(3000, 1);
        (right ? answered_ : lost_) += 1;
        goes_on = right && keeps && !over_ && !response.fields.contains("connection");
      }
    }
  }
  void start_load(std::uint16_t port) {
    for (int i = 0; i < 2; ++i) {
      clients_.emplace_back([this, port] { load(port, true); });
      clients_.emplace_back([this, port] { load(port, false); });
    }
  }
  void await_answers(long more) {
    const long before = answered_;
    EXPECT_TRUE(eventually([&] { return answered_ > before + more; })) << "of " << answered_;
  }
  void end_load() {
    over_ = true;
    for (std::thread& client : clients_) {
      client.join();
    }
    clients_.clear();
  }

  Folder root;
  std::atomic<bool> over_ = false;
  std::atomic<long> answered_ = 0;
  std::atomic<long> lost_ = 0;
  std::vector<std::thread> clients_;
};

}  // namespace vigil::e2e
