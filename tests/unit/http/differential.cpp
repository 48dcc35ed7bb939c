// What we make of the inputs, and the comparison.
#include "differential.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <random>

#include "tests/fuzz/http_reading.hpp"
#include "vigil/http/fields.hpp"

namespace vigil::http {
namespace {

namespace stdfs = std::filesystem;

std::string lowered(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  });
  return out;
}

// ---- ours

template <class Head>
std::string head_text(const Head& head) {
  std::string text;
  if constexpr (requires { head.target(); }) {
    text.append(head.method_text()).append(" ").append(head.target());
  } else {
    text.append(std::to_string(head.status())).append(" ").append(head.reason());
  }
  text += head.version() == Version::http_1_0 ? " 1.0\n" : " 1.1\n";
  for (std::size_t i = 0; i < head.fields().size(); ++i) {
    append_field(text, head.fields()[i].name, head.fields()[i].value);
  }
  return text;
}

Verdict refused(Fault fault, bool in_body = false) {
  return {Verdict::Kind::refused, std::string(describe(fault).reason), 0, in_body};
}

Verdict our_body(const Framing& framing, std::string text, std::string_view rest,
                 std::size_t head_size) {
  BodyReader body(framing);
  std::string content;
  std::size_t at = 0;
  for (;;) {
    const auto piece = body.next(as_bytes(rest.substr(at)));
    content += as_text(piece.data);
    at += piece.consumed;
    if (piece.step == BodyReader::Step::data) {
      continue;
    }
    if (piece.step == BodyReader::Step::refused) {
      return refused(body.fault(), true);
    }
    if (piece.step == BodyReader::Step::trailers) {
      TrailerParser parser;
      TrailerStorage storage;
      const Progress progress = parser.parse(as_bytes(rest.substr(at)), storage.head);
      if (progress == Progress::refused) {
        return refused(parser.fault(), true);
      }
      if (progress == Progress::need_more) {
        return {Verdict::Kind::wants_body, std::move(text)};
      }
      at += parser.size();
    } else if (piece.step == BodyReader::Step::need_more) {
      return {Verdict::Kind::wants_body, std::move(text)};
    }
    return {Verdict::Kind::message, text + "[" + content + "]", head_size + at};
  }
}

template <class Parser, class Storage>
Verdict our_message(std::string_view bytes) {
  Parser parser;
  Storage storage;
  Progress progress;
  if constexpr (requires { parser.parse(as_bytes(bytes), storage.head); }) {
    progress = parser.parse(as_bytes(bytes), storage.head);
  } else {
    progress = parser.parse(as_bytes(bytes), storage.head, Method::get);
  }
  if (progress == Progress::refused) {
    return refused(parser.fault());
  }
  if (progress == Progress::need_more) {
    return {Verdict::Kind::wants_head, ""};
  }
  return our_body(storage.head.framing(), head_text(storage.head),
                  bytes.substr(storage.head.size()), storage.head.size());
}

Verdicts ours(const Input& input) {
  return input.request ? read_all(input.bytes, our_message<RequestParser, RequestStorage>)
                       : read_all(input.bytes, our_message<ResponseParser, ResponseStorage>);
}

// ---- the inputs

std::vector<Input> corpus() {
  std::vector<Input> inputs;
  for (const bool request : {true, false}) {
    std::vector<stdfs::path> files;
    const stdfs::path folder = stdfs::path(VIGIL_SOURCE_DIR) / "tests/fuzz/corpus";
    for (const auto& file :
         stdfs::directory_iterator(folder / (request ? "http_request" : "http_response"))) {
      files.push_back(file.path());
    }
    std::ranges::sort(files);
    for (const auto& path : files) {
      std::ifstream in(path, std::ios::binary);
      std::string bytes(std::istreambuf_iterator<char>(in), {});
      // The first byte of a response's file is the request's method; the peers are told GET.
      if (request || bytes.starts_with('.')) {
        inputs.push_back({request, request ? bytes : bytes.substr(1)});
      }
    }
  }
  return inputs;
}

std::string mutated(std::string bytes, std::mt19937& random) {
  static const std::vector<std::string> kPieces = {"\r\n",
                                                   "\n",
                                                   "\r",
                                                   " ",
                                                   "\t",
                                                   ":",
                                                   ",",
                                                   ";",
                                                   std::string(1, '\0'),
                                                   "\x01",
                                                   "\x7f",
                                                   "\x80",
                                                   "\xff",
                                                   "0",
                                                   "1",
                                                   "a",
                                                   "A",
                                                   "+",
                                                   "-",
                                                   "\"",
                                                   "Content-Length: 1\r\n",
                                                   "Content-Length: 3\r\n",
                                                   "Transfer-Encoding: chunked\r\n",
                                                   "Transfer-Encoding: x\r\n",
                                                   "Host: b\r\n",
                                                   "Connection: close\r\n",
                                                   "Connection: upgrade\r\n",
                                                   "X: y\r\n",
                                                   " z\r\n",
                                                   "HTTP/1.1",
                                                   "HTTP/1.0",
                                                   "GET ",
                                                   "/",
                                                   "?",
                                                   "#",
                                                   "[",
                                                   "%",
                                                   "0\r\n\r\n",
                                                   "1\r\nx\r\n",
                                                   "chunked",
                                                   "http://h/",
                                                   "\r\n\r\n"};
  const auto below = [&random](std::size_t limit) {
    return static_cast<std::size_t>(random() % std::max<std::size_t>(limit, 1));
  };
  for (std::size_t times = 1 + below(3); times > 0; --times) {
    const std::size_t at = below(bytes.size() + 1);
    switch (below(5)) {
      case 0:
      case 1:
        bytes.insert(at, kPieces[below(kPieces.size())]);
        break;
      case 2:
        bytes.erase(at, 1 + below(3));
        break;
      case 3:
        bytes.replace(at, std::min<std::size_t>(1, bytes.size() - at),
                      kPieces[below(kPieces.size())]);
        break;
      default: {
        const std::size_t line = bytes.find("\r\n", at);
        const std::size_t next = line == std::string::npos ? line : bytes.find("\r\n", line + 2);
        if (next != std::string::npos) {
          bytes.insert(line + 2, bytes.substr(line + 2, next - line));
        }
      }
    }
  }
  return bytes;
}

// ---- the comparison

const char* aspect_that_differs(const Verdict& a, const Verdict& b) {
  const auto head_of = [](const std::string& text) {
    return text.substr(0, text.rfind("\n[") + 1);
  };
  if (a.text.substr(0, a.text.find('\n')) != b.text.substr(0, b.text.find('\n'))) {
    return "start line";
  }
  if (head_of(a.text) != head_of(b.text)) {
    return "fields";
  }
  return a.text != b.text ? "content" : "size";
}

// The name of the difference between two verdicts on the same bytes; empty if there is none. A peer
// that has not made up its mind yet differs from nobody.
std::string difference(const Verdict& our, const Verdict& peer, bool request) {
  using enum Verdict::Kind;
  const std::string of = request ? "requests" : "responses";
  if (our.kind == wants_head || peer.kind == wants_head) {
    return our.kind == message || our.kind == wants_body
               ? of + " | it waits for more of a head that we have"
               : "";
  }
  if (our.kind == refused) {
    const bool undecided = peer.kind == wants_body && our.in_body;
    return peer.kind == refused || undecided ? "" : of + " | it accepts | " + our.text;
  }
  if (peer.kind == refused) {
    return of + " | it refuses | " + peer.text;
  }
  if (our.kind != peer.kind) {
    return of + " | it ends the body elsewhere";
  }
  if (our.kind == message && (our.text != peer.text || our.consumed != peer.consumed)) {
    return of + " | it reads otherwise | " + aspect_that_differs(our, peer);
  }
  return "";
}

std::string printable(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    if (c >= 0x20 && c < 0x7f) {
      text += c;
    } else {
      std::array<char, 8> escaped{};
      std::snprintf(escaped.data(), escaped.size(), "\\x%02x",
                    static_cast<unsigned>(static_cast<unsigned char>(c)));
      text += escaped.data();
    }
  }
  return text;
}

// The names listed for a peer: lines that begin with "PEER | "; the reason follows, indented.
std::map<std::string, bool> listed(const std::string& peer) {
  std::ifstream in(stdfs::path(VIGIL_SOURCE_DIR) / "tests/fuzz/http_differences.txt");
  std::map<std::string, bool> names;
  std::string name;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(peer + " | ")) {
      name = line.substr(peer.size() + 3);
      names[name] = false;
    }
  }
  return names;
}

}  // namespace

void append_field(std::string& text, std::string_view name, std::string_view value) {
  text.append(lowered(name)).append(":").append(trimmed(value)).append("\n");
}

std::vector<Input> inputs(std::size_t mutations_each) {
  std::vector<Input> all = corpus();
  const std::vector<Input> seeds = all;
  for (const Input& seed : seeds) {
    // From the bytes themselves, so that a new file in the corpus changes no other's mutations.
    std::seed_seq sequence(seed.bytes.begin(), seed.bytes.end());
    std::mt19937 random(sequence);
    for (std::size_t i = 0; i < mutations_each; ++i) {
      all.push_back({seed.request, mutated(seed.bytes, random)});
    }
  }
  return all;
}

void compare(const std::string& peer, const std::vector<Input>& all,
             const std::vector<Verdicts>& theirs) {
  std::map<std::string, bool> names = listed(peer);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Verdicts our = ours(all[i]);
    const std::size_t count = std::min(our.size(), theirs[i].size());
    for (std::size_t m = 0; m < count; ++m) {
      const std::string name = difference(our[m], theirs[i][m], all[i].request);
      if (name.empty()) {
        continue;
      }
      const auto known = names.find(name);
      if (known == names.end()) {
        ADD_FAILURE() << "not listed: " << peer << " | " << name
                      << "\n  input: " << printable(all[i].bytes)
                      << "\n  ours:  " << printable(our[m].text)
                      << "\n  other: " << printable(theirs[i][m].text);
        names[name] = true;
      } else {
        known->second = true;
      }
      break;  // what follows is read from different places
    }
  }
  for (const auto& [name, seen] : names) {
    EXPECT_TRUE(seen) << "listed, but not seen: " << peer << " | " << name;
  }
}

}  // namespace vigil::http
