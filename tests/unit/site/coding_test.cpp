// The choice among precompressed siblings.
#include "site/coding.hpp"

#include <gtest/gtest.h>

namespace vigil::site {
namespace {

Variants with(bool br, bool zst, bool gz, std::int64_t sibling_ns = 5'000'000'000) {
  Variants variants;
  variants.files[0] = FileFacts{1, 1000, 5'000'000'000, 5'000'000'000};
  const FileFacts sibling{2, 100, sibling_ns, sibling_ns};
  if (br) {
    variants.files[1] = sibling;
  }
  if (zst) {
    variants.files[2] = sibling;
  }
  if (gz) {
    variants.files[3] = sibling;
  }
  return variants;
}

TEST(Coding, follows_the_weights_then_the_servers_order) {
  const Variants all = with(true, true, true);
  const std::pair<std::string_view, Coding> table[] = {
      {"gzip, deflate, br, zstd", Coding::brotli},
      {"gzip, deflate", Coding::gzip},
      {"gzip;q=1.0, br;q=0.5", Coding::gzip},
      {"gzip;q=0.5, br;q=0.5, zstd;q=0.9", Coding::zstd},
      {"br;q=0, *", Coding::zstd},
      {"*", Coding::brotli},
      {"*;q=0", Coding::identity},
      {"identity", Coding::identity},
      {"", Coding::identity},
      {"identity;q=1, gzip;q=0.5", Coding::identity},
      {"identity;q=0.5, gzip;q=0.5", Coding::gzip},
      {"x-gzip", Coding::gzip},
      {"GZIP", Coding::gzip},
      {"gzip;q=0", Coding::identity},
      {"gzip;q=0.001", Coding::gzip},
      {"deflate", Coding::identity},
      {"gzip;q=x", Coding::identity},
      {"identity;q=0, gzip", Coding::gzip},
  };
  for (const auto& [field, coding] : table) {
    EXPECT_EQ(choose_coding(field, all), coding) << field;
  }
  EXPECT_EQ(choose_coding(std::nullopt, all), Coding::identity);
}

TEST(Coding, is_chosen_among_what_is_there) {
  EXPECT_EQ(choose_coding("br, gzip", with(false, false, true)), Coding::gzip);
  EXPECT_EQ(choose_coding("br, gzip", with(false, false, false)), Coding::identity);
  EXPECT_TRUE(with(false, true, false).several());
  EXPECT_FALSE(with(false, false, false).several());
}

TEST(Coding, leaves_a_sibling_that_is_older_than_its_file) {
  const Variants stale = with(true, true, true, 4'999'999'999);
  EXPECT_EQ(choose_coding("br, gzip", stale), Coding::identity);
  EXPECT_FALSE(stale.several());
}

TEST(Coding, takes_a_sibling_whose_time_was_rounded_to_the_second) {
  Variants variants = with(false, false, true, 5'000'000'000);
  variants.files[0]->modified_ns = 5'300'000'000;
  EXPECT_EQ(choose_coding("gzip", variants), Coding::gzip);
}

}  // namespace
}  // namespace vigil::site
