// Any bytes as a stream of responses to GET, HEAD or CONNECT (the first byte says which): one
// reading, however they are split.
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "tests/fuzz/http_reading.hpp"

using namespace vigil::http;
using namespace vigil::http::testing;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const Method asked = data[0] == '!'   ? Method::head
                       : data[0] == '?' ? Method::connect
                                        : Method::get;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string whole = reading_of<ResponseReader>(bytes, asked);
  for (const std::size_t step : {std::size_t{1}, std::size_t{1} + data[size - 1] % 31}) {
    if (step > 1 || size <= 2'048) {
      if (reading_in_steps<ResponseReader>(bytes, step, asked) != whole) {
        std::fprintf(stderr, "responses differ in steps of %zu:\n%s\n", step, whole.c_str());
        std::abort();
      }
    }
  }
  return 0;
}
