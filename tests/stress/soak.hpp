// What soaks share: workers that go on until the time is over, and some of what they do.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/peer.hpp"
#include "tests/support/program.hpp"
#include "tests/support/streams.hpp"
#include "tests/support/temporary_directory.hpp"

namespace vigil::test {

// How long one soak takes: VIGIL_TEST_SOAK, in seconds, else a few.
inline std::chrono::seconds soak_time() {
  const char* asked = std::getenv("VIGIL_TEST_SOAK");
  return std::chrono::seconds(asked != nullptr ? std::atoi(asked) : 5);
}

inline constexpr unsigned kSoakFiles = 40;

inline std::size_t size_of_file(unsigned file) {
  return file % 4 == 3 ? 400'000 : 100 + 997 * file;
}

class Soaking {
 public:
  ~Soaking() { over_ = true; }
  // `step` with a generator of its own, again and again, on a thread of its own.
  void until_over(const std::function<void(std::mt19937&)>& step) {
    workers_.emplace_back([this, step, seed = workers_.size()] {
      std::mt19937 random(static_cast<std::uint32_t>(seed));
      while (!over_) {
        step(random);
      }
    });
  }
  // Longer where the machine is slow: until enough good clients were served among the others.
  void soak() {
    std::this_thread::sleep_for(soak_time());
    EXPECT_TRUE(eventually([&] { return good > 100; })) << good << " good answers";
    over_ = true;
    workers_.clear();
  }

  std::atomic<std::size_t> good = 0;

 private:
  std::atomic<bool> over_ = false;
  std::vector<std::jthread> workers_;
};

// The files that the workers below ask for.
inline void write_soak_files(const TemporaryDirectory& root) {
  for (unsigned i = 0; i < kSoakFiles; ++i) {
    root.write(std::to_string(i), payload(i, 0, size_of_file(i)));
  }
}

// Asks as a browser does: some of several files on one connection, pipelined or one by one.
inline void ask_well(std::uint16_t port, std::mt19937& random, std::atomic<std::size_t>& good) {
  Peer peer(port);
  std::vector<unsigned> files(1 + random() % 8);
  for (unsigned& file : files) {
    file = static_cast<unsigned>(random() % kSoakFiles);
  }
  const bool pipelined = random() % 2 == 0;
  for (const unsigned file : files) {
    peer.send("GET /" + std::to_string(file) + " HTTP/1.1\r\nHost: x\r\n\r\n");
    if (!pipelined) {
      ASSERT_EQ(peer.answer(60s).body, payload(file, 0, size_of_file(file)));
      ++good;
    }
  }
  for (std::size_t i = 0; pipelined && i < files.size(); ++i) {
    ASSERT_EQ(peer.answer(60s).body, payload(files[i], 0, size_of_file(files[i])));
    ++good;
  }
}

// Leaves in the middle: of a head, of an answer, of a pipeline; sometimes politely.
inline void leave_badly(std::uint16_t port, std::mt19937& random) {
  Peer peer(port, 4096);
  std::string text;
  for (auto n = random() % 20; n > 0; --n) {
    text += "GET /" + std::to_string(random() % kSoakFiles) + " HTTP/1.1\r\nHost: x\r\n\r\n";
  }
  text += "POST /1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n";
  text.resize(random() % text.size());
  if (random() % 8 == 0 && !text.empty()) {
    text[random() % text.size()] = static_cast<char>(random());
  }
  peer.send_some(text);
  if (random() % 2 == 0) {
    peer.read(random() % 10'000, 20ms);
  }
  if (random() % 3 == 0) {
    peer.end_writing();
  } else if (random() % 2 == 0) {
    peer.reset();
  }
}

// Reads slowly, or not at all.
inline void read_slowly(std::uint16_t port, std::mt19937& random) {
  Peer peer(port, 4096);
  peer.send_some("GET /3 HTTP/1.1\r\nHost: x\r\n\r\nGET /7 HTTP/1.1\r\nHost: x\r\n\r\n");
  std::this_thread::sleep_for(std::chrono::milliseconds(random() % 1000));
}

}  // namespace vigil::test
