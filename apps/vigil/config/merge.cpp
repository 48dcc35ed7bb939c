// From a file and a command line to the configuration in effect.
#include <algorithm>

#include "config/parts.hpp"

namespace vigil::config {
namespace {

using cli::Keyed;

// Reads the texts into the values.
void realize(Part& part, const cli::Settings& base) {
  part.values = base;
  for (const Setting& setting : part.settings) {
    if (setting.row->repeatable || setting.row->keyed == Keyed::listener_only) {
      setting.row->store(part.values, {});
    }
    for (const std::string& text : setting.texts) {
      setting.row->store(part.values, text);
    }
  }
}

class Merge {
 public:
  Merge(const cli::Command& command, std::string_view file) : command_(command) {
    out().file = file;
    out().program = part_of(command, Table::program);
  }

  Reading run(std::optional<std::string_view> text, std::span<const cli::Given> given) {
    if (text) {
      read_file(command_, *text, result_);
    }
    for (const cli::Given& each : given) {
      if (each.option != nullptr && each.option->keyed != Keyed::nowhere) {
        apply(each);
      }
    }
    drop_initial_places();
    realize(out().program, {});
    for (std::vector<Part>* parts : {&out().sites, &out().listeners}) {
      for (Part& part : *parts) {
        inherit(part, out().program);
        realize(part, out().program.values);
      }
    }
    demand();
    gather_listeners();
    std::ranges::sort(result_.faults, {}, &Fault::place);
    return std::move(result_);
  }

 private:
  Configuration& out() noexcept { return result_.configuration; }
  void fault(Place place, std::string sentence) {
    result_.faults.push_back({place, std::move(sentence)});
  }

  // What every site and listener must have, and no two may share.
  void demand() {
    std::vector<std::pair<std::string_view, Place>> names;
    for (const Part& site : out().sites) {
      const Setting& host = *site.find("host");
      require(site, host, Table::site, "host = \"example.org\"");
      require(site, *site.find("directory"), Table::site, "directory = \"/srv/www\"");
      for (const std::string& text : site.values.hosts) {
        const auto same =
            std::ranges::find(names, text, &std::pair<std::string_view, Place>::first);
        if (same != names.end()) {
          fault(host.place, "host " + text + " is named twice: in line " +
                                std::to_string(same->second.line) + " already. Keep one of them.");
        }
        names.emplace_back(text, host.place);
      }
    }
    for (const Part& listener : out().listeners) {
      require(listener, *listener.find("address"), Table::listener, "address = \"127.0.0.1:8080\"");
    }
  }
  void require(const Part& part, const Setting& setting, Table kind, std::string_view line) {
    if (setting.from != From::file) {
      fault(part.place, "this " + std::string(header_of(kind)) + " has no " +
                            cli::key_of(setting.row->name) + ". Write " + std::string(line) + ".");
    }
  }

  // The command line goes before the file, also before what the file says of one site.
  void apply(const cli::Given& given) {
    override_in(out().program, given);
    if (given.option->keyed == Keyed::site) {
      std::ranges::for_each(out().sites, [&](Part& site) { override_in(site, given); });
    } else if (given.option->keyed == Keyed::listener) {
      std::ranges::for_each(out().listeners, [&](Part& part) { override_in(part, given); });
    } else if (given.option->name == "listen") {
      out().listeners.clear();
    }
  }
  static void override_in(Part& part, const cli::Given& given) {
    Setting* setting = setting_of(part, *given.option);
    if (setting == nullptr) {
      return;
    }
    if (setting->from != From::flag || !given.option->repeatable) {
      setting->texts.clear();
    }
    setting->texts.push_back(given.text.empty() && given.option->is_switch() ? "on" : given.text);
    setting->from = From::flag;
    setting->place = {};
  }

  // What the top says holds where the table is silent.
  static void inherit(Part& part, const Part& program) {
    for (Setting& setting : part.settings) {
      const Setting* above = program.find(setting.row->name);
      if (above != nullptr && setting.from == From::initial &&
          setting.row->keyed != Keyed::each_site) {
        setting = *above;
      }
    }
  }

  // Who names listeners or sites wants no others.
  void drop_initial_places() {
    Setting& listen = *setting_of(out().program, *cli::find_key(command_, "listen"));
    if (!out().listeners.empty() && listen.from == From::initial) {
      listen.texts.clear();
    }
    Setting& directory = *setting_of(out().program, *cli::find_key(command_, "directory"));
    if (!out().sites.empty() && directory.from == From::initial) {
      directory.texts.clear();
    }
  }

  void gather_listeners() {
    for (const cli::Endpoint& endpoint : out().program.values.listen) {
      Part listener = part_of(command_, Table::listener);
      inherit(listener, out().program);
      listener.values = out().program.values;
      listener.values.listen = {endpoint};
      out().listeners.push_back(std::move(listener));
    }
    for (std::size_t i = 0; i < out().listeners.size(); ++i) {
      demand_only_place(i);
    }
  }

  // Port 0 is another one each time.
  void demand_only_place(std::size_t index) {
    const Part& part = out().listeners[index];
    const std::vector<cli::Endpoint>& own = part.values.listen;
    if (own.empty() || (!own[0].is_unix() && own[0].port == 0)) {
      return;
    }
    const auto before = std::span(out().listeners).first(index);
    if (std::ranges::any_of(before, [&](const Part& each) { return each.values.listen == own; })) {
      const Setting* address = part.find("address");
      const bool table = address->from == From::file;
      const Place place = table ? address->place : out().program.find("listen")->place;
      if (place.line == 0) {
        return;  // by the command line: the system will tell
      }
      fault(place, (table ? "address " : "listen ") + cli::endpoint_text(own[0]) +
                       " is named twice. Keep one of them.");
    }
  }

  const cli::Command& command_;
  Reading result_;
};

}  // namespace

const Setting* Part::find(std::string_view name) const noexcept {
  const auto found = std::ranges::find_if(
      settings, [name](const Setting& setting) { return setting.row->name == name; });
  return found == settings.end() ? nullptr : &*found;
}

bool Configuration::serves_others() const noexcept {
  const Setting* directory = program.find("directory");
  return sites.empty() || (directory != nullptr && directory->from != From::initial);
}

Reading configure(const cli::Command& command, std::string_view file,
                  std::optional<std::string_view> text, std::span<const cli::Given> given) {
  return Merge(command, file).run(text, given);
}

std::string sentence_of(std::string_view file, const Fault& fault) {
  return std::string(file) + ":" + std::to_string(fault.place.line) + ":" +
         std::to_string(fault.place.column) + ": " + fault.sentence;
}

}  // namespace vigil::config
