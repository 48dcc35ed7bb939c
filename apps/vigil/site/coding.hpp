// Which of a file's precompressed siblings a client gets (RFC 9110 section 12.5.3).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "site/file_facts.hpp"

namespace vigil::site {

enum class Coding : std::uint8_t {
  identity,
  brotli,
  zstd,
  gzip
};  // in the order of preference, after identity

struct CodingName {
  Coding coding;
  std::string_view token;   // in Accept-Encoding and Content-Encoding
  std::string_view suffix;  // of the sibling's name
};
inline constexpr std::array<CodingName, 3> kCodings{
    {{Coding::brotli, "br", ".br"}, {Coding::zstd, "zstd", ".zst"}, {Coding::gzip, "gzip", ".gz"}}};

// A file and what stands beside it, indexed by Coding; the first is the file itself.
struct Variants {
  std::array<std::optional<FileFacts>, 4> files;

  const FileFacts& of(Coding coding) const noexcept {
    return *files[static_cast<std::size_t>(coding)];
  }
  // Whether the sibling is there and not older than the file: a stale one would send old content.
  bool usable(Coding coding) const noexcept;
  // Whether the answer depends on Accept-Encoding.
  bool several() const noexcept;
};

// The coding that `accept_encoding` likes best among the usable ones; without the field, identity.
Coding choose_coding(const std::optional<std::string_view>& accept_encoding,
                     const Variants& variants) noexcept;

}  // namespace vigil::site
