// Which of a file's precompressed siblings a client gets.
#include "site/coding.hpp"

#include <algorithm>

#include "vigil/http/fields.hpp"

namespace vigil::site {

bool Variants::usable(Coding coding) const noexcept {
  const auto& sibling = files[static_cast<std::size_t>(coding)];
  // Whole seconds: the tools that compress copy the time, and some file systems round it.
  return sibling && seconds(sibling->modified_ns) >= seconds(of(Coding::identity).modified_ns);
}

bool Variants::several() const noexcept {
  return std::ranges::any_of(kCodings,
                             [this](const CodingName& row) { return usable(row.coding); });
}

Coding choose_coding(const std::optional<std::string_view>& accept_encoding,
                     const Variants& variants) noexcept {
  if (!accept_encoding) {
    return Coding::identity;
  }
  Coding best = Coding::identity;
  // Unless the client ranks it, identity counts 1 of 1000 here: any coding it accepts at all comes
  // first.
  std::uint16_t most = http::coding_weight(*accept_encoding, "identity");
  for (const CodingName& row : kCodings) {
    if (!variants.usable(row.coding)) {
      continue;
    }
    const std::uint16_t weight = http::coding_weight(*accept_encoding, row.token);
    if (weight > 0 && (weight > most || (weight == most && best == Coding::identity))) {
      best = row.coding;
      most = weight;
    }
  }
  return best;
}

}  // namespace vigil::site
