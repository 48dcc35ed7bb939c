// From the tables of a file to settings, each checked where it stands.
#include <algorithm>

#include "cli/nearest.hpp"
#include "config/parts.hpp"

namespace vigil::config {

using cli::Keyed;

bool admits(Table table, Keyed keyed) noexcept {
  switch (table) {
    case Table::program:
      return keyed == Keyed::program || keyed == Keyed::site || keyed == Keyed::each_site ||
             keyed == Keyed::listener;
    case Table::site:
      return keyed == Keyed::site || keyed == Keyed::each_site || keyed == Keyed::site_only;
    case Table::listener:
      return keyed == Keyed::listener || keyed == Keyed::listener_only;
  }
  return false;
}

std::string_view header_of(Table table) noexcept {
  return table == Table::site ? "[[site]]" : "[[listener]]";
}

// The rows of a table at their initial values.
Part part_of(const cli::Command& command, Table table) {
  Part part;
  for (const std::span<const cli::Option> rows : {command.keys, command.options}) {
    for (const cli::Option& row : rows) {
      if (admits(table, row.keyed)) {
        Setting& setting = part.settings.emplace_back();
        setting.row = &row;
        const bool own = table == Table::site && row.keyed == Keyed::each_site;
        if (!own && (!row.initial.empty() || !row.repeatable)) {
          setting.texts.emplace_back(row.initial);
        }
      }
    }
  }
  return part;
}

Setting* setting_of(Part& part, const cli::Option& row) noexcept {
  const auto found = std::ranges::find(part.settings, &row, &Setting::row);
  return found == part.settings.end() ? nullptr : &*found;
}

namespace {

std::string written_key(std::string_view name) { return cli::key_of(name); }

class TableReader {
 public:
  TableReader(const cli::Command& command, Reading& into) : command_(command), into_(into) {}

  void read_table(const Value& table, Part& part, Table kind) {
    part.place = kind == Table::program ? Place{} : table.place;
    for (const Entry& entry : table.entries) {
      if (kind == Table::program && (entry.key == "site" || entry.key == "listener")) {
        read_parts(entry, entry.key == "site" ? Table::site : Table::listener);
        continue;
      }
      const cli::Option* row = cli::find_key(command_, entry.key);
      const cli::Former* former = cli::find_former(command_, cli::name_of(entry.key));
      if (row == nullptr && former != nullptr) {
        into_.warnings.push_back({entry.place, cli::former_sentence(*former, &written_key)});
        row = cli::find_key(command_, cli::key_of(former->now));
        if (row == nullptr) {
          continue;
        }
      }
      if (row == nullptr || !admits(kind, row->keyed)) {
        fault(entry.place, row == nullptr ? unknown(entry, kind) : misplaced(*row, kind));
        continue;
      }
      Setting& setting = *setting_of(part, *row);
      if (setting.from == From::file) {  // by its former name as well
        fault(entry.place, entry.key + " is given by another name as well. Keep one of them.");
        continue;
      }
      setting.from = From::file;
      setting.place = entry.place;
      setting.texts = texts_of(*row, entry);
    }
  }

 private:
  void fault(Place place, std::string sentence) {
    into_.faults.push_back({place, std::move(sentence)});
  }

  void read_parts(const Entry& entry, Table kind) {
    const std::string header(header_of(kind));
    if (entry.value.kind == Kind::table) {
      fault(entry.place, "there can be several: write " + header + ", with two brackets.");
      return;
    }
    if (entry.value.kind != Kind::list) {
      fault(entry.place, entry.key + " is a table: write " + header + ", and its keys below it.");
      return;
    }
    for (const Value& item : entry.value.items) {
      if (item.kind != Kind::table) {
        fault(item.place, entry.key + " is a table: write " + header + ", and its keys below it.");
        continue;
      }
      auto& parts = kind == Table::site ? into_.configuration.sites : into_.configuration.listeners;
      read_table(item, parts.emplace_back(part_of(command_, kind)), kind);
    }
  }

  std::string unknown(const Entry& entry, Table kind) const {
    if (entry.value.kind == Kind::table) {
      return "there is no table [" + cli::shown(entry.key) +
             "]: the keys of all limits stand at the top; tables are [[site]] and [[listener]].";
    }
    std::vector<std::string> keys;
    for (const std::span<const cli::Option> rows : {command_.keys, command_.options}) {
      for (const cli::Option& row : rows) {
        if (admits(kind, row.keyed)) {
          keys.push_back(cli::key_of(row.name));
        }
      }
    }
    if (kind == Table::program) {
      keys.insert(keys.end(), {"site", "listener"});
    }
    const std::vector<std::string_view> names(keys.begin(), keys.end());
    const std::string_view meant = cli::nearest(names, entry.key);
    return "unknown key " + cli::shown(entry.key) + ". " +
           (meant.empty() ? "See vigil serve --help, or docs/configuration.md."
                          : "Did you mean " + std::string(meant) + "?");
  }

  static std::string misplaced(const cli::Option& row, Table kind) {
    const std::string key = cli::key_of(row.name);
    if (kind == Table::program) {
      return key + " stands in " +
             std::string(header_of(row.keyed == Keyed::site_only ? Table::site : Table::listener)) +
             ": move it there.";
    }
    if (row.keyed == Keyed::site_only || row.keyed == Keyed::each_site) {
      return key + " belongs to a site: move it to [[site]].";
    }
    if (row.keyed == Keyed::listener_only) {
      return key + " belongs to a listener: move it to [[listener]].";
    }
    return key + " holds for all: move it to the top, above the first [[site]] or [[listener]].";
  }

  // What the command line would say; what is wrong is told, and left out.
  std::vector<std::string> texts_of(const cli::Option& row, const Entry& entry) {
    std::vector<std::string> texts;
    if (entry.value.kind == Kind::list && row.repeatable) {
      if (entry.value.items.empty()) {
        fault(entry.value.place, entry.key + " is an empty list. Leave it out, or name some.");
      }
      for (const Value& item : entry.value.items) {
        take(row, entry, item, texts);
      }
    } else {
      take(row, entry, entry.value, texts);
    }
    return texts;
  }

  void take(const cli::Option& row, const Entry& entry, const Value& value,
            std::vector<std::string>& into) {
    std::string text = value.text;
    bool fits = value.kind == Kind::text || (value.kind == Kind::number && !row.is_switch());
    if (value.kind == Kind::truth && row.is_switch()) {
      fits = true;
      text = value.text == "true" ? "on" : "off";
    }
    if (!fits || (row.is_switch() && text.empty())) {
      const std::string expected = row.is_switch() ? "true or false" : std::string(row.value);
      fault(value.place, entry.key + " has to be " + expected + ", and not " +
                             std::string(name_of(value.kind)) + ". " + advice(row));
      return;
    }
    cli::Settings scratch;
    if (const auto wrong = row.store(scratch, text)) {
      fault(value.place, entry.key + " " + cli::shown(text) + " " + *wrong);
      return;
    }
    into.push_back(std::move(text));
  }

  static std::string advice(const cli::Option& row) {
    const std::string key = cli::key_of(row.name);
    if (row.is_switch()) {
      return "Write " + key + " = true.";
    }
    if (row.initial.empty()) {
      return "Write " + key + " = \"...\".";
    }
    const std::string text(row.initial);
    return "Write it as " + key + " = " + toml_value(row, std::span(&text, 1)) + ".";
  }

  const cli::Command& command_;
  Reading& into_;
};

}  // namespace

void read_file(const cli::Command& command, std::string_view text, Reading& into) {
  const auto tree = parse_toml(text);
  if (!tree) {
    into.faults.push_back(tree.error());
    return;
  }
  TableReader(command, into).read_table(*tree, into.configuration.program, Table::program);
}

}  // namespace vigil::config
