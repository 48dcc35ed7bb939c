// Several pieces of memory at once, room on the disk, and direct I/O.
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/engine_fixture.hpp"
#include "tests/support/temporary_directory.hpp"
#include "vigil/fs/file.hpp"

namespace vigil {
namespace {

using test::TemporaryDirectory;

class FsRanges : public test::EngineTest {
 protected:
  TemporaryDirectory here_;
};
INSTANTIATE_ON_EVERY_ENGINE(FsRanges);

TEST_P(FsRanges, PiecesOfMemoryLieBehindOneAnotherInTheFile) {
  run(
      [](const TemporaryDirectory* here) -> Task<> {
        auto file = co_await fs::File::open(*here / "a", {.write = true, .create = true});
        CO_ASSERT_OK(file);
        std::array<ByteView, 4> out{as_bytes("ab"), ByteView{}, as_bytes("cde"), as_bytes("f")};
        CO_ASSERT_OK(co_await file->write_at(std::span<ByteView>(out), 2));
        std::array<std::byte, 3> first;
        std::array<std::byte, 0> none;
        std::array<std::byte, 9> second;
        std::array<std::span<std::byte>, 3> in{first, none, second};
        const auto got = co_await file->read_at(std::span<std::span<std::byte>>(in), 1);
        CO_ASSERT_OK(got);
        CO_ASSERT_TRUE(*got == 7u);
        EXPECT_EQ(as_text(first), std::string_view("\0ab", 3));
        EXPECT_EQ(as_text(ByteView(second).first(4)), "cdef");
      },
      &here_);
}

// More pieces than one system call takes.
TEST_P(FsRanges, ManyPiecesAreOneOperation) {
  constexpr std::size_t kPieces = 3000;
  run(
      [](const TemporaryDirectory* here) -> Task<> {
        auto file = co_await fs::File::open(*here / "a", {.write = true, .create = true});
        CO_ASSERT_OK(file);
        std::string text;
        for (std::size_t i = 0; i != kPieces; ++i) {
          text += std::to_string(i);
        }
        std::vector<ByteView> out;
        std::string room(text.size() + 10, '?');
        std::vector<std::span<std::byte>> in;
        for (std::size_t at = 0; at < text.size(); at += 5) {
          out.push_back(as_bytes(text).subspan(at, std::min<std::size_t>(5, text.size() - at)));
        }
        const std::span<std::byte> all = std::as_writable_bytes(std::span(room));
        for (std::size_t at = 0; at < all.size(); at += 7) {
          in.push_back(all.subspan(at, std::min<std::size_t>(7, all.size() - at)));
        }
        CO_ASSERT_OK(co_await file->write_at(std::span<ByteView>(out), 0));
        const auto got = co_await file->read_at(std::span<std::span<std::byte>>(in), 0);
        CO_ASSERT_OK(got);
        EXPECT_EQ(*got, text.size());
        EXPECT_EQ(room, text + std::string(10, '?'));
      },
      &here_);
}

TEST_P(FsRanges, LinesOfSeveralPiecesAreAppended) {
  here_.write("log", "first\n");
  run(
      [](const TemporaryDirectory* here) -> Task<> {
        auto log = co_await fs::File::open(*here / "log", {.read = false, .append = true});
        CO_ASSERT_OK(log);
        std::array<ByteView, 2> line{as_bytes("second"), as_bytes("\n")};
        CO_ASSERT_OK(co_await log->append(std::span<ByteView>(line)));
      },
      &here_);
  EXPECT_EQ(here_.read("log"), "first\nsecond\n");
}

TEST_P(FsRanges, AFileIsCutAndGrown) {
  here_.write("a", "0123456789");
  run(
      [](const TemporaryDirectory* here) -> Task<> {
        auto file = co_await fs::File::open(*here / "a", {.write = true});
        CO_ASSERT_OK(file);
        CO_ASSERT_OK(co_await file->truncate(4));
        CO_ASSERT_OK(co_await file->truncate(6));
        const auto only_read = co_await fs::File::open(*here / "a");
        CO_ASSERT_OK(only_read);
        const auto refused = co_await only_read->truncate(0);
        EXPECT_EQ(refused.error(), std::errc::invalid_argument);
      },
      &here_);
  EXPECT_EQ(here_.read("a"), std::string("0123\0\0", 6));
}

TEST_P(FsRanges, RoomIsTakenAndGivenBack) {
  run(
      [](const TemporaryDirectory* here) -> Task<> {
        auto file = co_await fs::File::open(*here / "a", {.write = true, .create = true});
        CO_ASSERT_OK(file);
        const std::string text(12'288, 'x');
        CO_ASSERT_OK(co_await file->write_at(as_bytes(text), 0));
        const auto made = co_await file->allocate(0, 65'536, fs::Allocation::keep_size);
        if (!made && made.error() == std::errc::operation_not_supported) {
          co_return;  // not every file system has it
        }
        CO_ASSERT_OK(made);
        auto seen = co_await file->status();
        CO_ASSERT_OK(seen);
        EXPECT_EQ(seen->size, 12'288u);
        EXPECT_GE(seen->allocated, 65'536u);
        CO_ASSERT_OK(co_await file->allocate(0, 65'536));
        CO_ASSERT_OK(co_await file->allocate(4000, 4288, fs::Allocation::punch_hole));
        seen = co_await file->status();
        CO_ASSERT_OK(seen);
        EXPECT_EQ(seen->size, 65'536u);
        std::string got(12'288, '?');
        CO_ASSERT_OK(co_await file->read_at(std::as_writable_bytes(std::span(got)), 0));
        EXPECT_EQ(got, std::string(4000, 'x') + std::string(4288, '\0') + std::string(4000, 'x'));
        const auto nothing = co_await file->allocate(0, 0);
        EXPECT_EQ(nothing.error(), std::errc::invalid_argument);
      },
      &here_);
}

TEST_P(FsRanges, DirectIoSaysWhatItWants) {
  here_.write("a", std::string(65'536, 'd'));
  run(
      [](const TemporaryDirectory* here) -> Task<> {
        auto file = co_await fs::File::open(*here / "a", {.write = true, .direct = true});
        if (!file) {
          EXPECT_EQ(file.error(), fs::FileError::no_direct_io);
          EXPECT_EQ(file.error(), std::errc::invalid_argument);
          co_return;
        }
        const auto seen = co_await file->status();
        CO_ASSERT_OK(seen);
        std::uint32_t unit = std::max(seen->direct_memory, seen->direct_offset);
        unit = unit == 0 ? 4096 : unit;  // the system does not tell
        const std::unique_ptr<std::byte, void (*)(void*)> memory(
            static_cast<std::byte*>(std::aligned_alloc(unit, 2 * std::size_t{unit})), &std::free);
        const std::span<std::byte> room(memory.get(), 2 * std::size_t{unit});
        const auto whole = co_await file->read_at(room.first(unit), unit);
        CO_ASSERT_OK(whole);
        EXPECT_EQ(as_text(room.first(unit)), std::string(unit, 'd'));
        const auto askew = co_await file->read_at(room.first(unit), 1);
        EXPECT_EQ(askew.error(), fs::FileError::misaligned) << askew.error().message();
        EXPECT_EQ(askew.error(), std::errc::invalid_argument);
        const auto written = co_await file->write_at(room.subspan(1, 7), 0);
        EXPECT_EQ(written.error(), fs::FileError::misaligned) << written.error().message();
        CO_ASSERT_OK(co_await file->write_at(room.first(unit), 0));
      },
      &here_);
}

}  // namespace
}  // namespace vigil
