// Paths on the simulated disk: what open, make, remove and rename answer is what Linux answers. The
// same steps are done on a real directory, and the answers compared.
#include <gtest/gtest.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "tests/sim/files_machine.hpp"
#include "tests/support/temporary_directory.hpp"

namespace vigil::sim {
namespace {

// Both at once: each step is done on the machine's "/top" and in a directory of this machine.
class Files : public ::testing::Test {
 protected:
  Files() {
    machine.process->mkdirat(AT_FDCWD, "/top", 0755);
    top = machine.open("/top", O_PATH | O_DIRECTORY);
    directory.directory("top");
    for (const std::string& made : {directory.path(), directory / "top"}) {
      ::chmod(made.c_str(), 0755);
    }
    real_top = ::open((directory / "top").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    ::umask(022);
  }
  ~Files() override { ::close(real_top); }

  // The answer, an errno below zero and else 0, of both; they are the same.
  int same(int simulated, long real, std::string_view step) {
    const int number = real < 0 ? -errno : 0;
    EXPECT_EQ(std::min(simulated, 0), number) << step;
    return std::min(simulated, 0);
  }
  int open(const char* path, int flags, std::uint64_t resolve = 0) {
    open_how how{};
    how.flags = static_cast<unsigned>(flags);
    how.mode = (flags & O_CREAT) != 0 ? 0644 : 0;
    how.resolve = resolve;
    const int simulated = machine.process->openat2(top, path, flags, 0644, resolve);
    const long real = ::syscall(SYS_openat2, real_top, path, &how, sizeof how);
    const int answer = same(simulated, real, path);
    machine.process->close(simulated);
    if (real >= 0) {
      ::close(static_cast<int>(real));
    }
    return answer;
  }
  int mkdir(const char* path) {
    return same(machine.process->mkdirat(top, path, 0755), ::mkdirat(real_top, path, 0755), path);
  }
  int symlink(const char* target, const char* path) {
    return same(machine.process->symlinkat(target, top, path), ::symlinkat(target, real_top, path),
                path);
  }
  int unlink(const char* path, int flags = 0) {
    return same(machine.process->unlinkat(top, path, flags), ::unlinkat(real_top, path, flags),
                path);
  }
  int rename(const char* from, const char* to) {
    return same(machine.process->renameat(top, from, top, to),
                ::renameat(real_top, from, real_top, to), std::string(from) + " to " + to);
  }
  int stat(const char* path, int flags = 0) {
    struct stat simulated{};
    struct stat real{};
    const int answer = same(machine.process->fstatat(top, path, &simulated, flags),
                            ::fstatat(real_top, path, &real, flags), path);
    if (answer == 0) {
      EXPECT_EQ(simulated.st_mode, real.st_mode) << path;
      if (!S_ISDIR(real.st_mode)) {
        EXPECT_EQ(simulated.st_nlink, real.st_nlink) << path;
        EXPECT_EQ(simulated.st_size, real.st_size) << path;
      }
    }
    return answer;
  }
  int make(const char* path) { return open(path, O_WRONLY | O_CREAT); }

  Machine machine;
  test::TemporaryDirectory directory;
  int top;
  int real_top;
};

TEST_F(Files, opening_answers_as_linux_does) {
  mkdir("d");
  make("f");
  symlink("f", "l");
  symlink("d", "ld");
  symlink("gone", "dangling");
  symlink("round", "round");
  for (const char* path :
       {"",       "d",    "d/",       "f",         "f/",    "l",      "l/",
        "ld",     "ld/",  "dangling", "dangling/", "round", "gone",   "gone/",
        "gone/x", "f/x",  "l/x",      "ld/x",      ".",     "./",     "..",
        "d/.",    "d/..", "d/../f",   "f/.",       "f/..",  ".//d//", "d/./../d/./"}) {
    for (const int flags : {O_RDONLY, O_WRONLY, O_RDWR, O_RDONLY | O_DIRECTORY,
                            O_RDONLY | O_NOFOLLOW, O_RDONLY | O_NOFOLLOW | O_DIRECTORY, O_PATH,
                            O_PATH | O_NOFOLLOW, O_PATH | O_NOFOLLOW | O_DIRECTORY,
                            O_RDONLY | O_TRUNC, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW}) {
      SCOPED_TRACE(flags);
      open(path, flags);
      stat(path);
      stat(path, AT_SYMLINK_NOFOLLOW);
      unlink("gone");
    }
  }
  const std::string longest(NAME_MAX, 'n');
  EXPECT_EQ(make(longest.c_str()), 0);
  EXPECT_EQ(make((longest + "n").c_str()), -ENAMETOOLONG);
  std::string deep = "d";
  while (deep.size() < PATH_MAX) {
    deep += "/.";
  }
  EXPECT_EQ(stat(deep.c_str()), -ENAMETOOLONG);
}

TEST_F(Files, a_restricted_path_stays_beneath_its_directory) {
  mkdir("d");
  mkdir("d/e");
  make("f");
  make("d/f");
  symlink("../f", "d/up");
  symlink("e/../f", "d/within");
  symlink("/etc", "d/absolute");
  symlink("e", "d/le");
  const int outer = top;
  const int real_outer = real_top;
  top = machine.process->openat2(outer, "d", O_PATH | O_DIRECTORY, 0, 0);
  real_top = ::openat(real_outer, "d", O_PATH | O_DIRECTORY | O_CLOEXEC);
  for (const char* path : {"f", "e/../f", "../f", "../d/f", "..", "up", "within", "absolute", "le",
                           "le/", "le/..", "le/../..", "/f", "/", "e/.", "gone", "f/x"}) {
    for (const auto resolve : std::initializer_list<std::uint64_t>{
             RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
             RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS, RESOLVE_IN_ROOT}) {
      SCOPED_TRACE(resolve);
      open(path, O_RDONLY, resolve);
      open(path, O_PATH | O_NOFOLLOW, resolve);
    }
  }
  EXPECT_EQ(open("../f", O_RDONLY, RESOLVE_BENEATH), -EXDEV);
  EXPECT_EQ(open("le", O_RDONLY, RESOLVE_NO_SYMLINKS), -ELOOP);
  ::close(real_top);
  real_top = real_outer;
}

TEST_F(Files, forty_links_are_followed_and_not_one_more) {
  make("0");
  for (int i = 1; i <= 41; ++i) {
    symlink(std::to_string(i - 1).c_str(), std::to_string(i).c_str());
  }
  EXPECT_EQ(open("40", O_RDONLY), 0);
  EXPECT_EQ(open("41", O_RDONLY), -ELOOP);
}

TEST_F(Files, making_and_removing_answer_as_linux_does) {
  mkdir("d");
  mkdir("d/e");
  make("f");
  symlink("d", "ld");
  symlink("gone", "dangling");
  for (const char* path : {"", "d", "d/", "f", "f/", "f/x", ".", "..", "ld", "ld/", "dangling",
                           "dangling/", "gone/x"}) {
    mkdir(path);
    symlink("anything", path);
  }
  symlink("", "empty");
  for (const char* path : {"", "d", "d/", "f/", ".", "..", "d/.", "d/..", "ld/", "gone", "gone/"}) {
    unlink(path);
  }
  for (const char* path : {"", "d", "f", "f/", ".", "..", "d/e/.", "d/e/..", "ld", "ld/", "gone"}) {
    unlink(path, AT_REMOVEDIR);
  }
  EXPECT_EQ(unlink("d", 0x40000), -EINVAL);
  EXPECT_EQ(unlink("d", AT_REMOVEDIR), -ENOTEMPTY);
  EXPECT_EQ(unlink("d/e/", AT_REMOVEDIR), 0);
  EXPECT_EQ(unlink("d", AT_REMOVEDIR), 0);
  EXPECT_EQ(unlink("ld"), 0);
  EXPECT_EQ(unlink("f"), 0);
}

TEST_F(Files, renaming_answers_as_linux_does) {
  const std::vector<const char*> paths = {
      "d",  "d/", "d/e", "d/e/..", "full",  "full/x", "f",   "f/",  "g",    "l",
      "l/", ".",  "..",  "gone",   "gone/", "gone/x", "f/x", "new", "new/", "d/new"};
  for (const char* from : paths) {
    for (const char* to : paths) {
      mkdir("d");
      mkdir("d/e");
      mkdir("full");
      make("full/x");
      make("f");
      make("g");
      symlink("d", "l");
      rename(from, to);
      for (const char* made : {"d/e/x", "d/new", "new", "gone", "f", "g", "l", "full/x", "l/x",
                               "d/x", "d", "full", "d/e"}) {
        unlink(made);
      }
      for (const char* made : {"d/new/e", "d/new", "full/e", "full/new", "new/e", "gone/e", "gone",
                               "d/full", "d/e/new", "d/e", "d", "full", "new", "f", "g"}) {
        unlink(made, AT_REMOVEDIR);
      }
    }
  }
}

TEST_F(Files, a_moved_directory_takes_its_parent_along) {
  mkdir("a");
  mkdir("b");
  mkdir("a/x");
  make("b/here");
  rename("a/x", "b/x");
  EXPECT_EQ(open("b/x/../here", O_RDONLY), 0);
  EXPECT_EQ(machine.status("/top/b").st_nlink, 3u);
  EXPECT_EQ(machine.status("/top/a").st_nlink, 2u);
}

TEST(FilesOfTheOwner, permissions_count) {
  Machine machine;
  ASSERT_EQ(machine.make("/secret", "x"), 0);
  ASSERT_EQ(machine.process->mkdirat(AT_FDCWD, "/closed", 0), 0);
  const int unreadable = machine.open("/none", O_WRONLY | O_CREAT, 0);
  EXPECT_GE(unreadable, 0);  // the mode is of later opens
  EXPECT_EQ(machine.open("/none", O_RDONLY), -EACCES);
  EXPECT_EQ(machine.open("/none", O_WRONLY), -EACCES);
  EXPECT_GE(machine.open("/none", O_PATH), 0);
  EXPECT_EQ(machine.open("/closed/x", O_RDONLY), -EACCES);
  EXPECT_EQ(machine.open("/closed/x", O_WRONLY | O_CREAT), -EACCES);
  EXPECT_EQ(machine.process->mkdirat(AT_FDCWD, "/closed/x", 0755), -EACCES);
}

TEST(FilesWithoutHandles, nothing_is_made_or_emptied) {
  KernelLimits limits;
  limits.handles = 4;
  Machine machine(1, Faults::none(), limits);
  ASSERT_EQ(machine.make("/a", "kept"), 0);
  ASSERT_EQ(machine.open("/a", O_RDONLY), 3);
  EXPECT_EQ(machine.open("/b", O_WRONLY | O_CREAT), -EMFILE);
  EXPECT_EQ(machine.open("/a", O_WRONLY | O_TRUNC), -EMFILE);
  EXPECT_EQ(machine.content("/a"), "kept");
  machine.status("/b");
  EXPECT_EQ(machine.result, -ENOENT);
}

}  // namespace
}  // namespace vigil::sim
