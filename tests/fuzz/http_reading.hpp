// What the codec reads in a stream of bytes, as text: the tests and fuzzers compare such readings.
// A reader drives the codec as a connection does, and hands it memory of exactly the size that
// came, so that sanitizers see a byte too much.
#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "vigil/http/body.hpp"
#include "vigil/http/parser.hpp"

namespace vigil::http::testing {

// The bytes in memory that ends where they end.
class Exact {
 public:
  explicit Exact(std::string_view bytes)
      : size_(bytes.size()), memory_(std::make_unique<char[]>(bytes.size())) {
    std::copy(bytes.begin(), bytes.end(), memory_.get());
  }
  ByteView bytes() const { return as_bytes({memory_.get(), size_}); }

 private:
  std::size_t size_;
  std::unique_ptr<char[]> memory_;
};

inline std::string text_of(const Framing& framing) {
  switch (framing.kind) {
    case BodyKind::none:
      return "none";
    case BodyKind::length:
      return std::to_string(framing.length);
    case BodyKind::chunked:
      return "chunked";
    case BodyKind::until_close:
      return "until close";
    case BodyKind::tunnel:
      return "tunnel";
  }
  return "?";
}

inline std::string text_of(const Fields& fields) {
  std::string text;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    text.append("  ").append(fields[i].name).append("=").append(fields[i].value).append("\n");
  }
  return text;
}

inline std::string text_of(const RequestHead& head) {
  std::string text(head.method_text());
  text.append(" ").append(head.target());
  text += head.version() == Version::http_1_1 ? " 1.1" : " 1.0";
  text.append(" path=").append(head.path());
  text.append(" query=").append(head.query().value_or("-"));
  text.append(" authority=").append(head.authority());
  text += head.keep_alive() ? " keep-alive" : "";
  text += head.expects_continue() ? " continue" : "";
  text += head.wants_upgrade() ? " upgrade" : "";
  return text + " body=" + text_of(head.framing()) + "\n" + text_of(head.fields());
}

inline std::string text_of(const ResponseHead& head) {
  std::string text = std::to_string(head.status());
  text.append(" ").append(head.reason());
  text += head.version() == Version::http_1_1 ? " 1.1" : " 1.0";
  text += head.keep_alive() ? " keep-alive" : "";
  return text + " body=" + text_of(head.framing()) + "\n" + text_of(head.fields());
}

// Reads messages one after the other from what it is fed; `Parse` is given (bytes, head) and parses
// one head.
template <class Parser, class Storage>
class StreamReader {
 public:
  explicit StreamReader(Method asked = Method::get) : asked_(asked) {}

  void feed(std::string_view bytes) {
    waiting_ += bytes;
    while (step()) {
    }
  }
  // All that was read, and how it ended: "refused STATUS reason", "wants more ..." or "tunnel".
  std::string reading() const {
    if (fault_ != Fault::none) {
      const Refusal refusal = describe(fault_);
      return read_ + "refused " + std::to_string(refusal.status) + " " +
             std::string(refusal.reason);
    }
    if (part_ == Part::tunnel) {
      return read_ + "tunnel " + waiting_;
    }
    const bool whole = part_ == Part::head ? waiting_.empty() : body_.complete_at_end_of_stream();
    return read_ + content_ + (whole ? "ended" : "cut off");
  }
  Fault fault() const { return fault_; }

 private:
  enum class Part { head, body, trailers, tunnel };

  bool step() {
    if (fault_ != Fault::none || part_ == Part::tunnel) {
      return false;
    }
    const Exact exact(waiting_);
    switch (part_) {
      case Part::head:
        return head(exact.bytes());
      case Part::body:
        return body(exact.bytes());
      default:
        return trailers(exact.bytes());
    }
  }
  bool head(ByteView bytes) {
    const Progress progress = parse(bytes);
    if (progress == Progress::refused) {
      fault_ = parser_.fault();
    }
    if (progress != Progress::complete) {
      return false;
    }
    read_ += text_of(storage_.head);
    waiting_.erase(0, storage_.head.size());
    body_ = BodyReader(storage_.head.framing());
    part_ = storage_.head.framing().kind == BodyKind::tunnel ? Part::tunnel : Part::body;
    return true;
  }
  bool body(ByteView bytes) {
    const BodyReader::Piece piece = body_.next(bytes);
    content_ += as_text(piece.data);
    waiting_.erase(0, piece.consumed);
    if (piece.step == BodyReader::Step::refused) {
      fault_ = body_.fault();
    }
    if (piece.step == BodyReader::Step::end) {
      end_message();
    }
    if (piece.step == BodyReader::Step::trailers) {
      part_ = Part::trailers;
    }
    return piece.step != BodyReader::Step::refused && piece.step != BodyReader::Step::need_more &&
           !(part_ == Part::head && waiting_.empty());
  }
  bool trailers(ByteView bytes) {
    const Progress progress = trailer_parser_.parse(bytes, trailers_.head);
    if (progress == Progress::refused) {
      fault_ = trailer_parser_.fault();
    }
    if (progress != Progress::complete) {
      return false;
    }
    end_message();
    read_ += "trailers\n" + text_of(trailers_.head);
    waiting_.erase(0, trailer_parser_.size());
    return !waiting_.empty();
  }
  void end_message() {
    read_ += "[" + content_ + "]\n";
    content_.clear();
    part_ = Part::head;
  }
  Progress parse(ByteView bytes) {
    if constexpr (requires { parser_.parse(bytes, storage_.head, asked_); }) {
      return parser_.parse(bytes, storage_.head, asked_);
    } else {
      return parser_.parse(bytes, storage_.head);
    }
  }

  Method asked_;
  Part part_ = Part::head;
  Fault fault_ = Fault::none;
  std::string waiting_;
  std::string read_;
  std::string content_;
  Parser parser_;
  BodyReader body_;
  TrailerParser trailer_parser_;
  Storage storage_;
  TrailerStorage trailers_;
};

// A head that remembers the lines it read last.
struct RememberingStorage : RequestStorage {
  RememberingStorage() { head.remember_lines_in(room); }
  std::array<char, 256> room;
};

using RequestReader = StreamReader<RequestParser, RequestStorage>;
using RememberingReader = StreamReader<RequestParser, RememberingStorage>;
using ResponseReader = StreamReader<ResponseParser, ResponseStorage>;

// The reading of `bytes` that come in pieces of `step` bytes.
template <class Reader>
std::string reading_in_steps(std::string_view bytes, std::size_t step, Method asked = Method::get) {
  Reader reader(asked);
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    reader.feed(bytes.substr(at, step));
  }
  return reader.reading();
}

template <class Reader>
std::string reading_of(std::string_view bytes, Method asked = Method::get) {
  return reading_in_steps<Reader>(bytes, std::max<std::size_t>(bytes.size(), 1), asked);
}

}  // namespace vigil::http::testing
