// The choice of an answer, as a table of requests and files.
#include "site/answer.hpp"

#include <gtest/gtest.h>

#include <map>

#include "vigil/http/parser.hpp"

namespace vigil::site {
namespace {

using http::Method;

constexpr std::int64_t kModified = 784'111'777;
constexpr Circumstances kNow{kModified + 1000, false, "abc", "0123456789abcdef0123456789abcdef"};

Ask ask_for(std::string_view target, Method method = Method::get) {
  Ask ask;
  ask.method = method;
  parse_target(target, ask.target);
  return ask;
}
Resource a_file(std::uint64_t size = 1000) {
  Resource resource;
  resource.found = Found::file;
  resource.name = "a.txt";
  resource.variants.files[0] =
      FileFacts{1, size, kModified * 1'000'000'000, kModified * 1'000'000'000};
  return resource;
}
Resource of(Found found) {
  Resource resource;
  resource.found = found;
  return resource;
}
Answer answer(const Ask& ask, const Resource& resource, const Circumstances& now = kNow) {
  Answer out;
  out.fields = "rubbish of the last answer";
  decide(ask, resource, now, out);
  return out;
}
// The fields by name; a name that comes twice or a line that is none fails the test.
std::map<std::string, std::string, std::less<>> fields(const Answer& answer) {
  std::map<std::string, std::string, std::less<>> out;
  std::string_view rest = answer.fields;
  while (!rest.empty()) {
    const std::size_t end = rest.find("\r\n");
    const std::size_t colon = rest.find(": ");
    if (end == std::string_view::npos || colon > end) {
      ADD_FAILURE() << rest;
      break;
    }
    EXPECT_TRUE(out.emplace(rest.substr(0, colon), rest.substr(colon + 2, end - colon - 2)).second)
        << rest;
    rest.remove_prefix(end + 2);
  }
  return out;
}
std::string tag_of(const Resource& resource, Coding coding = Coding::identity) {
  return std::string(FileTag(resource.variants.of(coding)).text());
}

TEST(Answer, is_the_whole_file) {
  const Resource file = a_file();
  const Answer out = answer(ask_for("/a.txt"), file);
  EXPECT_EQ(out.status, 200);
  EXPECT_EQ(out.body, BodyPlan::file);
  EXPECT_EQ(out.length, 1000U);
  EXPECT_EQ(out.ranges.count, 0U);
  EXPECT_FALSE(out.head_only);
  EXPECT_EQ(out.fields,
            "ETag: " + tag_of(file) +
                "\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\nAccept-Ranges: bytes\r\n"
                "Content-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n");
}

TEST(Answer, to_head_has_the_same_fields_and_no_body) {
  Ask ask = ask_for("/a.txt", Method::head);
  ask.range = "bytes=0-9";  // defined for GET alone
  const Answer head = answer(ask, a_file());
  const Answer get = answer(ask_for("/a.txt"), a_file());
  EXPECT_TRUE(head.head_only);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.length, 1000U);
  EXPECT_EQ(head.fields, get.fields);
  EXPECT_TRUE(answer(ask_for("/x", Method::head), of(Found::missing)).head_only);
}

TEST(Answer, to_other_methods) {
  for (const Method method : {Method::post, Method::put, Method::delete_, Method::trace,
                              Method::patch, Method::connect}) {
    const Answer out = answer(ask_for("/a.txt", method), a_file());
    EXPECT_EQ(out.status, 405);
    EXPECT_EQ(fields(out)["Allow"], "GET, HEAD, OPTIONS");
  }
  EXPECT_EQ(answer(ask_for("/a.txt", Method::other), a_file()).status, 501);
  const Answer options = answer(ask_for("*", Method::options), of(Found::missing));
  EXPECT_EQ(options.status, 204);
  EXPECT_EQ(options.body, BodyPlan::none);
  EXPECT_EQ(fields(options)["Allow"], "GET, HEAD, OPTIONS");
  EXPECT_TRUE(decided_without_file(ask_for("*", Method::options)));
  EXPECT_TRUE(decided_without_file(ask_for("/..")));
  EXPECT_FALSE(decided_without_file(ask_for("/a")));
}

TEST(Answer, to_targets_that_name_no_file) {
  const std::pair<std::string_view, int> table[] = {{"/..", 400},          {"/%00", 400},
                                                    {"/%zz", 400},         {"", 400},
                                                    {"/.git/config", 404}, {"/a%2fb", 404}};
  for (const auto& [target, status] : table) {
    const Answer out = answer(ask_for(target), a_file());
    EXPECT_EQ(out.status, status) << target;
    EXPECT_EQ(out.body, BodyPlan::text);
    EXPECT_EQ(out.length, out.text.size());
  }
}

TEST(Answer, to_what_was_found) {
  const std::pair<Found, int> table[] = {{Found::missing, 404},
                                         {Found::denied, 403},
                                         {Found::no_resources, 503},
                                         {Found::broken, 500}};
  for (const auto& [found, status] : table) {
    EXPECT_EQ(answer(ask_for("/a"), of(found)).status, status);
  }
  EXPECT_EQ(fields(answer(ask_for("/a"), of(Found::no_resources)))["Retry-After"], "1");
}

TEST(Answer, redirects_to_a_directory_relatively) {
  const Answer out = answer(ask_for("/a/b%20c?x=1"), of(Found::directory));
  EXPECT_EQ(out.status, 301);
  EXPECT_EQ(fields(out)["Location"], "b%20c/?x=1");
}

TEST(Answer, lists_a_directory_only_if_told) {
  EXPECT_EQ(answer(ask_for("/a/"), of(Found::directory)).status, 403);
  Circumstances now = kNow;
  now.listing = true;
  const Answer out = answer(ask_for("/a/"), of(Found::directory), now);
  EXPECT_EQ(out.status, 200);
  EXPECT_EQ(out.body, BodyPlan::listing);
  EXPECT_NE(fields(out)["Content-Security-Policy"].find("default-src 'none'"), std::string::npos);
  EXPECT_EQ(fields(out)["X-Content-Type-Options"], "nosniff");
}

TEST(Answer, sends_the_sites_own_404_page_with_404) {
  Resource page = a_file(50);
  page.found = Found::missing;
  page.name = "404.html";
  Ask ask = ask_for("/nowhere");
  ask.range = "bytes=0-1";
  ask.conditions.if_none_match = "*";
  const Answer out = answer(ask, page);
  EXPECT_EQ(out.status, 404);
  EXPECT_EQ(out.body, BodyPlan::file);
  EXPECT_EQ(out.length, 50U);
  EXPECT_EQ(out.ranges.count, 0U);
  EXPECT_EQ(out.fields,
            "Content-Type: text/html; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n");
}

TEST(Answer, of_304_repeats_the_validators_alone) {
  const Resource file = a_file();
  Ask ask = ask_for("/a.txt");
  const std::string tag = tag_of(file);
  ask.conditions.if_none_match = tag;
  const Answer out = answer(ask, file);
  EXPECT_EQ(out.status, 304);
  EXPECT_EQ(out.body, BodyPlan::none);
  EXPECT_EQ(out.fields, "ETag: " + tag + "\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
}

TEST(Answer, of_412_is_an_error) {
  Ask ask = ask_for("/a.txt");
  ask.conditions.if_match = "\"other\"";
  EXPECT_EQ(answer(ask, a_file()).status, 412);
}

TEST(Answer, of_one_range) {
  Ask ask = ask_for("/a.txt");
  ask.range = "bytes=10-19";
  const Answer out = answer(ask, a_file());
  EXPECT_EQ(out.status, 206);
  EXPECT_EQ(out.body, BodyPlan::file);
  EXPECT_EQ(out.length, 10U);
  ASSERT_EQ(out.ranges.count, 1U);
  EXPECT_EQ(out.ranges.items[0], (ByteRange{10, 10}));
  EXPECT_EQ(fields(out)["Content-Range"], "bytes 10-19/1000");
  EXPECT_EQ(fields(out)["Content-Type"], "text/plain; charset=utf-8");
}

TEST(Answer, of_several_ranges) {
  Ask ask = ask_for("/a.txt");
  ask.range = "bytes=0-9,500-509";
  const Answer out = answer(ask, a_file());
  EXPECT_EQ(out.status, 206);
  EXPECT_EQ(out.body, BodyPlan::parts);
  EXPECT_EQ(out.ranges.count, 2U);
  EXPECT_EQ(fields(out)["Content-Type"],
            "multipart/byteranges; boundary=0123456789abcdef0123456789abcdef");
  EXPECT_FALSE(fields(out).contains("Content-Range"));
  std::string body;
  out.multipart().append_head(body, out.ranges.items[0], true);
  body.append(10, 'x');
  out.multipart().append_head(body, out.ranges.items[1], false);
  body.append(10, 'x');
  out.multipart().append_end(body);
  EXPECT_EQ(out.length, body.size());
}

TEST(Answer, to_ranges_that_the_file_does_not_have) {
  Ask ask = ask_for("/a.txt");
  ask.range = "bytes=5000-";
  const Answer out = answer(ask, a_file());
  EXPECT_EQ(out.status, 416);
  EXPECT_EQ(fields(out)["Content-Range"], "bytes */1000");
  ask.range = "lines=1-2";
  EXPECT_EQ(answer(ask, a_file()).status, 200);
  ask.range = "bytes=-5";
  EXPECT_EQ(answer(ask, a_file(0)).status, 200);
}

TEST(Answer, to_a_range_of_another_version_is_the_whole) {
  const Resource file = a_file();
  Ask ask = ask_for("/a.txt");
  ask.range = "bytes=0-9";
  ask.conditions.if_range = "\"other\"";
  EXPECT_EQ(answer(ask, file).status, 200);
  const std::string tag = tag_of(file);
  ask.conditions.if_range = tag;
  EXPECT_EQ(answer(ask, file).status, 206);
  ask.range = "bytes=5000-";
  ask.conditions.if_range = "\"other\"";
  EXPECT_EQ(answer(ask, file).status, 200);
}

TEST(Answer, takes_the_sibling_that_is_accepted_and_varies) {
  Resource file = a_file();
  file.variants.files[1] = FileFacts{2, 300, kModified * 1'000'000'000, kModified * 1'000'000'000};
  Ask ask = ask_for("/a.txt");
  const Answer plain = answer(ask, file);
  EXPECT_EQ(plain.coding, Coding::identity);
  EXPECT_EQ(fields(plain)["Vary"], "Accept-Encoding");
  ask.accept_encoding = "gzip, br";
  const Answer small = answer(ask, file);
  EXPECT_EQ(small.coding, Coding::brotli);
  EXPECT_EQ(small.length, 300U);
  EXPECT_EQ(fields(small)["Content-Encoding"], "br");
  EXPECT_EQ(fields(small)["Vary"], "Accept-Encoding");
  EXPECT_EQ(fields(small)["Content-Type"], "text/plain; charset=utf-8");
  EXPECT_EQ(fields(small)["ETag"], tag_of(file, Coding::brotli));
  EXPECT_NE(fields(small)["ETag"], fields(plain)["ETag"]);
  // The tag of one coding says nothing about the other.
  const std::string tag = tag_of(file);
  ask.conditions.if_none_match = tag;
  EXPECT_EQ(answer(ask, file).status, 200);
  ask.accept_encoding.reset();
  EXPECT_EQ(answer(ask, file).status, 304);
  EXPECT_EQ(fields(answer(ask, file))["Vary"], "Accept-Encoding");
}

TEST(Answer, sends_a_coded_file_whole_rather_than_in_several_parts) {
  Resource file = a_file();
  file.variants.files[3] = FileFacts{2, 3000, kModified * 1'000'000'000, 0};
  Ask ask = ask_for("/a.txt");
  ask.accept_encoding = "gzip";
  ask.range = "bytes=0-9,500-509";
  EXPECT_EQ(answer(ask, file).status, 200);
  ask.range = "bytes=2000-2009";
  EXPECT_EQ(answer(ask, file).status, 206);
}

TEST(Answer, never_promises_a_future_modification) {
  Circumstances now = kNow;
  now.now = kModified - 10;
  EXPECT_EQ(fields(answer(ask_for("/a.txt"), a_file(), now))["Last-Modified"],
            "Sun, 06 Nov 1994 08:49:27 GMT");
}

TEST(Answer, of_an_error_is_a_page_for_browsers_and_text_for_others) {
  Ask ask = ask_for("/x");
  const Answer text = answer(ask, of(Found::missing));
  EXPECT_EQ(text.text, "404 Not Found: There is no such file here.\nrequest abc\n");
  EXPECT_EQ(fields(text)["Content-Type"], "text/plain; charset=utf-8");
  EXPECT_EQ(fields(text)["Vary"], "Accept");
  ask.accept = "text/html,*/*;q=0.8";
  const Answer page = answer(ask, of(Found::missing));
  EXPECT_EQ(fields(page)["Content-Type"], "text/html; charset=utf-8");
  EXPECT_NE(page.text.find("<h1>Not Found</h1>"), std::string::npos);
}

TEST(FoundBy, tells_what_the_client_may_know_of_an_error) {
  const std::pair<std::errc, Found> table[] = {
      {std::errc::no_such_file_or_directory, Found::missing},
      {std::errc::not_a_directory, Found::missing},
      {std::errc::too_many_symbolic_link_levels, Found::missing},
      {std::errc::cross_device_link, Found::missing},
      {std::errc::filename_too_long, Found::missing},
      {std::errc::permission_denied, Found::denied},
      {std::errc::too_many_files_open, Found::no_resources},
      {std::errc::too_many_files_open_in_system, Found::no_resources},
      {std::errc::not_enough_memory, Found::no_resources},
      {std::errc::io_error, Found::broken},
  };
  for (const auto& [code, found] : table) {
    EXPECT_EQ(found_by(std::make_error_code(code)), found) << static_cast<int>(code);
  }
}

TEST(ReadAsk, takes_the_fields_that_matter_and_joins_lists) {
  const std::string_view text =
      "GET /a/../b?q HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\nAccept-Encoding: gzip\r\nRange: "
      "bytes=0-1\r\n"
      "If-None-Match: \"a\"\r\nAccept-Encoding: br\r\nIf-None-Match: \"b\"\r\nIf-Range: \"c\"\r\n"
      "If-Modified-Since: x\r\nIf-Modified-Since: y\r\n\r\n";
  http::RequestStorage storage;
  http::RequestParser parser;
  ASSERT_EQ(parser.parse(as_bytes(text), storage.head), http::Progress::complete);
  Ask ask;
  std::string joined;
  read_ask(storage.head, ask, joined);
  EXPECT_EQ(ask.method, Method::get);
  EXPECT_EQ(ask.target.path, "b");
  EXPECT_EQ(ask.target.query, "q");
  EXPECT_EQ(ask.accept, "text/html");
  EXPECT_EQ(ask.accept_encoding, "gzip, br");
  EXPECT_EQ(ask.range, "bytes=0-1");
  EXPECT_EQ(ask.conditions.if_none_match, "\"a\", \"b\"");
  EXPECT_EQ(ask.conditions.if_range, "\"c\"");
  EXPECT_EQ(ask.conditions.if_modified_since, std::nullopt);
  EXPECT_FALSE(ask.plain());
  EXPECT_TRUE(ask_for("/a").plain());
}

}  // namespace
}  // namespace vigil::site
