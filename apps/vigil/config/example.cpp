// The example: every key with its default and its meaning, all commented out, from the table.
#include "config/configuration.hpp"

namespace vigil::config {
namespace {

// `text` as comment lines.
void append_comment(std::string& out, std::string_view text) {
  constexpr std::size_t kColumns = 98;
  std::string line = "##";
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    if (line.size() + 1 + end > kColumns) {
      out += line + "\n";
      line = "##";
    }
    line += " " + std::string(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  out += line + "\n";
}

void append_key(std::string& out, const cli::Option& row, std::string_view sample) {
  std::string meaning(row.help);
  if (!row.answers.empty()) {
    meaning += "; past it: " + std::string(row.answers);
  }
  if (!row.value.empty()) {
    meaning += " (" + std::string(row.value) + ")";
  }
  append_comment(out, meaning + (row.fixed ? ". Takes a restart" : "") + ".");
  const std::string text(row.initial.empty() ? sample : row.initial);
  out += "# " + cli::key_of(row.name) + " = " + toml_value(row, std::span(&text, 1)) + "\n\n";
}

std::string_view sample_of(std::string_view name) noexcept {
  return name == "host"        ? "example.org"
         : name == "directory" ? "/srv/example"
         : name == "address"   ? "0.0.0.0:80"
         : name == "user"      ? "www-data"
                               : "";
}

}  // namespace

std::string example(const cli::Command& command) {
  using cli::Keyed;
  std::string out =
      "## Configuration of vigil serve: every key, commented out, at its default.\n"
      "## Check it with `vigil check FILE`, serve with `vigil serve --config FILE`; a running "
      "server\n"
      "## reads it again on SIGHUP. Sizes: 4096, \"32K\", \"1M\"; times: \"500ms\", \"30s\", "
      "\"2m\".\n\n";
  const auto append_where = [&](const cli::Option& row) {
    append_key(out, row, sample_of(row.name));
  };
  for (const cli::Option& row : command.keys) {
    if (row.keyed == Keyed::each_site) {
      append_where(row);
    }
  }
  std::string_view group;
  for (const cli::Option& row : command.options) {
    if (row.keyed == Keyed::nowhere) {
      continue;
    }
    if (row.group != group) {
      group = row.group;
      out += "#### " + std::string(group) + "\n\n";
    }
    append_where(row);
  }
  out += "#### Sites: a table for each, chosen by the name that a client asks for\n\n# [[site]]\n";
  std::string inherited;
  const auto append_table = [&](Keyed own, Keyed also, Keyed above) {
    std::string shared;
    for (const std::span<const cli::Option> rows : {command.keys, command.options}) {
      for (const cli::Option& row : rows) {
        if (row.keyed == own || row.keyed == also) {
          append_comment(out, std::string(row.help) + ".");
          const std::string text(sample_of(row.name));
          out += "# " + cli::key_of(row.name) + " = \"" + text + "\"\n";
        } else if (row.keyed == above) {
          shared += (shared.empty() ? "" : ", ") + cli::key_of(row.name);
        }
      }
    }
    append_comment(out, "It can have its own " + shared + ".");
  };
  append_table(Keyed::site_only, Keyed::each_site, Keyed::site);
  out += "\n#### Listeners: a table for each that differs from the others\n\n# [[listener]]\n";
  append_table(Keyed::listener_only, Keyed::listener_only, Keyed::listener);
  return out;
}

}  // namespace vigil::config
