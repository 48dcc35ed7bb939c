// The codec held against http-parser; see differential.hpp.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "differential.hpp"
#include "tests/support/not_run.hpp"

#if __has_include(<http_parser.h>)
#include <http_parser.h>
#define VIGIL_HAS_HTTP_PARSER 1
#endif

namespace vigil::http {
namespace {

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

}  // namespace
}  // namespace vigil::http
