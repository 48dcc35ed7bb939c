// Field lines on their way to the server: nothing that must not be sent gets there.
#include "serve/lines.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace vigil::app {
namespace {

std::string checked(std::string_view fields, std::size_t room = 200) {
  std::string memory(room, '\0');
  const auto lines = checked_lines(fields, memory);
  return lines ? std::string(lines->text()) : lines.error().message();
}

TEST(CheckedLines, come_out_as_they_were) {
  EXPECT_EQ(checked("A: b\r\nContent-Type: text/html; charset=utf-8\r\n"),
            "A: b\r\nContent-Type: text/html; charset=utf-8\r\n");
  EXPECT_EQ(checked("", 0), "");
  EXPECT_EQ(checked("A: b\r\n", 6), "A: b\r\n");
}

TEST(CheckedLines, that_would_split_an_answer_are_refused) {
  const std::string invalid = std::make_error_code(std::errc::invalid_argument).message();
  for (const std::string_view fields :
       {"A: b\nC: d\r\n", "A: b\rc\r\n", "A: b", "A\r\n", "A b: c\r\n", ": b\r\n", "A: \x01\r\n"}) {
    EXPECT_EQ(checked(fields), invalid) << fields;
  }
  EXPECT_EQ(checked(std::string_view("A: \0b\r\n", 7)), invalid);
  EXPECT_EQ(checked("Content-Length: 5\r\n"), invalid);
}

TEST(CheckedLines, need_room) {
  EXPECT_EQ(checked("A: b\r\n", 5), std::make_error_code(std::errc::no_buffer_space).message());
}

TEST(RequestIdLine, fits_its_room) {
  std::array<char, kRequestIdLine> room{};
  const auto line = request_id_line("0123456789abcdef0123456789abcdef", room);
  ASSERT_TRUE(line);
  EXPECT_EQ(line->text(), "X-Request-ID: 0123456789abcdef0123456789abcdef\r\n");
}

}  // namespace
}  // namespace vigil::app
