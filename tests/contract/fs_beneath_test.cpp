// A path given to a Directory stays beneath it, by the kernel's hand or by the walk's.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <string>

#include "loop/open_beneath.hpp"
#include "tests/support/engine_fixture.hpp"
#include "tests/support/temporary_directory.hpp"
#include "vigil/fs/directory.hpp"

namespace vigil {
namespace {

using test::TemporaryDirectory;

struct Row {
  std::string path;
  int links;  // the outcome where links that stay inside are followed: 0, or an errno
  int no_links;
};

// What stands around each test: root/ is the root, and beside it lies what must not be reached.
void furnish(const TemporaryDirectory& here) {
  here.write("secret", "outside");
  here.directory("root/sub/deep");
  here.write("root/file", "inside");
  here.write("root/sub/file", "inside");
  here.link("root/inside", "sub/file");
  here.link("root/sub/up", "../file");
  here.link("root/out", "../secret");
  here.link("root/absolute", here / "root/file");
  here.link("root/etc", "/etc");
  here.link("root/loop", "loop");
  here.link("root/subdir", "sub");
  here.link("root/proc", "/proc/self/root/etc/passwd");
  here.link("root/sub/deep/out", "../../../secret");
}

const Row kRows[] = {
    {"file", 0, 0},
    {"./file", 0, 0},
    {"sub//file", 0, 0},
    {"sub/../file", 0, 0},
    {"sub/deep/../../file", 0, 0},
    {"inside", 0, ELOOP},
    {"sub/up", 0, ELOOP},
    {"subdir/file", 0, ELOOP},
    {"subdir/../file", 0, ELOOP},
    {"../secret", EXDEV, EXDEV},
    {"sub/../../secret", EXDEV, EXDEV},
    {"sub/deep/../../../secret", EXDEV, EXDEV},
    {"/etc/passwd", EXDEV, EXDEV},
    {"out", EXDEV, ELOOP},
    {"absolute", EXDEV, ELOOP},
    {"etc/passwd", EXDEV, ELOOP},
    {"proc", EXDEV, ELOOP},
    {"sub/deep/out", EXDEV, ELOOP},
    {"loop", ELOOP, ELOOP},
    {"missing", ENOENT, ENOENT},
    {"file/x", ENOTDIR, ENOTDIR},
    {"file/", ENOTDIR, ENOTDIR},
    {"inside/", ENOTDIR, ELOOP},
    {"", ENOENT, ENOENT},
    {"..", EXDEV, EXDEV},
    {std::string(300, 'x'), ENAMETOOLONG, ENAMETOOLONG},
};

class FsBeneath : public test::EngineTest {
 protected:
  void SetUp() override { furnish(here_); }
  TemporaryDirectory here_;
};
INSTANTIATE_ON_EVERY_ENGINE(FsBeneath);

TEST_P(FsBeneath, NoPathLeavesTheRoot) {
  run(
      [](const TemporaryDirectory* here) -> Task<> {
        auto root = co_await fs::Directory::open(*here / "root");
        CO_ASSERT_OK(root);
        for (const Row& row : kRows) {
          for (const fs::Follow follow : {fs::Follow::beneath, fs::Follow::none}) {
            const int expected = follow == fs::Follow::beneath ? row.links : row.no_links;
            auto file = co_await root->open_beneath(row.path, {.follow = follow});
            EXPECT_EQ(file ? 0 : file.error().value(), expected) << row.path;
            if (file) {
              std::array<std::byte, 16> room;
              auto got = co_await file->read_at(room, 0);
              CO_ASSERT_OK(got);
              EXPECT_EQ(as_text(ByteView(room).first(*got)), "inside") << row.path;
            }
            auto status = co_await root->status_of(row.path, follow);
            EXPECT_EQ(status ? 0 : status.error().value(), expected) << row.path;
          }
        }
      },
      &here_);
}

TEST_P(FsBeneath, ADirectoryInsideIsARootOfItsOwn) {
  run(
      [](const TemporaryDirectory* here) -> Task<> {
        auto root = co_await fs::Directory::open(*here / "root");
        CO_ASSERT_OK(root);
        auto sub = co_await root->open_directory("sub");
        CO_ASSERT_OK(sub);
        auto up = co_await sub->open_beneath("up");  // stays in root, but leaves sub
        EXPECT_EQ(up.error(), std::errc::cross_device_link);
        auto file = co_await root->open_directory("file");
        EXPECT_EQ(file.error(), std::errc::not_a_directory);
      },
      &here_);
}

// The kernel's answer and the walk's are the same for every row, so that an old kernel or a sandbox
// without openat2 is as safe.
TEST(FsBeneathWalk, AnswersAsTheKernelDoes) {
  TemporaryDirectory here;
  furnish(here);
  const int root = ::open((here / "root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  ASSERT_GE(root, 0);
  const std::size_t before = test::open_handles();
  for (const Row& row : kRows) {
    for (const bool links : {true, false}) {
      const int walked = open_by_walking(root, row.path.c_str(), O_RDONLY | O_CLOEXEC, 0, links);
      EXPECT_EQ(walked < 0 ? -walked : 0, links ? row.links : row.no_links) << row.path;
      if (walked >= 0) {
        char text[8] = {};
        EXPECT_EQ(::read(walked, text, 6), 6);
        EXPECT_STREQ(text, "inside");
        ::close(walked);
      }
    }
  }
  EXPECT_EQ(test::open_handles(), before) << "the walk left a handle open";
  ::close(root);
}

// Spellings of paths made of what attackers use: none reads what lies outside.
TEST(FsBeneathWalk, NoSpellingReachesWhatLiesOutside) {
  TemporaryDirectory here;
  furnish(here);
  const int root = ::open((here / "root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  ASSERT_GE(root, 0);
  struct stat outside;
  ASSERT_EQ(::stat((here / "secret").c_str(), &outside), 0);
  const char* const kParts[] = {"..",  ".",  "",       "sub",  "deep",     "file",   "out",
                                "etc", "up", "subdir", "proc", "absolute", "inside", "secret"};
  std::uint64_t random = 42;
  int opened = 0;
  for (int i = 0; i < 100'000; ++i) {
    std::string path;
    random = random * 6364136223846793005u + 1442695040888963407u;
    std::uint64_t bits = random >> 24;
    for (std::uint64_t parts = 1 + (random >> 60) % 6; parts != 0; --parts, bits /= 14) {
      path += kParts[bits % 14];
      path += parts == 1 ? "" : "/";
    }
    const bool links = (random >> 20 & 1) != 0;
    const int kernel = open_beneath(root, path.c_str(), O_PATH | O_CLOEXEC, 0, links);
    const int walked = open_by_walking(root, path.c_str(), O_PATH | O_CLOEXEC, 0, links);
    EXPECT_EQ(kernel < 0, walked < 0) << path;
    for (const int handle : {kernel, walked}) {
      if (handle >= 0) {
        struct stat seen;
        ASSERT_EQ(::fstat(handle, &seen), 0);
        EXPECT_NE(seen.st_ino, outside.st_ino) << path;
        EXPECT_FALSE(S_ISLNK(seen.st_mode)) << path;
        ::close(handle);
        ++opened;
      }
    }
  }
  EXPECT_GT(opened, 1000) << "the spellings are too wild to mean anything";
  ::close(root);
}

}  // namespace
}  // namespace vigil
