// The codec held against http-parser and h11 on the same inputs: the fuzzing corpus and mutations
// of it. Where we differ, the difference has a name and a reason in
// tests/fuzz/http_differences.txt; one that is not listed there is an error, and so is one that is
// listed and no longer seen.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "tests/fuzz/http_reading.hpp"
#include "tests/support/not_run.hpp"
#include "vigil/http/fields.hpp"

#if __has_include(<http_parser.h>)
#include <http_parser.h>
#define VIGIL_HAS_HTTP_PARSER 1
#endif

namespace vigil::http {
namespace {

namespace stdfs = std::filesystem;

// What a parser makes of one message.
struct Verdict {
  enum class Kind { wants_head, wants_body, message, refused };
  Kind kind;
  std::string text;          // the head and "[content]", or why it is refused
  std::size_t consumed = 0;  // of a whole message
  bool in_body = false;      // refused behind the head
};
using Verdicts = std::vector<Verdict>;

struct Input {
  bool request;
  std::string bytes;
};

std::string lowered(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  });
  return out;
}

void append_field(std::string& text, std::string_view name, std::string_view value) {
  text.append(lowered(name)).append(":").append(trimmed(value)).append("\n");
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

template <class ReadOne>
Verdicts read_all(std::string_view bytes, ReadOne read_one) {
  Verdicts verdicts;
  do {
    verdicts.push_back(read_one(bytes));
    bytes.remove_prefix(std::min(bytes.size(), verdicts.back().consumed));
  } while (verdicts.back().kind == Verdict::Kind::message && !bytes.empty() &&
           verdicts.back().consumed > 0);
  return verdicts;
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

// ---- http-parser

#if VIGIL_HAS_HTTP_PARSER
struct HttpParser {
  void* library = ::dlopen("libhttp_parser.so.2.9", RTLD_NOW);
  template <class F>
  F* function(const char* name) const {
    return reinterpret_cast<F*>(::dlsym(library, name));
  }
};

struct Heard {
  std::string text;
  std::string start;
  std::string name;
  std::string value;
  std::string content;
  bool head = false;
  bool whole = false;
  decltype(&::http_parser_pause) pause = nullptr;

  void end_field() {
    if (!name.empty() && !head) {
      append_field(text, name, value);
    }
    name.clear();
    value.clear();
  }
};

Heard& heard(::http_parser* parser) { return *static_cast<Heard*>(parser->data); }

::http_parser_settings callbacks() {
  ::http_parser_settings settings{};
  settings.on_url = [](::http_parser* p, const char* at, std::size_t size) {
    heard(p).start.append(at, size);
    return 0;
  };
  settings.on_status = settings.on_url;
  settings.on_header_field = [](::http_parser* p, const char* at, std::size_t size) {
    if (!heard(p).value.empty()) {
      heard(p).end_field();
    }
    heard(p).name.append(at, size);
    return 0;
  };
  settings.on_header_value = [](::http_parser* p, const char* at, std::size_t size) {
    heard(p).value.append(at, size).append("\x02", size == 0 ? 1U : 0U);
    return 0;
  };
  settings.on_headers_complete = [](::http_parser* p) {
    heard(p).end_field();
    heard(p).head = true;
    return 0;
  };
  settings.on_body = [](::http_parser* p, const char* at, std::size_t size) {
    heard(p).content.append(at, size);
    return 0;
  };
  settings.on_message_complete = [](::http_parser* p) {
    heard(p).whole = true;
    heard(p).pause(p, 1);
    return 0;
  };
  return settings;
}

Verdict http_parser_message(const HttpParser& with, std::string_view bytes, bool request) {
  static const ::http_parser_settings settings = callbacks();
  ::http_parser parser;
  with.function<decltype(::http_parser_init)>("http_parser_init")(
      &parser, request ? HTTP_REQUEST : HTTP_RESPONSE);
  Heard state;
  state.pause = with.function<decltype(::http_parser_pause)>("http_parser_pause");
  parser.data = &state;
  const std::size_t consumed = with.function<decltype(::http_parser_execute)>(
      "http_parser_execute")(&parser, &settings, bytes.data(), bytes.size());
  const auto number = static_cast<::http_errno>(parser.http_errno);
  if (number != HPE_OK && number != HPE_PAUSED) {
    return {Verdict::Kind::refused,
            with.function<decltype(::http_errno_name)>("http_errno_name")(number)};
  }
  std::string text = request ? with.function<decltype(::http_method_str)>("http_method_str")(
                                   static_cast<::http_method>(parser.method))
                             : std::to_string(parser.status_code);
  text.append(" ")
      .append(state.start)
      .append(parser.http_minor == 0 ? " 1.0\n" : " 1.1\n")
      .append(state.text);
  std::erase(text, '\x02');
  if (state.whole) {
    return {Verdict::Kind::message, text + "[" + state.content + "]", consumed};
  }
  return {state.head ? Verdict::Kind::wants_body : Verdict::Kind::wants_head, text};
}
#endif

TEST(Differential, HttpParserDiffersOnlyWhereListed) {
#if VIGIL_HAS_HTTP_PARSER
  const HttpParser with;
  if (with.library == nullptr) {
    VIGIL_NOT_RUN("libhttp_parser.so.2.9 is not installed");
  }
  const std::vector<Input> all = inputs(500);
  std::vector<Verdicts> theirs;
  for (const Input& input : all) {
    theirs.push_back(read_all(input.bytes, [&](std::string_view rest) {
      return http_parser_message(with, rest, input.request);
    }));
  }
  compare("http-parser", all, theirs);
#else
  VIGIL_NOT_RUN("http_parser.h is not installed");
#endif
}

// ---- h11

std::string hex(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    text += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4];
    text += "0123456789abcdef"[static_cast<unsigned char>(c) & 15];
  }
  return text;
}

std::string unhex(std::string_view text) {
  std::string bytes;
  for (std::size_t at = 0; at + 1 < text.size(); at += 2) {
    bytes += static_cast<char>(std::stoi(std::string(text.substr(at, 2)), nullptr, 16));
  }
  return bytes;
}

Verdict h11_verdict(const std::string& word) {
  using enum Verdict::Kind;
  if (word.starts_with("M:")) {
    const std::size_t colon = word.find(':', 2);
    return {message, unhex(std::string_view(word).substr(colon + 1)), std::stoul(word.substr(2))};
  }
  if (word == "W") {
    return {wants_head, ""};
  }
  return {word.starts_with("B:") ? wants_body : refused, unhex(std::string_view(word).substr(2))};
}

TEST(Differential, H11DiffersOnlyWhereListed) {
  const std::string python = "/usr/bin/python3";
  if (std::system((python + " -c 'import h11' 2>/dev/null").c_str()) != 0) {
    VIGIL_NOT_RUN("python3-h11 is not installed");
  }
  const std::vector<Input> all = inputs(150);
  const stdfs::path file =
      stdfs::path(::testing::TempDir()) / ("vigil_h11_" + std::to_string(::getpid()));
  {
    std::ofstream out(file);
    for (const Input& input : all) {
      out << (input.request ? "q " : "r ") << hex(input.bytes) << "\n";
    }
  }
  const std::string command =
      python + " '" + VIGIL_SOURCE_DIR + "/tests/fuzz/h11_reader.py' < '" + file.string() + "'";
  std::FILE* pipe = ::popen(command.c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  std::string output;
  std::array<char, 65'536> buffer;
  for (std::size_t size = 0; (size = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
    output.append(buffer.data(), size);
  }
  ASSERT_EQ(::pclose(pipe), 0);
  stdfs::remove(file);

  std::vector<Verdicts> theirs;
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    Verdicts& verdicts = theirs.emplace_back();
    for (std::string word; words >> word;) {
      verdicts.push_back(h11_verdict(word));
    }
  }
  ASSERT_EQ(theirs.size(), all.size());
  compare("h11", all, theirs);
}

}  // namespace
}  // namespace vigil::http
