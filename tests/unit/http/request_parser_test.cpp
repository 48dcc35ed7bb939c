// The request parser against RFC 9112, section by section, and against the ways in which it has
// been got wrong elsewhere (CL.TE, TE.TE, bare line ends, folding, names with blanks:
// CVE-2019-20372, CVE-2021-40346, CVE-2022-32213 and kin).
#include <gtest/gtest.h>

#include <cctype>
#include <string>

#include "request_parsing.hpp"

namespace vigil::http {
namespace {

TEST(RequestParser, ReadsWhatWrkSends) {
  const Parsed p("GET /index.html?a=b HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\nrest");
  ASSERT_EQ(p.progress, Progress::complete);
  EXPECT_EQ(p.head().method(), Method::get);
  EXPECT_EQ(p.head().method_text(), "GET");
  EXPECT_EQ(p.head().target(), "/index.html?a=b");
  EXPECT_EQ(p.head().form(), TargetForm::origin);
  EXPECT_EQ(p.head().path(), "/index.html");
  EXPECT_EQ(p.head().query(), "a=b");
  EXPECT_EQ(p.head().version(), Version::http_1_1);
  EXPECT_EQ(p.head().authority(), "127.0.0.1:8080");
  EXPECT_EQ(p.head().framing().kind, BodyKind::none);
  EXPECT_TRUE(p.head().keep_alive());
  EXPECT_EQ(p.head().size(), p.text.size() - 4);
}

TEST(RequestParser, FindsFieldsByNumberAndByName) {
  const Parsed p(
      "GET / HTTP/1.1\r\nhOST: a\r\nX-Own: 1\r\nACCEPT-ENCODING:gzip\r\naccept-encoding: \t br "
      "\t\r\n"
      "Empty:\r\nBlank: \t \r\n\r\n");
  ASSERT_EQ(p.progress, Progress::complete);
  EXPECT_EQ(p.fields().size(), 6u);
  EXPECT_EQ(p.fields().find(KnownField::host), "a");
  EXPECT_EQ(p.fields().find(KnownField::accept_encoding), "gzip");
  EXPECT_TRUE(p.fields().repeated(KnownField::accept_encoding));
  EXPECT_FALSE(p.fields().repeated(KnownField::host));
  EXPECT_EQ(p.fields().find(KnownField::range), std::nullopt);
  EXPECT_EQ(p.fields().find("x-own"), "1");
  EXPECT_EQ(p.fields().find("x-ow"), std::nullopt);
  EXPECT_EQ(p.fields().find("empty"), "");
  EXPECT_EQ(p.fields().find("blank"), "");
  std::string all;
  p.fields().for_each(KnownField::accept_encoding,
                      [&](std::string_view v) { all.append(v).append(";"); });
  EXPECT_EQ(all, "gzip;br;");
}

TEST(RequestParser, KnowsEveryKnownName) {
  for (std::size_t i = 1; i < kKnownFields; ++i) {
    const auto field = static_cast<KnownField>(i);
    std::string name(name_of(field));
    EXPECT_EQ(known_field(name), field) << name;
    for (char& c : name) {
      c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    }
    EXPECT_EQ(known_field(name), field) << name;
    for (std::size_t at = 0; at < name.size(); ++at) {
      for (int c = 0x21; c < 0x7f; ++c) {
        std::string other = name;
        other[at] = static_cast<char>(c);
        const bool same = (c | 0x20) == (name[at] | 0x20) && std::isalpha(c) != 0;
        EXPECT_EQ(known_field(other) == field, same || other == name) << other;
      }
    }
  }
  EXPECT_EQ(known_field(""), KnownField::other);
}

TEST(RequestParser, ReadsEachMethod) {  // RFC 9110 section 9
  for (auto m = 1; m <= static_cast<int>(Method::patch); ++m) {
    const auto method = static_cast<Method>(m);
    const std::string target = method == Method::connect ? "a:1" : "/";
    const Parsed p(std::string(name_of(method)) + " " + target + " HTTP/1.1\r\nHost: a\r\n\r\n");
    ASSERT_EQ(p.progress, Progress::complete) << m;
    EXPECT_EQ(p.head().method(), method);
    EXPECT_EQ(p.head().method_text(), name_of(method));
  }
  const Parsed own("BREW+1 / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(own.head().method(), Method::other);
  EXPECT_EQ(own.head().method_text(), "BREW+1");
  EXPECT_EQ(Parsed("get / HTTP/1.1\r\nHost: a\r\n\r\n").head().method(), Method::other);
}

TEST(RequestParser, ReadsAllFormsOfTheTarget) {  // RFC 9112 section 3.2
  struct Case {
    std::string method, target, authority, path, query;
    TargetForm form;
  };
  for (const Case& c : {
           Case{"GET", "/", "h", "/", "-", TargetForm::origin},
           {"GET", "//x/y", "h", "//x/y", "-", TargetForm::origin},
           {"GET", "/a?b?c", "h", "/a", "b?c", TargetForm::origin},
           {"GET", "/?", "h", "/", "", TargetForm::origin},
           {"GET", "http://w.example:80/p?q", "w.example:80", "/p", "q", TargetForm::absolute},
           {"GET", "HTTPS://w", "w", "/", "-", TargetForm::absolute},
           {"GET", "http://w?q", "w", "/", "q", TargetForm::absolute},
           {"GET", "http://[::1]:80//x", "[::1]:80", "//x", "-", TargetForm::absolute},
           {"OPTIONS", "*", "h", "*", "-", TargetForm::asterisk},
           {"OPTIONS", "http://w", "w", "*", "-", TargetForm::absolute},
           {"CONNECT", "w:443", "w:443", "", "-", TargetForm::authority},
           {"CONNECT", "[::1]:443", "[::1]:443", "", "-", TargetForm::authority},
       }) {
    const Parsed p(c.method + " " + c.target + " HTTP/1.1\r\nHost: h\r\n\r\n");
    ASSERT_EQ(p.progress, Progress::complete) << c.target;
    EXPECT_EQ(p.head().form(), c.form) << c.target;
    EXPECT_EQ(p.head().authority(), c.authority) << c.target;
    EXPECT_EQ(p.head().path(), c.path) << c.target;
    EXPECT_EQ(p.head().query().value_or("-"), c.query) << c.target;
  }
}

TEST(RequestParser, RefusesTargetsThatAreNone) {
  for (const char* line : {"GET x", "GET ?q", "GET http:/x", "GET http://", "GET http:///x",
                           "GET http://:80/", "GET ftp://a/", "GET http://u@a/", "GET http://a:b/",
                           "GET http://a:65536/", "GET http://[::1/", "GET http://[]/",
                           "GET http://[::g]/", "GET http://a%2/", "GET 127.0.0.1:80"}) {
    EXPECT_EQ(fault_of(std::string(line) + " HTTP/1.1\r\nHost: a\r\n\r\n"), Fault::bad_target)
        << line;
  }
  for (const char* line : {"GET *", "CONNECT /", "CONNECT a", "CONNECT a:", "CONNECT :1",
                           "CONNECT http://a:1/", "CONNECT a:99999", "CONNECT a:1:2"}) {
    EXPECT_EQ(fault_of(std::string(line) + " HTTP/1.1\r\nHost: a\r\n\r\n"),
              Fault::target_not_for_method)
        << line;
  }
}

TEST(RequestParser, AllowsOnlyVisibleAsciiInTargets) {
  for (int c = 0; c < 256; ++c) {
    const bool good = c > 0x20 && c < 0x7f && c != '#';
    for (const std::string& before : {std::string("/"), "/" + std::string(20, 'x')}) {
      const std::string request =
          "GET " + before + static_cast<char>(c) + "y HTTP/1.1\r\nHost: a\r\n\r\n";
      EXPECT_EQ(fault_of(request) == Fault::none, good) << c;
    }
  }
}

TEST(RequestParser, RefusesMalformedRequestLines) {  // RFC 9112 section 3
  struct Case {
    std::string bytes;
    Fault fault;
  };
  for (const Case& c : {
           Case{" GET / HTTP/1.1\r\n", Fault::bad_method},
           {"\tGET / HTTP/1.1\r\n", Fault::bad_method},
           {"GET\t/ HTTP/1.1\r\n", Fault::bad_method},
           {"G(T / HTTP/1.1\r\n", Fault::bad_method},
           {"GET\r\n", Fault::bad_method},
           {"\x16\x03\x01\x02", Fault::bad_method},
           {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", Fault::bad_target},
           {"GET /  HTTP/1.1\r\n", Fault::bad_version},
           {"GET / HTTP/1.1 \r\n", Fault::bad_version},
           {"GET / http/1.1\r\n", Fault::bad_version},
           {"GET / HTTP/1,1\r\n", Fault::bad_version},
           {"GET / HTTP/1.10\r\n", Fault::bad_version},
           {"GET / HTTP/11.1\r\n", Fault::bad_version},
           {"GET / HTTP/\r\n", Fault::bad_version},
           {"GET /\r\n", Fault::bad_version},
           {"GET / \r\n", Fault::bad_version},
           {"GET / HTTP/0.9\r\n", Fault::unsupported_version},
           {"GET / HTTP/2.0\r\n", Fault::unsupported_version},
           {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Fault::unsupported_version},
           {"GET / HTTP/1.1\n", Fault::bare_lf},
           {"GET /\n", Fault::bare_lf},
           {"\nGET / HTTP/1.1\r\n", Fault::bare_lf},
           {"GET / HTTP/1.1\rX", Fault::bare_cr},
           {"\rGET / HTTP/1.1\r\n", Fault::bare_cr},
           {std::string("GET /\0 HTTP/1.1\r\n", 17), Fault::null_byte},
           {"\r\n\r\nGET / HTTP/1.1\r\n", Fault::bad_method},
       }) {
    EXPECT_EQ(fault_of(c.bytes), c.fault) << c.bytes;
  }
}

TEST(RequestParser, SkipsOneEmptyLineBefore) {  // RFC 9112 section 2.2
  const Parsed p("\r\nPOST /x HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_EQ(p.progress, Progress::complete);
  EXPECT_EQ(p.head().method_text(), "POST");
  EXPECT_EQ(p.head().size(), p.text.size());
  EXPECT_EQ(Parsed("\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n").head().method(), Method::get);
}

TEST(RequestParser, ReadsHigherMinorVersionsAs11) {  // RFC 9110 section 2.5
  EXPECT_EQ(Parsed("GET / HTTP/1.7\r\nHost: a\r\n\r\n").head().version(), Version::http_1_1);
  EXPECT_EQ(Parsed("GET / HTTP/1.0\r\n\r\n").head().version(), Version::http_1_0);
}

TEST(RequestParser, RefusesMalformedFieldLines) {  // RFC 9112 section 5
  struct Case {
    std::string lines;
    Fault fault;
  };
  for (const Case& c : {
           Case{"X : 1\r\n", Fault::blank_before_colon},
           {"X\t: 1\r\n", Fault::blank_before_colon},
           {"X Y: 1\r\n", Fault::blank_before_colon},
           {": 1\r\n", Fault::empty_name},
           {"X\r\n", Fault::line_without_colon},
           {"X: 1\r\n folded\r\n", Fault::folded_line},
           {"X: 1\r\n\tfolded\r\n", Fault::folded_line},
           {" X: 1\r\n", Fault::folded_line},
           {"X: 1\n", Fault::bare_lf},
           {"X: 1\nY: 2\r\n", Fault::bare_lf},
           {"X\n", Fault::bare_lf},
           {"X: 1\rY: 2\r\n", Fault::bare_cr},
           {"X: 1\r\rY\r\n", Fault::bare_cr},
           {"X\xc3\xa9: 1\r\n", Fault::bad_name},
           {"X(: 1\r\n", Fault::bad_name},
           {"X\x7f: 1\r\n", Fault::bad_name},
           {std::string("X\0: 1\r\n", 8), Fault::null_byte},
           {std::string("X: a\0b\r\n", 9), Fault::null_byte},
           {"X: a\x01"
            "b\r\n",
            Fault::control_byte},
           {"X: a\x7f\r\n", Fault::control_byte},
           {"X: a\x0b\r\n", Fault::control_byte},
           {"\rX: 1\r\n", Fault::bare_cr},
           {"\nX: 1\r\n", Fault::bare_lf},
       }) {
    EXPECT_EQ(fault_with(c.lines), c.fault) << c.lines;
  }
}

TEST(RequestParser, ClassifiesEveryByteOfNamesAndValues) {
  for (int c = 0; c < 256; ++c) {
    const char byte = static_cast<char>(c);
    const bool in_name = (std::isalnum(c) != 0 && c < 128) ||
                         (c != 0 && std::string_view("!#$%&'*+-.^_`|~").contains(byte));
    const bool in_value = c == '\t' || (c >= 0x20 && c != 0x7f);
    for (std::size_t before : {1u, 15u, 16u, 17u, 40u}) {
      const std::string run(before, 'x');
      EXPECT_EQ(fault_with(run + byte + "y: 1\r\n") == Fault::none, in_name || c == ':') << c;
      EXPECT_EQ(fault_with("X: " + run + byte + "y\r\n") == Fault::none, in_value) << c;
    }
  }
}

TEST(RequestParser, WantsExactlyOneValidHost) {  // RFC 9112 section 3.2
  const std::string get = "GET / HTTP/1.1\r\n";
  EXPECT_EQ(fault_of(get + "\r\n"), Fault::host_missing);
  EXPECT_EQ(fault_of(get + "Host: a\r\nHost: a\r\n\r\n"), Fault::host_repeated);
  EXPECT_EQ(fault_of("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"), Fault::host_repeated);
  EXPECT_EQ(fault_of("GET / HTTP/1.0\r\n\r\n"), Fault::none);
  EXPECT_EQ(fault_of("GET http://a/ HTTP/1.1\r\n\r\n"), Fault::host_missing);
  for (const char* host :
       {"", "a", "a.b", "a:", "a:0", "a:65535", "127.0.0.1:8080", "localhost:18080", "[::1]",
        "[::1]:80", "[v1.x:y]", "a%20b", "a_b", "x!$&'()*+,;=~-",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example:80", "127.0.0.1:65535", "127.0.0.1:60000"}) {
    EXPECT_EQ(fault_of(get + "Host: " + host + "\r\n\r\n"), Fault::none) << host;
    EXPECT_EQ(fault_of(get + "Host: " + host + "\r\nAccept: text/html\r\n\r\n"), Fault::none)
        << host;
  }
  for (const char* host : {"a b",
                           "a/b",
                           "a?b",
                           "a#b",
                           "u@a",
                           "a:b",
                           "a:1:2",
                           "a:65536",
                           "a:123456",
                           "::1",
                           "[::1",
                           "[::1]x",
                           "[::1]:x",
                           "[]",
                           "[::1%eth0]",
                           "a,b@c",
                           "a%2",
                           "a%zz",
                           "\"a\"",
                           "a\\b",
                           "a\xc3\xa9",
                           "127.0.0.1:99999",
                           "127.0.0.1:8080x",
                           "127.0.0.1:80:80",
                           "<a>",
                           "{a}"}) {
    EXPECT_EQ(fault_of(get + "Host: " + host + "\r\n\r\n"), Fault::host_invalid) << host;
    EXPECT_EQ(fault_of(get + "Host: " + host + "\r\nAccept: text/html\r\n\r\n"),
              Fault::host_invalid)
        << host;
  }
}

TEST(RequestParser, ReadsOneFramingOrRefuses) {  // RFC 9112 sections 6.1 to 6.3
  struct Case {
    std::string lines;
    Fault fault;
  };
  for (const Case& c : {
           Case{"Content-Length: 0\r\n", Fault::none},
           {"Transfer-Encoding: chunked\r\n", Fault::none},
           {"transfer-encoding:\tCHUNKED \r\n", Fault::none},
           {"Transfer-Encoding: , chunked,\r\n", Fault::none},
           {"Content-Length: 1\r\nContent-Length: 1\r\n", Fault::length_repeated},
           {"Content-Length: 1\r\nContent-Length: 2\r\n", Fault::length_repeated},
           {"Content-Length: \r\nContent-Length: 2\r\n", Fault::length_repeated},
           {"Content-Length: 1, 1\r\n", Fault::length_invalid},
           {"Content-Length:\r\n", Fault::length_invalid},
           {"Content-Length: -1\r\n", Fault::length_invalid},
           {"Content-Length: +1\r\n", Fault::length_invalid},
           {"Content-Length: 0x1\r\n", Fault::length_invalid},
           {"Content-Length: 1 1\r\n", Fault::length_invalid},
           {"Content-Length: 1;\r\n", Fault::length_invalid},
           {"Content-Length: 1_0\r\n", Fault::length_invalid},
           {"Content-Length: 9223372036854775808\r\n", Fault::length_invalid},
           {"Content-Length: 18446744073709551617\r\n", Fault::length_invalid},
           {"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", Fault::length_and_coding},
           {"Transfer-Encoding: chunked\r\nContent-Length: 1\r\n", Fault::length_and_coding},
           {"Transfer-Encoding: gzip\r\nContent-Length: 1\r\n", Fault::length_and_coding},
           {"Transfer-Encoding:\r\n", Fault::coding_not_chunked_last},
           {"Transfer-Encoding: xchunked\r\n", Fault::coding_not_chunked_last},
           {"Transfer-Encoding: chunked;q=1\r\n", Fault::coding_not_chunked_last},
           {"Transfer-Encoding: \"chunked\"\r\n", Fault::coding_not_chunked_last},
           {"Transfer-Encoding: identity\r\n", Fault::coding_not_chunked_last},
           {"Transfer-Encoding: chunked, identity\r\n", Fault::coding_not_chunked_last},
           {"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n",
            Fault::coding_not_chunked_last},
           {"Transfer-Encoding: chunked, chunked\r\n", Fault::coding_not_chunked_last},
           {"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            Fault::coding_not_chunked_last},
           {"Transfer-Encoding: chunked chunked\r\n", Fault::coding_not_chunked_last},
           {"Transfer-Encoding: gzip, chunked\r\n", Fault::coding_unknown},
           {"Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n", Fault::coding_unknown},
       }) {
    EXPECT_EQ(fault_with(c.lines), c.fault) << c.lines;
  }
  EXPECT_EQ(fault_with("Transfer-Encoding: chunked\r\n", "POST / HTTP/1.0"), Fault::coding_in_1_0);
}

TEST(RequestParser, DecidesOnTheConnection) {  // RFC 9112 section 9.3
  const auto keeps = [](const char* version, const char* lines) {
    const Parsed p(std::string("GET / ") + version + "\r\nHost: a\r\n" + lines + "\r\n");
    EXPECT_EQ(p.progress, Progress::complete) << lines;
    return p.head().keep_alive();
  };
  EXPECT_TRUE(keeps("HTTP/1.1", ""));
  EXPECT_TRUE(keeps("HTTP/1.1", "Connection: keep-alive\r\n"));
  EXPECT_TRUE(keeps("HTTP/1.1", "Connection: closed, te\r\n"));
  EXPECT_FALSE(keeps("HTTP/1.1", "Connection: Close\r\n"));
  EXPECT_FALSE(keeps("HTTP/1.1", "Connection: keep-alive, close\r\n"));
  EXPECT_FALSE(keeps("HTTP/1.1", "Connection: keep-alive\r\nConnection: close\r\n"));
  EXPECT_FALSE(keeps("HTTP/1.0", ""));
  EXPECT_TRUE(keeps("HTTP/1.0", "Connection: Keep-Alive\r\n"));
  EXPECT_FALSE(keeps("HTTP/1.0", "Connection: keep-alive\r\nConnection: close\r\n"));
  EXPECT_EQ(fault_with("Connection: a b\r\n"), Fault::connection_invalid);
  EXPECT_EQ(fault_with("Connection: \"close\"\r\n"), Fault::connection_invalid);
}

TEST(RequestParser, MeetsOneExpectationOnly) {  // RFC 9110 section 10.1.1
  EXPECT_TRUE(
      Parsed("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-Continue\r\n\r\n")
          .head()
          .expects_continue());
  EXPECT_EQ(fault_with("Expect: 200-ok\r\n"), Fault::expectation_unknown);
  EXPECT_EQ(fault_with("Expect: 100-continue, x\r\n"), Fault::expectation_unknown);
  EXPECT_EQ(fault_with("Expect:\r\n"), Fault::expectation_unknown);
  EXPECT_EQ(describe(Fault::expectation_unknown).status, 417);
  const Parsed old("POST / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(old.progress, Progress::complete);
  EXPECT_FALSE(old.head().expects_continue());
}

TEST(RequestParser, SeesTheWishToUpgrade) {  // RFC 9110 section 7.8
  const auto wants = [](const char* version, const char* lines) {
    return Parsed(std::string("GET / ") + version + "\r\nHost: a\r\n" + lines + "\r\n")
        .head()
        .wants_upgrade();
  };
  EXPECT_TRUE(wants("HTTP/1.1", "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"));
  EXPECT_FALSE(wants("HTTP/1.1", "Upgrade: websocket\r\n"));
  EXPECT_FALSE(wants("HTTP/1.1", "Connection: Upgrade\r\n"));
  EXPECT_FALSE(wants("HTTP/1.0", "Upgrade: websocket\r\nConnection: Upgrade\r\n"));
}

}  // namespace
}  // namespace vigil::http
