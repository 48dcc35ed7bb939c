// What send_file looks at before it sends: all of a share at first, then, for a second, its ends.
#include "loop/file_presence.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/support/not_run.hpp"
#include "tests/support/temporary_directory.hpp"

namespace vigil::test {
namespace {

constexpr std::uint64_t kSize = std::uint64_t{1} << 20;
constexpr std::uint64_t kPage = 4096;

class FilePresence : public testing::Test {
 protected:
  void SetUp() override {
    const std::string path = directory / "file";
    handle = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    ASSERT_GE(handle, 0);
    const std::string content(kSize, 'v');
    ASSERT_EQ(::write(handle, content.data(), content.size()), static_cast<ssize_t>(kSize));
    ASSERT_EQ(::fsync(handle), 0);
    read_by_pages();
  }
  void TearDown() override { ::close(handle); }

  // So that each page is in memory by itself, and can be dropped by itself.
  void read_by_pages() {
    ::posix_fadvise(handle, 0, 0, POSIX_FADV_DONTNEED);
    ::posix_fadvise(handle, 0, 0, POSIX_FADV_RANDOM);
    char page[kPage];
    for (std::uint64_t at = 0; at != kSize; at += kPage) {
      ASSERT_EQ(::pread(handle, page, kPage, static_cast<off_t>(at)), static_cast<ssize_t>(kPage));
    }
  }
  // Takes pages out of memory; false where the file system keeps them. A read that may not wait
  // would tell as well, but bring in the page.
  bool drop(std::uint64_t offset, std::uint64_t size) {
    ::posix_fadvise(handle, static_cast<off_t>(offset), static_cast<off_t>(size),
                    POSIX_FADV_DONTNEED);
    return std::ranges::none_of(pages(offset, size), &is_there);
  }
  bool there(std::uint64_t offset, std::uint64_t size) {
    return std::ranges::all_of(pages(offset, size), &is_there);
  }
  // Of the 64 pages that were dropped at `gone`, a look to `found` says that none is there, or
  // those are: where this thread was held up, the system has brought in what the look came to, and
  // it went on.
  bool is_so(std::uint64_t found, std::uint64_t gone) {
    return found <= gone || there(gone, std::min(found - gone, 64 * kPage));
  }
  std::vector<unsigned char> pages(std::uint64_t offset, std::uint64_t size) {
    void* at = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, handle, static_cast<off_t>(offset));
    std::vector<unsigned char> each((size + kPage - 1) / kPage);
    EXPECT_EQ(::mincore(at, size, each.data()), 0);
    ::munmap(at, size);
    return each;
  }
  static bool is_there(unsigned char page) { return (page & 1) != 0; }
  SendFile sending(std::uint64_t offset, std::uint64_t size) {
    return {.file = handle, .offset = offset, .size = size, .residency = &residency};
  }

  TemporaryDirectory directory;
  Residency residency;
  int handle = -1;
};

TEST_F(FilePresence, IsLookedAtWhollyAtFirst) {
  if (!drop(kSize / 2, 64 * kPage)) {
    VIGIL_NOT_RUN("the file system keeps what is read in memory");
  }
  SendFile file = sending(0, kSize);
  ASSERT_TRUE(look_for_pages(file));
  EXPECT_GE(file.in_memory, kPage);
  EXPECT_TRUE(is_so(file.in_memory, kSize / 2)) << file.in_memory;
}

TEST_F(FilePresence, IsBelievedForASecondWhereBothEndsAreThere) {
  SendFile first = sending(0, kSize);
  ASSERT_TRUE(look_for_pages(first));
  if (first.in_memory != kSize) {
    VIGIL_NOT_RUN("the system takes pages back that were read a moment ago");
  }
  if (!drop(kSize / 2, 64 * kPage)) {
    VIGIL_NOT_RUN("the file system keeps what is read in memory");
  }
  SendFile again = sending(0, kSize);
  ASSERT_TRUE(look_for_pages(again));
  EXPECT_EQ(again.in_memory, kSize) << "not believed: each send takes a whole look";

  residency = {};
  residency.found(0, kSize, Instant{});  // as it would be found long ago
  SendFile late = sending(0, kSize);
  ASSERT_TRUE(look_for_pages(late));
  EXPECT_TRUE(is_so(late.in_memory, kSize / 2)) << "believed for too long";
}

// The look at an end that is gone brings in its page. Where this thread was held up, that is there
// before the look is over, which then believes rightly: so what was believed must be there.
TEST_F(FilePresence, IsNotBelievedWhereAnEndIsGone) {
  for (const std::uint64_t gone : {std::uint64_t{0}, kSize - kPage}) {
    read_by_pages();
    residency = {};
    SendFile first = sending(0, kSize);
    ASSERT_TRUE(look_for_pages(first));
    if (first.in_memory != kSize) {
      VIGIL_NOT_RUN("the system takes pages back that were read a moment ago");
    }
    if (!drop(gone, kPage)) {
      VIGIL_NOT_RUN("the file system keeps what is read in memory");
    }
    SendFile again = sending(0, kSize);
    if (look_for_pages(again) && again.in_memory == kSize) {
      EXPECT_TRUE(there(gone, kPage)) << "the end at " << gone << " was believed";
    }
  }
}

TEST_F(FilePresence, IsLookedAtWhereNothingWasFoundYet) {
  SendFile front = sending(0, kSize / 2);
  ASSERT_TRUE(look_for_pages(front));
  if (!drop(kSize / 2 + 8 * kPage, 64 * kPage)) {
    VIGIL_NOT_RUN("the file system keeps what is read in memory");
  }
  SendFile behind = sending(kSize / 2, kSize / 2);
  ASSERT_TRUE(look_for_pages(behind));
  EXPECT_TRUE(is_so(behind.in_memory, kSize / 2 + 8 * kPage)) << behind.in_memory;
}

// A file that was cut off meanwhile ends where it ends: sendfile(2) says so.
TEST_F(FilePresence, OfAShorterFileIsWhatThereIs) {
  SendFile first = sending(0, kSize);
  ASSERT_TRUE(look_for_pages(first));
  ASSERT_EQ(::ftruncate(handle, kPage), 0);
  SendFile cut = sending(0, kSize);
  ASSERT_TRUE(look_for_pages(cut));
  EXPECT_EQ(cut.in_memory, kPage);
}

}  // namespace
}  // namespace vigil::test
