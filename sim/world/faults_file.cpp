// The file of faults: TOML, a table a fault.
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <optional>

#include "vigil/sim/faults.hpp"

namespace vigil::sim {
namespace {

constexpr std::array<std::string_view, 5> kKeys{"rate", "longest_ms", "from_s", "until_s", "hosts"};

std::string place(const toml::source_region& source) {
  return "line " + std::to_string(source.begin.line) + ", column " +
         std::to_string(source.begin.column) + ": ";
}

// How many letters have to be put in, left out or changed (Levenshtein).
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i != a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 0; j != b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

template <class Names>
std::string nearest(const Names& names, std::string_view word) {
  std::string_view best;
  std::size_t least = ~std::size_t{0};
  for (const std::string_view name : names) {
    if (const std::size_t changes = distance(name, word); changes < least) {
      least = changes;
      best = name;
    }
  }
  return std::string(best);
}

std::string nearest_fault(std::string_view word) {
  std::array<std::string_view, kFaults> names;
  for (std::size_t i = 0; i != kFaults; ++i) {
    names[i] = describe(static_cast<Fault>(i)).name;
  }
  return nearest(names, word);
}

// Reads one table into a rule; the first thing wrong stays.
class RuleReader {
 public:
  RuleReader(FaultRule& rule, std::string_view fault) : rule_(rule), fault_(fault) {}

  std::optional<std::string> read(const toml::table& table) {
    for (const auto& [key, value] : table) {
      if (key == "rate") {
        read_rate(value);
      } else if (key == "longest_ms") {
        read_span(value, key.str(), 1e-3, rule_.longest);
      } else if (key == "from_s") {
        read_span(value, key.str(), 1, rule_.from);
      } else if (key == "until_s") {
        read_span(value, key.str(), 1, rule_.until);
      } else if (key == "hosts") {
        read_hosts(value);
      } else {
        wrong(key.source(), "[" + fault_ + "] has no \"" + std::string(key.str()) +
                                "\"; did you mean \"" + nearest(kKeys, key.str()) + "\"?");
      }
    }
    return std::move(wrong_);
  }

 private:
  void wrong(const toml::source_region& source, const std::string& sentence) {
    if (!wrong_) {
      wrong_ = place(source) + sentence;
    }
  }

  void read_rate(const toml::node& value) {
    const std::optional<double> share = value.value<double>();
    if (!share || !(*share >= 0) || *share > 1) {
      wrong(value.source(), "\"rate\" of [" + fault_ + "] is a share from 0 (never) to 1 (always)");
      return;
    }
    rule_.rate = static_cast<std::uint32_t>(std::lround(*share * 1e6));
  }

  void read_span(const toml::node& value, std::string_view key, double unit, Nanos& into) {
    constexpr double kLongest = 9e9;  // seconds that fit into Nanos
    const std::optional<double> number = value.value<double>();
    if (!number || !(*number >= 0) || *number * unit > kLongest) {
      wrong(value.source(), "\"" + std::string(key) + "\" of [" + fault_ +
                                "] is a number that is not negative, and below 285 years");
      return;
    }
    into = Nanos(std::llround(*number * unit * 1e9));
  }

  void read_hosts(const toml::node& value) {
    std::vector<std::string> hosts;
    const toml::array* names = value.as_array();
    bool good = names != nullptr && !names->empty();
    for (std::size_t i = 0; good && i != names->size(); ++i) {
      const std::optional<std::string> name = names->get(i)->value_exact<std::string>();
      good = name.has_value();
      hosts.push_back(name.value_or(""));
    }
    if (!good) {
      wrong(value.source(), "\"hosts\" of [" + fault_ +
                                "] is a list of names, as [\"server\"]; leave it out for every "
                                "host");
      return;
    }
    rule_.hosts = std::move(hosts);
  }

  FaultRule& rule_;
  std::string fault_;
  std::optional<std::string> wrong_;
};

}  // namespace

std::expected<Faults, std::string> Faults::parse(std::string_view text, const Faults& base) {
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    return std::unexpected(place(parsed.error().source()) +
                           std::string(parsed.error().description()));
  }
  Faults faults = base;
  for (const auto& [key, value] : parsed.table()) {
    const Result<Fault> fault = fault_named(key.str());
    if (!fault) {
      return std::unexpected(place(key.source()) + "there is no fault \"" + std::string(key.str()) +
                             "\"; did you mean \"" + nearest_fault(key.str()) + "\"?");
    }
    const toml::table* table = value.as_table();
    if (table == nullptr) {
      return std::unexpected(place(key.source()) + "\"" + std::string(key.str()) +
                             "\" is a table: write [" + std::string(key.str()) +
                             "], and rate = ... below it");
    }
    RuleReader reader(faults[*fault], key.str());
    if (std::optional<std::string> wrong = reader.read(*table)) {
      return std::unexpected(std::move(*wrong));
    }
  }
  return faults;
}

}  // namespace vigil::sim
