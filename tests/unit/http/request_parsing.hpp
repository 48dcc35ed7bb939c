// One request, for tests of its parser.
#pragma once

#include <string>
#include <utility>

#include "tests/fuzz/http_reading.hpp"

namespace vigil::http {

// Parses one head; the storage stays, so that its views can be looked at.
struct Parsed {
  explicit Parsed(std::string bytes, const HeadLimits& limits = {}) : text(std::move(bytes)) {
    progress = parser.parse(as_bytes(text), storage.head, limits);
  }
  const RequestHead& head() const { return storage.head; }
  const Fields& fields() const { return storage.head.fields(); }

  std::string text;
  RequestParser parser;
  RequestStorage storage;
  Progress progress;
};

// The fault of a request whose fields, besides Host, are `lines`.
inline Fault fault_with(const std::string& lines, const std::string& start = "POST / HTTP/1.1") {
  testing::RequestReader reader;
  reader.feed(start + "\r\nHost: a\r\n" + lines + "\r\n");
  return reader.fault();
}

inline Fault fault_of(const std::string& bytes) {
  testing::RequestReader reader;
  reader.feed(bytes);
  return reader.fault();
}

}  // namespace vigil::http
