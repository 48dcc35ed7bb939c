// Content types by name.
#include "site/types.hpp"

#include <gtest/gtest.h>

namespace vigil::site {
namespace {

TEST(ContentType, follows_the_extension_with_a_charset_for_text) {
  const std::pair<std::string_view, std::string_view> table[] = {
      {"index.html", "text/html; charset=utf-8"},
      {"a/b/INDEX.HTM", "text/html; charset=utf-8"},
      {"style.css", "text/css; charset=utf-8"},
      {"app.js", "text/javascript; charset=utf-8"},
      {"app.mjs", "text/javascript; charset=utf-8"},
      {"data.json", "application/json"},
      {"image.svg", "image/svg+xml; charset=utf-8"},
      {"photo.JPEG", "image/jpeg"},
      {"a.tar.gz", "application/gzip"},
      {"font.woff2", "font/woff2"},
      {"module.wasm", "application/wasm"},
      {"3.7z", "application/x-7z-compressed"},
      {"last.zst", "application/zstd"},
      {"first.3g2", "video/3gpp2"},
      {"site.webmanifest", "application/manifest+json"},
      {"notes.txt", "text/plain; charset=utf-8"},
  };
  for (const auto& [name, type] : table) {
    EXPECT_EQ(content_type(name), type) << name;
  }
}

TEST(ContentType, of_what_is_not_known_is_bytes) {
  for (const std::string_view name :
       {"", "a", "a.", "a.unknown", "dir.html/file", "a.averyveryverylongextension", "html",
        ".html/x", "a.ht", "a.html ", "a.\xff"}) {
    EXPECT_EQ(content_type(name), "application/octet-stream") << name;
  }
}

TEST(ContentType, of_customary_names_is_text) {
  for (const std::string_view name :
       {"README", "LICENSE", "doc/bash/copyright", "Makefile", "CHANGELOG"}) {
    EXPECT_EQ(content_type(name), "text/plain; charset=utf-8") << name;
  }
}

}  // namespace
}  // namespace vigil::site
