// Opening the sites of a configuration.
#include "serve/opened.hpp"

#include "cli/help.hpp"

namespace vigil::app {

Task<std::expected<std::shared_ptr<const Hosts>, std::string>> open_sites(const Plan* plan) {
  std::vector<const config::Part*> parts;
  for_each_site(*plan->configuration, [&](const config::Part& part) { parts.push_back(&part); });
  auto hosts = std::make_shared<Hosts>();
  for (const config::Part* part : parts) {
    const cli::Settings& settings = part->values;
    auto opening = fs::Directory::open(settings.directory);
    auto root = co_await std::move(opening);
    if (!root) {
      co_return std::unexpected(cli::cannot_serve(settings.directory, root.error()));
    }
    hosts->add(
        std::make_shared<Hosted>(std::move(*root), options_of(settings, plan->share), settings),
        settings.hosts);
  }
  co_return std::shared_ptr<const Hosts>(std::move(hosts));
}

}  // namespace vigil::app
