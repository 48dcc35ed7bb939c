// The sites of the server, and which of them answers a request: by the name that it asks for.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/settings.hpp"
#include "serve/site.hpp"
#include "vigil/http/message.hpp"

namespace vigil::app {

// A site with what holds for its answers.
struct Hosted {
  Hosted(fs::Directory root, const SiteOptions& options, const cli::Settings& settings) noexcept
      : site(std::move(root), options),
        listing(settings.listing),
        listing_limit(static_cast<std::size_t>(settings.listing_limit)) {}

  Site site;
  bool listing;
  std::size_t listing_limit;
  Scope* following = nullptr;  // its changes; null: not yet, or no more
};

// All sites of one configuration. A reload makes another; requests under way keep the site that
// they began with. One loop's.
class Hosts {
 public:
  using Shared = std::shared_ptr<Hosted>;

  // `names`: as parse_host_pattern gives them. None: the site of whoever asks for another name.
  void add(Shared site, const std::vector<std::string>& names);

  // The site that a request asks for. Null: there is none of that name.
  const Shared& find(const http::RequestHead& request) const noexcept {
    return names_.empty() && suffixes_.empty() ? others_ : find(request.authority());
  }
  // The same by an authority: "Example.org:8080", or nothing (HTTP/1.0).
  const Shared& find(std::string_view authority) const noexcept;
  const std::vector<Shared>& all() const noexcept { return all_; }

 private:
  struct Name {
    std::string text;  // without the star
    Shared site;
  };
  std::vector<Shared> all_;
  Shared others_;
  std::vector<Name> names_;     // exact ones, sorted
  std::vector<Name> suffixes_;  // ".example.org", the longest first
};

}  // namespace vigil::app
