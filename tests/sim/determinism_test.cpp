// The same seed is the same run, whatever the allocator does and wherever memory lies: a hundred
// seeds of a program of ours, in processes of their own.
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <string>

namespace vigil::sim {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif
#else
constexpr bool kSanitized = false;
#endif

const std::string kProgram = VIGIL_BINARY_DIR "/bin/sim_partition";

// What `environment`, then the program, prints of its hash over all seeds.
std::string hash_with(const std::string& environment, const std::string& seeds) {
  const std::string command = "env " + environment + " " + kProgram + seeds + " --json 2>&1";
  std::FILE* pipe = ::popen(command.c_str(), "r");
  std::string text;
  char room[4096];
  while (const std::size_t count = std::fread(room, 1, sizeof room, pipe)) {
    text.append(room, count);
  }
  EXPECT_EQ(::pclose(pipe), 0) << command << "\n" << text;
  const std::string key = "\"trace_hash\": \"";
  const std::size_t place = text.find(key);
  return place == std::string::npos ? "no hash in: " + text : text.substr(place + key.size(), 16);
}

class Determinism : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kProgram)) {
      GTEST_SKIP() << "not run: the examples are not built";
    }
  }
};

TEST_F(Determinism, a_run_has_the_same_hash_in_another_process_and_another_seed_has_another) {
  const std::string first = hash_with("", " --seed 1");
  EXPECT_EQ(first.size(), 16U) << first;
  EXPECT_EQ(hash_with("", " --seed 1"), first);
  EXPECT_NE(hash_with("", " --seed 2"), first);
}

TEST_F(Determinism, hundred_seeds_have_the_same_hashes_where_memory_is_filled_and_not_cached) {
  if (kSanitized) {
    GTEST_SKIP() << "not run: a sanitizer brings its own allocator";
  }
  const std::string perturbed =
      "MALLOC_PERTURB_=165 MALLOC_ARENA_MAX=1 MALLOC_MMAP_THRESHOLD_=4096 "
      "GLIBC_TUNABLES=glibc.malloc.tcache_count=0";
  EXPECT_EQ(hash_with(perturbed, " --seeds 100"), hash_with("", " --seeds 100"));
}

TEST_F(Determinism, hundred_seeds_have_the_same_hashes_under_another_allocator) {
  if (kSanitized) {
    GTEST_SKIP() << "not run: a sanitizer brings its own allocator";
  }
  for (const std::string library : {"/usr/lib/x86_64-linux-gnu/libjemalloc.so.2",
                                    "/usr/lib/x86_64-linux-gnu/libmimalloc.so.2.0",
                                    "/usr/lib/x86_64-linux-gnu/libtcmalloc_minimal.so.4"}) {
    if (std::filesystem::exists(library)) {
      EXPECT_EQ(hash_with("LD_PRELOAD=" + library, " --seeds 100"), hash_with("", " --seeds 100"))
          << library;
      return;
    }
  }
  GTEST_SKIP() << "not run: neither jemalloc, mimalloc nor tcmalloc is installed (libjemalloc2)";
}

// An allocator that gives memory back after a time asks the clock within a program's step. That was
// taken for an escape of the program's own, on machines where jemalloc happened to do so.
TEST_F(Determinism, an_allocator_that_asks_the_clock_is_no_escape) {
  if (kSanitized) {
    GTEST_SKIP() << "not run: a sanitizer brings its own allocator";
  }
  const std::string allocator = "LD_PRELOAD=" VIGIL_BINARY_DIR "/lib/vigil_asking_allocator.so";
  EXPECT_EQ(hash_with(allocator, " --seeds 3"), hash_with("", " --seeds 3"));
}

}  // namespace
}  // namespace vigil::sim
