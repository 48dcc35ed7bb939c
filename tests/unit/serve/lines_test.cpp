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

TEST(RequestIdLine, is_the_one_that_a_writer_would_write) {
  site::RequestIds ids(0x0123456789abcdefULL, 4711);
  for (int i = 0; i < 100; ++i) {
    const site::RequestId id = ids.name(ids.take());
    std::array<char, kRequestIdLine> room{};
    std::array<char, 100> written{};
    http::HeadWriter out(written);
    out.fields().field(http::KnownField::x_request_id, id.text());
    const auto expected = out.finish_lines();
    ASSERT_TRUE(expected);
    const http::FieldLines line = request_id_line(id, room);
    EXPECT_EQ(line.text(), expected->text());
    EXPECT_FALSE(line.framed());
  }
}

}  // namespace
}  // namespace vigil::app
