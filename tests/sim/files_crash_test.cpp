// What a loss of power leaves on the simulated disk: all that was synced, and of the rest whatever
// the seed says.
#include <gtest/gtest.h>

#include <cerrno>
#include <set>

#include "tests/sim/files_machine.hpp"

namespace vigil::sim {
namespace {

void sync(Machine& machine, const char* path) {
  const int fd = machine.open(path, O_RDONLY);
  EXPECT_EQ(machine.process->fsync(fd, false), 0);
  machine.process->close(fd);
}

// What is left of "/a" under a hundred seeds, after `steps`.
template <class F>
std::set<std::string> left_after(F steps) {
  std::set<std::string> left;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    Machine machine(seed);
    steps(machine);
    machine.crash();
    left.insert(machine.content("/a"));
  }
  return left;
}

TEST(FilesAfterACrash, what_was_synced_is_there) {
  const auto left = left_after([](Machine& machine) {
    machine.make("/a", "synced");
    sync(machine, "/a");
    sync(machine, "/");
  });
  EXPECT_EQ(left, std::set<std::string>{"synced"});
}

TEST(FilesAfterACrash, a_new_name_needs_its_directory_synced) {
  const auto left = left_after([](Machine& machine) {
    machine.make("/a", "synced");
    sync(machine, "/a");
  });
  EXPECT_EQ(left, (std::set<std::string>{"synced", "(No such file or directory)"}));
}

TEST(FilesAfterACrash, unsynced_content_may_be_old_new_or_torn) {
  const std::string before(3000, 'o');
  const std::string after(3000, 'n');
  const auto left = left_after([&](Machine& machine) {
    machine.make("/a", before);
    sync(machine, "/a");
    sync(machine, "/");
    const int fd = machine.open("/a", O_WRONLY);
    machine.write(fd, after);
  });
  EXPECT_TRUE(left.contains(before));
  EXPECT_TRUE(left.contains(after));
  EXPECT_TRUE(left.contains(after.substr(0, 512) + before.substr(512)));
  for (const std::string& one : left) {
    const std::size_t cut = std::min(one.find('o'), one.size());
    EXPECT_EQ(cut % 512 == 0 || cut == 3000, true) << cut;
    EXPECT_EQ(one.find('n', cut), std::string::npos);
  }
}

TEST(FilesAfterACrash, replacing_by_rename_without_a_sync_of_the_content_can_lose_both) {
  const auto left = left_after([](Machine& machine) {
    machine.make("/a", "old");
    sync(machine, "/a");
    sync(machine, "/");
    machine.make("/a.new", "new");
    machine.process->renameat(AT_FDCWD, "/a.new", AT_FDCWD, "/a");
  });
  EXPECT_TRUE(left.contains("old"));
  EXPECT_TRUE(left.contains("new"));
  EXPECT_TRUE(left.contains(""));
}

TEST(FilesAfterACrash, replacing_by_rename_with_a_sync_leaves_one_of_both_whole) {
  const auto left = left_after([](Machine& machine) {
    machine.make("/a", "old");
    sync(machine, "/a");
    sync(machine, "/");
    machine.make("/a.new", "new");
    sync(machine, "/a.new");
    machine.process->renameat(AT_FDCWD, "/a.new", AT_FDCWD, "/a");
  });
  EXPECT_EQ(left, (std::set<std::string>{"old", "new"}));
}

TEST(FilesAfterACrash, a_removed_file_may_be_back) {
  const auto left = left_after([](Machine& machine) {
    machine.make("/a", "old");
    sync(machine, "/a");
    sync(machine, "/");
    machine.process->unlinkat(AT_FDCWD, "/a", 0);
  });
  EXPECT_EQ(left, (std::set<std::string>{"old", "(No such file or directory)"}));
}

TEST(FilesAfterACrash, a_move_between_directories_happened_or_did_not) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Machine machine(seed);
    machine.process->mkdirat(AT_FDCWD, "/to", 0755);
    machine.make("/a", "moved");
    sync(machine, "/a");
    sync(machine, "/");
    machine.process->renameat(AT_FDCWD, "/a", AT_FDCWD, "/to/a");
    machine.crash();
    EXPECT_EQ((machine.content("/a") == "moved") + (machine.content("/to/a") == "moved"), 1);
  }
}

TEST(FilesAfterACrash, time_brings_all_to_the_disk) {
  const auto left = left_after([](Machine& machine) {
    machine.make("/a", "written back");
    machine.pass(std::chrono::seconds(31));
  });
  EXPECT_EQ(left, std::set<std::string>{"written back"});
}

TEST(FilesAfterACrash, content_that_a_failed_sync_gave_up_is_lost_though_the_next_sync_succeeds) {
  Faults bad = Faults::none();
  bad[Fault::disk_error].rate = 1'000'000;
  Machine machine(1);
  machine.make("/a", "old");
  sync(machine, "/a");
  sync(machine, "/");
  const int fd = machine.open("/a", O_WRONLY);
  machine.write(fd, "new");
  machine.weather.set_faults(bad);
  EXPECT_EQ(machine.process->fsync(fd, false), -EIO);
  machine.weather.set_faults(Faults::none());
  EXPECT_EQ(machine.process->fsync(fd, false), 0);
  EXPECT_EQ(machine.content("/a"), "new");
  machine.crash();
  EXPECT_EQ(machine.content("/a"), "old");
}

TEST(FilesAfterACrash, a_lost_directory_takes_its_files_along_and_frees_their_room) {
  bool lost = false;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Machine machine(seed);
    const std::uint64_t before = machine.kernel.files().used_bytes();
    machine.process->mkdirat(AT_FDCWD, "/d", 0755);
    machine.process->mkdirat(AT_FDCWD, "/d/e", 0755);
    machine.make("/d/e/f", std::string(10'000, 'x'));
    sync(machine, "/d/e/f");
    sync(machine, "/d/e");
    machine.crash();
    machine.status("/d");
    if (machine.result == -ENOENT) {
      lost = true;
      EXPECT_EQ(machine.kernel.files().used_bytes(), before);
    }
  }
  EXPECT_TRUE(lost);
}

TEST(FilesAfterACrash, the_same_seed_leaves_the_same) {
  const auto run = [](std::uint64_t seed) {
    Machine machine(seed);
    for (int i = 0; i != 30; ++i) {
      machine.make(("/tmp/" + std::to_string(i)).c_str(), std::string(5000, 'x'));
    }
    machine.crash();
    std::string all;
    for (const std::string& name : machine.entries("/tmp")) {
      all += name + " " + machine.content(("/tmp/" + name).c_str()) + "\n";
    }
    return all;
  };
  EXPECT_EQ(run(5), run(5));
  EXPECT_NE(run(5), run(6));
}

TEST(FilesFromOutside, are_whole_and_on_the_disk_at_once) {
  Machine machine;
  FileSystem& files = machine.kernel.files();
  ASSERT_TRUE(files.write_file("/srv/www/index.html", "one"));
  const int fd = machine.open("/srv/www/index.html", O_RDONLY);
  ASSERT_TRUE(files.write_file("/srv/www/index.html", "second"));
  EXPECT_EQ(machine.read(fd), "one");
  machine.crash();
  EXPECT_EQ(machine.content("/srv/www/index.html"), "second");
  EXPECT_EQ(files.write_file("/srv/www", "x").error(), std::errc::is_a_directory);
  EXPECT_EQ(files.write_file("/srv/www/index.html/x", "x").error(), std::errc::not_a_directory);
  EXPECT_EQ(files.read_file("/gone").error(), std::errc::no_such_file_or_directory);
  ASSERT_TRUE(files.remove_file("/srv"));
  machine.status("/srv");
  EXPECT_EQ(machine.result, -ENOENT);
  EXPECT_FALSE(files.remove_file("/srv"));
  EXPECT_FALSE(files.remove_file("/"));
}

}  // namespace
}  // namespace vigil::sim
