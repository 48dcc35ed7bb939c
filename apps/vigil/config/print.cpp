// The configuration in effect as TOML, which can be read again, and as JSON.
#include <algorithm>

#include "config/configuration.hpp"
#include "site/text.hpp"

namespace vigil::config {
namespace {

std::string quoted(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\u00";
      out += kHex[byte >> 4U];
      out += kHex[byte & 15U];
    } else {
      out += c;
    }
  }
  return out + "\"";
}

bool is_number(std::string_view text) noexcept {
  return !text.empty() && text.size() <= 18 &&
         text.find_first_not_of("0123456789") == std::string_view::npos &&
         (text.size() == 1 || text[0] != '0');
}

std::string one(const cli::Option& row, std::string_view text) {
  if (row.is_switch()) {
    return text == "off" ? "false" : "true";
  }
  return is_number(text) && row.name != "listen" ? std::string(text) : quoted(text);
}

std::string origin(const Configuration& configuration, const Setting& setting) {
  switch (setting.from) {
    case From::initial:
      return "default";
    case From::file:
      return configuration.file + ":" + std::to_string(setting.place.line) + ":" +
             std::to_string(setting.place.column);
    case From::flag:
      return "command line";
    case From::environment:
      return "environment, VIGIL_ENGINE";
  }
  return {};
}

void append_part(std::string& out, const Configuration& configuration, const Part& part) {
  std::vector<std::pair<std::string, std::string>> lines;
  std::size_t width = 0;
  for (const Setting& setting : part.settings) {
    const bool unset = setting.texts.empty() || setting.texts[0].empty();
    std::string line =
        cli::key_of(setting.row->name) + " = " + toml_value(*setting.row, setting.texts);
    if (unset) {  // nothing to be written
      line = "# " + cli::key_of(setting.row->name);
    }
    width = std::max(width, std::min<std::size_t>(line.size(), 40));
    lines.emplace_back(std::move(line), unset ? "not set" : origin(configuration, setting));
  }
  for (const auto& [line, from] : lines) {
    out += line + std::string(line.size() < width ? width - line.size() : 0, ' ') + "  # " + from +
           "\n";
  }
}

std::string json_text(std::string_view text) {
  std::string out = "\"";
  site::append_json_text(out, text);
  return out + "\"";
}

std::string json_value(const Setting& setting) {
  const auto single = [&](std::string_view text) {
    return setting.row->is_switch() ? one(*setting.row, text) : json_text(text);
  };
  if (!setting.row->repeatable) {
    return setting.texts.empty() || setting.texts[0].empty() ? "null" : single(setting.texts[0]);
  }
  std::string out = "[";
  for (const std::string& text : setting.texts) {
    out += (out.size() > 1 ? ", " : "") + single(text);
  }
  return out + "]";
}

std::string json_part(const Configuration& configuration, const Part& part,
                      std::string_view indent) {
  std::string out;
  for (const Setting& setting : part.settings) {
    out += (out.empty() ? "" : ",\n") + std::string(indent) +
           json_text(cli::key_of(setting.row->name)) + ": {\"value\": " + json_value(setting) +
           ", \"from\": " + json_text(origin(configuration, setting)) + "}";
  }
  return out;
}

std::string json_parts(const Configuration& configuration, std::span<const Part> parts,
                       std::string_view name) {
  std::string out;
  for (const Part& part : parts) {
    if (part.place.line != 0) {
      out += (out.empty() ? "" : ",\n") + std::string("    {\n") +
             json_part(configuration, part, "      ") + "\n    }";
    }
  }
  return "  " + json_text(name) + ": [" + (out.empty() ? "" : "\n" + out + "\n  ") + "]";
}

}  // namespace

std::string toml_value(const cli::Option& row, std::span<const std::string> texts) {
  if (!row.repeatable) {
    return one(row, texts.empty() ? "" : texts.front());
  }
  std::string out = "[";
  for (const std::string& text : texts) {
    out += (out.size() > 1 ? ", " : "") + one(row, text);
  }
  return out + "]";
}

std::string as_toml(const Configuration& configuration) {
  std::string out;
  append_part(out, configuration, configuration.program);
  for (const Part& site : configuration.sites) {
    out += "\n[[site]]\n";
    append_part(out, configuration, site);
  }
  for (const Part& listener : configuration.listeners) {
    if (listener.place.line != 0) {
      out += "\n[[listener]]\n";
      append_part(out, configuration, listener);
    }
  }
  return out;
}

std::string as_json(const Configuration& configuration) {
  return "{\n" + json_part(configuration, configuration.program, "  ") + ",\n" +
         json_parts(configuration, configuration.sites, "site") + ",\n" +
         json_parts(configuration, configuration.listeners, "listener") + "\n}\n";
}

}  // namespace vigil::config
