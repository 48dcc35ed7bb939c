// Which site answers a request.
#include "serve/hosts.hpp"

#include <algorithm>
#include <array>

namespace vigil::app {
namespace {

constexpr std::size_t kLongestName = 255;

// The name of an authority as it is compared: without its port and a dot at the end, in lower case,
// in `room`. Empty: it is none that a site could have.
std::string_view name_in(std::string_view authority, std::span<char> room) noexcept {
  const std::size_t bracket = authority.starts_with('[') ? authority.find(']') : 0;
  if (bracket == std::string_view::npos) {
    return {};
  }
  std::string_view name = authority.substr(0, authority.find(':', bracket));
  if (name.ends_with('.')) {
    name.remove_suffix(1);
  }
  if (name.size() > room.size()) {
    return {};
  }
  std::ranges::transform(name, room.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  });
  return {room.data(), name.size()};
}

}  // namespace

void Hosts::add(Shared site, const std::vector<std::string>& names) {
  all_.push_back(site);
  if (names.empty()) {
    others_ = site;
  }
  for (const std::string& name : names) {
    if (name.starts_with("*.")) {
      suffixes_.push_back({name.substr(1), site});
    } else {
      names_.push_back({name, site});
    }
  }
  std::ranges::sort(names_, {}, &Name::text);
  std::ranges::sort(suffixes_, std::ranges::greater(),
                    [](const Name& name) { return name.text.size(); });
}

const Hosts::Shared& Hosts::find(std::string_view authority) const noexcept {
  std::array<char, kLongestName> room;
  const std::string_view asked = name_in(authority, room);
  const auto exact = std::ranges::lower_bound(names_, asked, {}, &Name::text);
  if (exact != names_.end() && exact->text == asked) {
    return exact->site;
  }
  for (const Name& suffix : suffixes_) {
    if (asked.size() > suffix.text.size() && asked.ends_with(suffix.text)) {
      return suffix.site;
    }
  }
  return others_;
}

}  // namespace vigil::app
