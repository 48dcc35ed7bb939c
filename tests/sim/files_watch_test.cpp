// inotify on the simulated kernel: the same steps on a real directory give the same records, in the
// same order.
#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <map>

#include "tests/sim/files_machine.hpp"
#include "tests/support/temporary_directory.hpp"

namespace vigil::sim {
namespace {

// Records as text; cookies become their order of appearance.
std::string records_in(std::string_view bytes) {
  std::string text;
  std::map<std::uint32_t, std::size_t> cookies;
  for (std::size_t at = 0; at < bytes.size();) {
    inotify_event event;
    std::memcpy(&event, bytes.data() + at, sizeof event);
    const char* name = bytes.data() + at + sizeof event;
    char head[64];
    const std::size_t cookie =
        event.cookie == 0 ? 0 : cookies.emplace(event.cookie, cookies.size() + 1).first->second;
    std::snprintf(head, sizeof head, "%d %x %zu %u ", event.wd, event.mask, cookie, event.len);
    text += head + (event.len == 0 ? std::string() : std::string(name)) + "\n";
    at += sizeof event + event.len;
  }
  return text;
}

class Watches : public ::testing::Test {
 protected:
  Watches() {
    machine.process->mkdirat(AT_FDCWD, "/top", 0755);
    queue = machine.process->inotify_init1(IN_NONBLOCK);
    real_queue = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    EXPECT_GE(real_queue, 0) << "no inotify instance is left: close other programs' watchers";
  }
  ~Watches() override { ::close(real_queue); }

  std::string real(std::string_view name) const {
    return directory.path() + "/" + std::string(name);
  }
  static std::string simulated(std::string_view name) { return "/top/" + std::string(name); }

  void watch(std::string_view name, std::uint32_t mask = IN_ALL_EVENTS) {
    const int answer = ::inotify_add_watch(real_queue, real(name).c_str(), mask);
    EXPECT_EQ(machine.process->inotify_add_watch(queue, simulated(name).c_str(), mask),
              answer < 0 ? -errno : answer)
        << name;
  }
  void unwatch(int number) {
    const int answer = ::inotify_rm_watch(real_queue, number);
    EXPECT_EQ(machine.process->inotify_rm_watch(queue, number), answer < 0 ? -errno : answer);
  }
  int open(std::string_view name, int flags) {
    real_files[files] = ::open(real(name).c_str(), flags | O_CLOEXEC, 0644);
    sim_files[files] = machine.open(simulated(name).c_str(), flags);
    return files++;
  }
  void close(int file) {
    ::close(real_files[file]);
    machine.process->close(sim_files[file]);
  }
  void write(int file, std::string_view text) {
    EXPECT_EQ(::write(real_files[file], text.data(), text.size()),
              machine.write(sim_files[file], text));
  }
  void make(std::string_view name) { close(open(name, O_WRONLY | O_CREAT)); }
  void truncate(int file) {
    EXPECT_EQ(::ftruncate(real_files[file], 0), machine.process->ftruncate(sim_files[file], 0));
  }
  void mkdir(std::string_view name) {
    ::mkdir(real(name).c_str(), 0755);
    machine.process->mkdirat(AT_FDCWD, simulated(name).c_str(), 0755);
  }
  void remove(std::string_view name, int flags = 0) {
    ::unlinkat(AT_FDCWD, real(name).c_str(), flags);
    machine.process->unlinkat(AT_FDCWD, simulated(name).c_str(), flags);
  }
  void rename(std::string_view from, std::string_view to) {
    ::rename(real(from).c_str(), real(to).c_str());
    machine.process->renameat(AT_FDCWD, simulated(from).c_str(), AT_FDCWD, simulated(to).c_str());
  }

  // What was told since the last time.
  std::string told() {
    char room[8192];
    const ssize_t got = ::read(real_queue, room, sizeof room);
    const std::string expected =
        got < 0 ? "none" : records_in({room, static_cast<std::size_t>(got)});
    const std::string bytes = machine.read(queue);
    const std::string seen = bytes.starts_with('[') ? "none" : records_in(bytes);
    EXPECT_EQ(seen, expected);
    return seen;
  }

  Machine machine;
  test::TemporaryDirectory directory;
  int queue;
  int real_queue;
  int files = 0;
  int real_files[100];
  int sim_files[100];
};

TEST_F(Watches, of_a_directory_hear_of_its_entries) {
  watch("");
  make("a");
  EXPECT_NE(told(), "none");
  const int file = open("a", O_RDWR);
  write(file, "x");
  write(file, "y");  // the same as before it: one record
  write(file, "");
  truncate(file);
  told();
  remove("a");
  write(file, "still told of");
  close(file);
  told();
  mkdir("d");
  rename("d", "e");
  remove("e", AT_REMOVEDIR);
  told();
  EXPECT_EQ(told(), "none");
}

TEST_F(Watches, of_a_file_hear_of_it_and_end_with_it) {
  make("a");
  watch("a");
  watch("");
  const int file = open("a", O_WRONLY);
  write(file, "x");
  told();
  rename("a", "b");
  told();
  remove("b");
  told();
  close(file);
  EXPECT_NE(told().find("8000"), std::string::npos);  // IN_IGNORED
  unwatch(1);
}

TEST_F(Watches, hear_of_a_file_that_another_is_renamed_over) {
  make("old");
  make("new");
  watch("");
  watch("old");
  watch("new");
  rename("new", "old");
  told();
  watch("old", IN_MODIFY | IN_MASK_ADD);  // the same number as "new" had
  watch("old", IN_MODIFY | IN_MASK_CREATE);
  watch("old", IN_MODIFY);
  make("old");
  told();
}

TEST_F(Watches, of_a_moved_directory_stay_with_it) {
  mkdir("d");
  mkdir("to");
  watch("d");
  rename("d", "to/d");
  make("to/d/x");
  told();
  remove("to/d/x");
  remove("to/d", AT_REMOVEDIR);
  told();
}

TEST_F(Watches, obey_their_options) {
  make("a");
  watch("a", 0);
  watch("a", IN_ONLYDIR | IN_MODIFY);
  watch("gone", IN_MODIFY);
  watch("a/", IN_MODIFY);
  watch("a", IN_OPEN | IN_ONESHOT);
  close(open("a", O_RDONLY));
  close(open("a", O_RDONLY));
  told();
  watch("", IN_MODIFY | IN_EXCL_UNLINK);
  const int file = open("a", O_WRONLY);
  remove("a");
  write(file, "not told of");
  EXPECT_EQ(told(), "none");
  unwatch(2);
  unwatch(2);
  told();
}

TEST_F(Watches, can_be_asked_for_more_and_for_something_else) {
  const auto told_of_all = [this] {
    make("a");
    remove("a");
    return told();
  };
  watch("", IN_CREATE);
  const std::string created = told_of_all();
  watch("", IN_DELETE | IN_MASK_ADD);
  EXPECT_GT(told_of_all().size(), created.size());
  watch("", IN_DELETE);
  EXPECT_NE(told_of_all(), created);
}

TEST_F(Watches, tell_in_whole_records) {
  watch("");
  make("a-name-longer-than-sixteen-bytes");
  char byte;
  EXPECT_EQ(machine.read(queue, sizeof(inotify_event)), "[22]");
  EXPECT_EQ(::read(real_queue, &byte, 1), -1);
  EXPECT_EQ(errno, EINVAL);
  EXPECT_EQ(machine.read(queue, 100).size(), sizeof(inotify_event) + 48);
}

TEST(SimulatedWatches, that_are_not_read_end_in_one_overflow) {
  Machine machine;
  const int queue = machine.process->inotify_init1(IN_NONBLOCK);
  ASSERT_EQ(machine.process->inotify_add_watch(queue, "/tmp", IN_CREATE | IN_DELETE), 1);
  for (int i = 0; i != 9000; ++i) {
    machine.make("/tmp/a");
    machine.process->unlinkat(AT_FDCWD, "/tmp/a", 0);
  }
  std::size_t records = 0;
  inotify_event last{};
  for (std::string bytes = machine.read(queue); !bytes.starts_with('[');
       bytes = machine.read(queue)) {
    for (std::size_t at = 0; at < bytes.size(); at += sizeof last + last.len) {
      std::memcpy(&last, bytes.data() + at, sizeof last);
      ++records;
    }
  }
  EXPECT_EQ(records, 16385u);
  EXPECT_EQ(last.mask, std::uint32_t{IN_Q_OVERFLOW});
  EXPECT_EQ(last.wd, -1);
}

TEST(SimulatedWatches, have_a_limit_of_watches_and_of_queues) {
  KernelLimits limits;
  limits.watches = 2;
  Machine machine(1, Faults::none(), limits);
  const int queue = machine.process->inotify_init1(0);
  EXPECT_EQ(machine.process->inotify_add_watch(queue, "/", IN_MODIFY), 1);
  EXPECT_EQ(machine.process->inotify_add_watch(queue, "/tmp", IN_MODIFY), 2);
  EXPECT_EQ(machine.process->inotify_add_watch(queue, "/dev", IN_MODIFY), -ENOSPC);
  EXPECT_EQ(machine.process->inotify_rm_watch(queue, 1), 0);
  EXPECT_EQ(machine.process->inotify_add_watch(queue, "/dev", IN_MODIFY), 3);
  for (int i = 0; i != 127; ++i) {
    EXPECT_GE(machine.process->inotify_init1(0), 0);
  }
  EXPECT_EQ(machine.process->inotify_init1(0), -EMFILE);
  EXPECT_EQ(machine.process->close(queue), 0);
  EXPECT_EQ(machine.process->inotify_init1(0), queue);
  EXPECT_EQ(machine.process->inotify_add_watch(queue, "/tmp", IN_MODIFY), 1);
}

TEST(SimulatedWatches, wake_who_waits_for_them) {
  Machine machine;
  const int queue = machine.process->inotify_init1(0);
  const int epoll = machine.process->epoll_create1(0);
  epoll_event interest{.events = EPOLLIN | EPOLLET, .data = {.u64 = 7}};
  ASSERT_EQ(machine.process->epoll_ctl(epoll, EPOLL_CTL_ADD, queue, &interest), 0);
  machine.process->inotify_add_watch(queue, "/tmp", IN_CREATE);
  epoll_event event[4];
  EXPECT_EQ(machine.process->epoll_wait(epoll, event), 0);
  machine.make("/tmp/a");
  EXPECT_EQ(machine.process->epoll_wait(epoll, event), 1);
  const std::uint64_t cookie = event[0].data.u64;  // the structure is packed
  EXPECT_EQ(cookie, 7u);
  EXPECT_EQ(machine.process->epoll_wait(epoll, event), 0);
  const int regular = machine.open("/tmp/a", O_RDONLY);
  EXPECT_EQ(machine.process->epoll_ctl(epoll, EPOLL_CTL_ADD, regular, &interest), -EPERM);
}

TEST(SimulatedWatches, take_an_open_file_by_its_magic_name) {
  Machine machine;
  machine.make("/tmp/a");
  const int file = machine.open("/tmp/a", O_WRONLY);
  machine.process->renameat(AT_FDCWD, "/tmp/a", AT_FDCWD, "/tmp/b");
  const int queue = machine.process->inotify_init1(0);
  const std::string magic = "/proc/self/fd/" + std::to_string(file);
  EXPECT_EQ(machine.process->inotify_add_watch(queue, magic.c_str(), IN_MODIFY), 1);
  machine.write(file, "x");
  EXPECT_EQ(machine.read(queue).size(), sizeof(inotify_event));
}

TEST(SimulatedWatches, hear_of_what_is_done_from_outside) {
  Machine machine;
  const int queue = machine.process->inotify_init1(0);
  ASSERT_TRUE(machine.kernel.files().write_file("/srv/a", "1"));
  machine.process->inotify_add_watch(queue, "/srv",
                                     IN_MOVED_TO | IN_DELETE | IN_CREATE | IN_DELETE_SELF);
  machine.kernel.files().write_file("/srv/a", "2");
  EXPECT_NE(records_in(machine.read(queue)).find("1 80 1 16 a\n"), std::string::npos);
  machine.kernel.files().remove_file("/srv");
  EXPECT_EQ(records_in(machine.read(queue)), "1 200 0 16 a\n1 400 0 0 \n1 8000 0 0 \n");
}

}  // namespace
}  // namespace vigil::sim
