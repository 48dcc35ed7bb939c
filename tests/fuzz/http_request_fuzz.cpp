// Any bytes as a stream of requests: the reading is one, however they are split; nothing outside of
// them is looked at; and what was read can be written and read again.
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "tests/fuzz/http_reading.hpp"
#include "vigil/http/writer.hpp"

using namespace vigil::http;
using namespace vigil::http::testing;

namespace {

void expect_equal(const std::string& a, const std::string& b, const char* what) {
  if (a != b) {
    std::fprintf(stderr, "%s:\n--- one\n%s\n--- other\n%s\n", what, a.c_str(), b.c_str());
    std::abort();
  }
}

// A head that was accepted, written by our own writer, is read as the same: there is no second way
// to read it.
void expect_writable(std::string_view bytes) {
  RequestParser parser;
  RequestStorage storage;
  if (parser.parse(vigil::as_bytes(bytes), storage.head) != Progress::complete) {
    return;
  }
  const RequestHead& head = storage.head;
  std::string room(head.size() + 512, '\0');
  HeadWriter out(room);
  out.request(head.method_text(), head.target());
  for (std::size_t i = 0; i < head.fields().size(); ++i) {
    const Field field = head.fields()[i];
    if (field.known == KnownField::content_length) {
      out.content_length(head.framing().length);
    } else if (field.known != KnownField::transfer_encoding) {
      out.field(field.name, field.value);
    } else if (head.framing().kind == BodyKind::chunked && i == 0) {
      out.chunked();
    }
  }
  const auto size = out.finish();
  if (!size) {
    std::fprintf(stderr, "what was read cannot be written\n");
    std::abort();
  }
  RequestStorage again;
  const std::string text = room.substr(0, *size);
  if (head.version() == Version::http_1_1 &&
      (parser.parse(vigil::as_bytes(text), again.head) != Progress::complete ||
       again.head.size() != *size || again.head.path() != head.path() ||
       again.head.authority() != head.authority())) {
    std::fprintf(stderr, "what was written is read otherwise:\n%s\n", text.c_str());
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string whole = reading_of<RequestReader>(bytes);
  const std::size_t odd = size == 0 ? 1 : 1 + data[size - 1] % 31;
  expect_equal(whole, reading_in_steps<RequestReader>(bytes, odd),
               "requests differ by how they are split");
  if (size <= 2'048) {
    expect_equal(whole, reading_in_steps<RequestReader>(bytes, 1), "requests differ byte by byte");
  }
  const std::string twice = std::string(bytes).append(bytes);
  expect_equal(reading_of<RequestReader>(twice), reading_of<RememberingReader>(twice),
               "requests differ by whether lines are remembered");
  expect_writable(bytes);
  return 0;
}
