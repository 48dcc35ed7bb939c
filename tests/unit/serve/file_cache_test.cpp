// The cache of entries: bounds, order of leaving, and entries that outlive it.
#include "serve/file_cache.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <random>
#include <string>

namespace vigil::app {
namespace {

EntryRef entry(std::string key, std::size_t memory = 0, std::size_t files = 0) {
  EntryRef made(new Entry);
  made->key = std::move(key);
  made->memory = memory;
  made->open_files = files;
  return made;
}

TEST(FileCache, finds_what_was_kept_and_nothing_else) {
  FileCache cache({.files = 10, .memory = 100});
  EXPECT_EQ(cache.find("a"), nullptr);
  const EntryRef a = entry("a", 10, 2);
  cache.keep(a);
  EXPECT_EQ(cache.find("a"), a.get());
  EXPECT_EQ(cache.find("b"), nullptr);
  EXPECT_EQ(cache.files(), 2U);
  EXPECT_EQ(cache.memory(), 10U);
  cache.forget(*a);
  EXPECT_EQ(cache.find("a"), nullptr);
  EXPECT_EQ(cache.files() + cache.memory() + cache.entries(), 0U);
}

TEST(FileCache, lets_go_of_what_was_used_longest_ago) {
  FileCache cache({.files = 3, .memory = 100});
  cache.keep(entry("a"));
  cache.keep(entry("b"));
  cache.keep(entry("c"));
  EXPECT_NE(cache.find("a"), nullptr);
  cache.keep(entry("d"));
  EXPECT_EQ(cache.find("b"), nullptr);
  EXPECT_NE(cache.find("a"), nullptr);
  EXPECT_NE(cache.find("c"), nullptr);
  EXPECT_NE(cache.find("d"), nullptr);
}

TEST(FileCache, replaces_an_entry_of_the_same_key) {
  FileCache cache({.files = 10, .memory = 100});
  cache.keep(entry("a", 60));
  const EntryRef second = entry("a", 70);
  cache.keep(second);
  EXPECT_EQ(cache.find("a"), second.get());
  EXPECT_EQ(cache.memory(), 70U);
  EXPECT_EQ(cache.entries(), 1U);
}

TEST(FileCache, keeps_nothing_that_is_larger_than_it) {
  FileCache cache({.files = 2, .memory = 100});
  cache.keep(entry("a", 50));
  cache.keep(entry("big", 101));
  cache.keep(entry("many", 0, 3));
  EXPECT_EQ(cache.find("big"), nullptr);
  EXPECT_EQ(cache.find("many"), nullptr);
  EXPECT_NE(cache.find("a"), nullptr);
  FileCache none({.files = 0, .memory = 100});
  none.keep(entry("a"));
  EXPECT_EQ(none.find("a"), nullptr);
}

TEST(FileCache, leaves_entries_to_those_who_use_them) {
  const EntryRef used = entry("a", 10);
  {
    FileCache cache({.files = 1, .memory = 100});
    cache.keep(used);
    cache.keep(entry("b"));
    EXPECT_EQ(cache.find("a"), nullptr);
  }
  EXPECT_EQ(used->key, "a");
}

TEST(FileCache, forgets_an_entry_that_was_replaced_only_once) {
  FileCache cache({.files = 10, .memory = 100});
  const EntryRef old = entry("a", 10);
  const EntryRef fresh = entry("a", 20);
  cache.keep(old);
  cache.keep(fresh);
  cache.forget(*old);
  EXPECT_EQ(cache.find("a"), fresh.get());
  EXPECT_EQ(cache.memory(), 20U);
}

TEST(FileCache, shrinks_by_half) {
  FileCache cache({.files = 10, .memory = 100});
  EXPECT_FALSE(cache.shrink());
  for (int i = 0; i < 5; ++i) {
    cache.keep(entry(std::to_string(i)));
  }
  EXPECT_TRUE(cache.shrink());
  EXPECT_EQ(cache.entries(), 2U);
  EXPECT_NE(cache.find("4"), nullptr);
}

TEST(FileCache, agrees_with_a_list_that_is_searched) {
  std::mt19937 random(1);
  FileCache cache({.files = 12, .memory = 60});
  std::deque<EntryRef> model;  // the newest first
  for (int step = 0; step < 50'000; ++step) {
    const std::string key = std::to_string(random() % 20);
    const auto at =
        std::find_if(model.begin(), model.end(), [&](const EntryRef& e) { return e->key == key; });
    if (random() % 3 != 0) {
      ASSERT_EQ(cache.find(key), at == model.end() ? nullptr : at->get());
      if (at != model.end()) {
        const EntryRef found = *at;
        model.erase(at);
        model.push_front(found);
      }
      continue;
    }
    const EntryRef made = entry(key, random() % 20, random() % 3);
    cache.keep(made);
    if (at != model.end()) {
      model.erase(at);
    }
    model.push_front(made);
    const auto total = [&](auto of) {
      std::size_t sum = 0;
      for (const EntryRef& e : model) {
        sum += of(*e);
      }
      return sum;
    };
    const auto files = [](const Entry& e) { return std::max<std::size_t>(1, e.open_files); };
    const auto memory = [](const Entry& e) { return e.memory; };
    while (total(files) > 12 || total(memory) > 60) {
      model.pop_back();
    }
    ASSERT_EQ(cache.entries(), model.size());
    ASSERT_EQ(cache.files(), total(files));
    ASSERT_EQ(cache.memory(), total(memory));
  }
}

}  // namespace
}  // namespace vigil::app
