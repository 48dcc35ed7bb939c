// Bytes of files on the simulated disk: offsets, appending, holes, sending, room.
#include <dirent.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>

#include "kernel/random.hpp"
#include "tests/sim/files_machine.hpp"

namespace vigil::sim {
namespace {

TEST(FileContent, what_was_written_is_read_at_the_offset_that_duplicates_share) {
  Machine machine;
  const int fd = machine.open("/a", O_RDWR | O_CREAT);
  EXPECT_EQ(machine.write(fd, "hello, "), 7);
  const int same = machine.process->dup(fd);
  EXPECT_EQ(machine.write(same, "disk"), 4);
  EXPECT_EQ(machine.read(fd), "");  // at the end, where the duplicate wrote
  EXPECT_EQ(machine.pread(fd, 100, 7), "disk");
  const int other = machine.open("/a", O_RDONLY);
  EXPECT_EQ(machine.read(other, 5), "hello");
  EXPECT_EQ(machine.read(other), ", disk");
  EXPECT_EQ(machine.write(other, "x"), -EBADF);
}

TEST(FileContent, random_writes_and_truncations_match_a_plain_buffer) {
  Machine machine;
  Random random(7, "content");
  std::string model;
  const int fd = machine.open("/a", O_RDWR | O_CREAT);
  for (int step = 0; step != 3000; ++step) {
    const std::uint64_t offset = random.below(20'000);
    const std::uint64_t count = random.below(9'000);
    switch (random.below(4)) {
      case 0: {
        const std::string text(count, static_cast<char>('a' + random.below(26)));
        if (machine.process->pwrite(fd, std::as_bytes(std::span(text)), offset) > 0) {
          model.resize(std::max<std::size_t>(model.size(), offset + count));
          model.replace(offset, count, text);
        }
        break;
      }
      case 1:
        machine.process->ftruncate(fd, offset);
        model.resize(offset);
        break;
      case 2:
        machine.process->fsync(fd, false);
        break;
      default:
        ASSERT_EQ(machine.pread(fd, count, offset),
                  offset < model.size() ? model.substr(offset, count) : "")
            << "step " << step;
    }
  }
  EXPECT_EQ(machine.content("/a"), model);
  machine.process->fsync(fd, false);
  machine.process->fsync(machine.open("/", O_RDONLY), false);
  machine.crash();
  EXPECT_EQ(machine.content("/a"), model);
}

TEST(FileContent, appending_goes_to_the_end_wherever_that_is) {
  Machine machine;
  const int one = machine.open("/log", O_WRONLY | O_CREAT | O_APPEND);
  const int other = machine.open("/log", O_WRONLY | O_APPEND);
  machine.write(one, "a\n");
  machine.write(other, "b\n");
  machine.write(one, "c\n");
  EXPECT_EQ(machine.content("/log"), "a\nb\nc\n");
  const std::string text = "d\n";  // Linux's pwrite(2) appends too, and its manual page says so
  EXPECT_EQ(machine.process->pwrite(one, std::as_bytes(std::span(text)), 0), 2);
  EXPECT_EQ(machine.content("/log"), "a\nb\nc\nd\n");
}

TEST(FileContent, a_hole_is_zeros_and_takes_no_room) {
  Machine machine;
  const int fd = machine.open("/sparse", O_RDWR | O_CREAT);
  const std::uint64_t before = machine.kernel.files().used_bytes();
  EXPECT_EQ(machine.process->ftruncate(fd, std::uint64_t{1} << 40), 0);
  EXPECT_EQ(machine.kernel.files().used_bytes(), before);
  EXPECT_EQ(machine.pread(fd, 3, 1'000'000'000), std::string(3, '\0'));
  EXPECT_EQ(machine.status("/sparse").st_size, std::int64_t{1} << 40);
  EXPECT_EQ(machine.status("/sparse").st_blocks, 0);
}

TEST(FileContent, a_file_without_a_name_lives_until_its_last_handle_is_closed) {
  Machine machine;
  const int fd = machine.open("/a", O_RDWR | O_CREAT);
  machine.write(fd, "still here");
  EXPECT_EQ(machine.process->unlinkat(AT_FDCWD, "/a", 0), 0);
  EXPECT_EQ(machine.pread(fd, 100, 0), "still here");
  struct stat seen{};
  EXPECT_EQ(machine.process->fstatat(fd, "", &seen, AT_EMPTY_PATH), 0);
  EXPECT_EQ(seen.st_nlink, 0u);
}

TEST(FileContent, a_new_file_may_get_the_number_of_one_that_is_gone) {
  Machine machine;
  machine.make("/old");
  const auto number = machine.status("/old").st_ino;
  machine.process->unlinkat(AT_FDCWD, "/old", 0);
  machine.make("/kept");
  EXPECT_NE(machine.status("/kept").st_ino, number);  // its removal is not on the disk yet
  machine.pass(std::chrono::seconds(6));
  machine.make("/first");
  machine.make("/new");
  EXPECT_TRUE(machine.status("/first").st_ino == number || machine.status("/new").st_ino == number);
}

TEST(FileContent, times_are_as_coarse_as_the_tick) {
  Machine machine;
  machine.make("/a", "1");
  const timespec first = machine.status("/a").st_mtim;
  machine.pass(std::chrono::microseconds(100));
  machine.make("/a", "2");
  const timespec second = machine.status("/a").st_mtim;
  EXPECT_EQ(first.tv_nsec % 4'000'000, 0);
  EXPECT_EQ(first.tv_nsec, second.tv_nsec);
  machine.pass(std::chrono::milliseconds(8));
  machine.make("/a", "3");
  EXPECT_NE(machine.status("/a").st_mtim.tv_nsec, first.tv_nsec);
}

TEST(FileContent, a_full_disk_takes_what_it_has_room_for) {
  KernelLimits limits;
  limits.disk_bytes = 40'000;
  Machine machine(1, Faults::none(), limits);
  const int fd = machine.open("/big", O_WRONLY | O_CREAT);
  const std::string text(100'000, 'x');
  const std::int64_t taken = machine.write(fd, text);
  EXPECT_GT(taken, 20'000);
  EXPECT_LT(taken, 40'000);
  EXPECT_EQ(machine.write(fd, text), -ENOSPC);
  machine.process->close(fd);
  EXPECT_EQ(machine.process->unlinkat(AT_FDCWD, "/big", 0), 0);
  EXPECT_EQ(machine.make("/small", "y"), 0);  // the room came back
}

TEST(FileContent, sending_a_file_stops_at_its_end) {
  Machine machine;
  machine.make("/a", std::string(200'000, 'a') + "end");
  machine.make("/copy");
  const int from = machine.open("/a", O_RDONLY);
  const int to = machine.open("/copy", O_WRONLY);
  std::uint64_t offset = 199'990;
  EXPECT_EQ(machine.process->sendfile(to, from, &offset, 1'000'000), 13);
  EXPECT_EQ(offset, 200'003u);
  EXPECT_EQ(machine.content("/copy"), "aaaaaaaaaaend");
  EXPECT_EQ(machine.process->sendfile(to, from, &offset, 10), 0);
  EXPECT_EQ(machine.process->sendfile(to, from, nullptr, 1'000'000), 200'003);
  EXPECT_EQ(machine.process->sendfile(to, from, nullptr, 1'000'000), 0);  // its own offset moved
  EXPECT_EQ(machine.process->sendfile(from, to, nullptr, 1), -EBADF);
}

TEST(FileContent, sending_into_a_pipe_stops_where_that_is_full) {
  Machine machine;
  const std::string text(300'000, 'p');
  machine.make("/a", text);
  int ends[2];
  ASSERT_EQ(machine.process->pipe2(ends, 0), 0);
  const int from = machine.open("/a", O_RDONLY);
  std::uint64_t offset = 0;
  const std::int64_t sent = machine.process->sendfile(ends[1], from, &offset, text.size());
  EXPECT_GT(sent, 0);
  EXPECT_LT(sent, 300'000);
  EXPECT_EQ(offset, static_cast<std::uint64_t>(sent));
  EXPECT_EQ(machine.process->sendfile(ends[1], from, &offset, 1), -EAGAIN);
  EXPECT_EQ(machine.read(ends[0], 10), std::string(10, 'p'));
}

TEST(FileContent, a_listing_names_each_entry_once_while_others_come_and_go) {
  Machine machine;
  for (int i = 0; i != 50; ++i) {
    machine.make(("/tmp/" + std::to_string(i)).c_str());
  }
  const int fd = machine.open("/tmp", O_RDONLY | O_DIRECTORY);
  std::vector<std::string> seen;
  Process::Entry entry;
  for (int i = 0; machine.process->next_entry(fd, entry) == 1; ++i) {
    EXPECT_EQ(entry.type, DT_REG);
    seen.emplace_back(entry.name);
    machine.make(("/tmp/new" + std::to_string(i % 5)).c_str());
    machine.process->unlinkat(AT_FDCWD, ("/tmp/" + seen.back()).c_str(), 0);
  }
  std::erase_if(seen, [](const std::string& name) { return name.starts_with("new"); });
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(std::unique(seen.begin(), seen.end()), seen.end());
  EXPECT_EQ(seen.size(), 50u);
  EXPECT_EQ(machine.process->next_entry(machine.open("/dev/null", O_RDONLY), entry), -ENOTDIR);
}

TEST(FileContent, the_null_device_takes_all_and_has_nothing) {
  Machine machine;
  const int fd = machine.open("/dev/null", O_RDWR | O_TRUNC);
  EXPECT_EQ(machine.write(fd, "gone"), 4);
  EXPECT_EQ(machine.read(fd), "");
  EXPECT_TRUE(S_ISCHR(machine.status("/dev/null").st_mode));
  EXPECT_EQ(machine.status("/dev/null").st_rdev, makedev(1, 3));
}

TEST(FileContent, the_full_device_takes_nothing_and_has_zeros) {
  Machine machine;
  const int fd = machine.open("/dev/full", O_RDWR | O_TRUNC);
  EXPECT_EQ(machine.write(fd, "kept"), -ENOSPC);
  EXPECT_EQ(machine.pread(fd, 3, 7), std::string(3, '\0'));
  EXPECT_EQ(machine.status("/dev/full").st_rdev, makedev(1, 7));
}

TEST(FileContent, calls_on_the_wrong_kind_of_handle_say_so) {
  Machine machine;
  machine.make("/a", "a");
  int ends[2];
  machine.process->pipe2(ends, 0);
  const int directory = machine.open("/", O_RDONLY);
  const int name = machine.open("/a", O_PATH);
  const int read_only = machine.open("/a", O_RDONLY);
  EXPECT_EQ(machine.read(directory), "[21]");
  EXPECT_EQ(machine.pread(ends[0], 1, 0), "[29]");
  EXPECT_EQ(machine.pread(name, 1, 0), "[9]");
  EXPECT_EQ(machine.read(name), "[9]");
  EXPECT_EQ(machine.process->ftruncate(read_only, 0), -EINVAL);
  EXPECT_EQ(machine.process->ftruncate(name, 0), -EBADF);
  EXPECT_EQ(machine.process->ftruncate(ends[1], 0), -EINVAL);
  EXPECT_EQ(machine.process->fsync(ends[0], false), -EINVAL);
  EXPECT_EQ(machine.process->fsync(name, false), -EBADF);
  EXPECT_EQ(machine.process->fsync(99, false), -EBADF);
  EXPECT_EQ(machine.process->sendfile(read_only, directory, nullptr, 1), -EINVAL);
}

TEST(FileContent, a_bad_disk_says_so_at_its_rate) {
  Faults faults = Faults::none();
  faults[Fault::disk_error].rate = 100'000;
  Machine machine(3, faults);
  const int fd = machine.open("/a", O_RDWR | O_CREAT);
  ASSERT_GE(fd, 0);
  int failed = 0;
  for (int i = 0; i != 1000; ++i) {
    failed += machine.process->pwrite(fd, std::as_bytes(std::span("x", 1)), 0) == -EIO ? 1 : 0;
  }
  EXPECT_GT(failed, 60);
  EXPECT_LT(failed, 140);
}

}  // namespace
}  // namespace vigil::sim
