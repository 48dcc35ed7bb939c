// Expositions by families, JSON by objects, text one after the other.
#include "admin/merge.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>

#include "admin/explain.hpp"
#include "admin/json.hpp"

namespace vigil::app {
namespace {

using Json = nlohmann::ordered_json;

std::string dumped(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string name_of(const FromProcess& process) {
  return "process " + std::to_string(process.number) +
         (process.id != 0 ? " (" + std::to_string(process.id) + ")" : std::string());
}

// ---- Metrics. ----

struct Family {
  std::string name;
  std::string head;  // its lines
  std::string samples;
};

void add_sample(std::string& out, std::string_view line, std::string_view label) {
  const std::size_t end = line.find_first_of("{ ");
  out.append(line.substr(0, end)).append("{process=\"").append(label).append("\"");
  if (end != std::string_view::npos && line[end] == '{') {
    out.append(",").append(line.substr(end + 1));
  } else {
    out.append("}").append(line.substr(std::min(end, line.size())));
  }
  out += '\n';
}

// The families of `text` are in an order that is the same for all; one that is new comes last.
void add_exposition(std::vector<Family>& families, std::string_view text, std::string_view label) {
  constexpr std::string_view kType = "# TYPE ";
  Family* into = nullptr;
  bool first = false;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.starts_with(kType)) {
      const std::string_view rest = line.substr(kType.size());
      const std::string_view name = rest.substr(0, rest.find(' '));
      const auto found = std::ranges::find(families, name, &Family::name);
      first = found == families.end();
      into = first ? &families.emplace_back(Family{std::string(name), {}, {}}) : &*found;
    }
    if (into == nullptr || line.empty() || line == "# EOF") {
      continue;
    }
    if (line.front() != '#') {
      add_sample(into->samples, line, label);
    } else if (first) {
      into->head.append(line).append("\n");
    }
  }
}

constexpr std::array kParentFamilies{
    ParentFamily{"vigil_process_up", false, "1 if the process serves and answered in time.",
                 [](const FromProcess& of) { return std::uint64_t{of.answered}; }},
    ParentFamily{"vigil_process_restarts", true,
                 "Times that the process was started again because it had died.",
                 [](const FromProcess& of) { return of.restarts; }}};

// ---- JSON. ----

Json read(const FromProcess& process) {
  return process.answered ? Json::parse(process.text, nullptr, false)
                          : Json(Json::value_t::discarded);
}

void add_listener(Json& listeners, const Json& one) {
  const auto found = std::ranges::find_if(
      listeners, [&](const Json& each) { return each.at("at") == one.at("at"); });
  if (found == listeners.end()) {
    listeners.push_back(one);
    return;
  }
  for (const Json& shard : one.at("shards")) {
    (*found)["shards"].push_back(shard);
  }
  std::vector<AcceptFigures> figures;
  for (const Json& shard : found->at("shards")) {
    figures.push_back({.accepted = shard.at("accepted").get<std::uint64_t>()});
  }
  const auto skewed = skew(figures);
  (*found)["skew"] = skewed ? Json(*skewed) : Json();
}

bool is_status(const Json& said) {
  return said.is_object() && said.contains("process") && said.contains("shards") &&
         said.contains("stalls") && said.contains("listeners") && said.contains("engine");
}

void add_process(Json& all, const FromProcess& process, const Json& said) {
  Json one{{"number", process.number},
           {"id", process.id},
           {"serves", is_status(said)},
           {"restarts", process.restarts}};
  if (is_status(said)) {
    for (const auto& [key, value] : said.at("process").items()) {
      one[key] = value;
      if (key != "id") {
        Json& sum = all["process"][key];
        sum = value.is_number_float() ? Json(sum.get<double>() + value.get<double>())
                                      : Json(sum.get<std::uint64_t>() + value.get<std::uint64_t>());
      }
    }
    for (const char* list : {"shards", "stalls"}) {
      for (Json each : said.at(list)) {
        each["process"] = process.number;
        all[list].push_back(std::move(each));
      }
    }
    for (const Json& listener : said.at("listeners")) {
      add_listener(all["listeners"], listener);
    }
    all["engine"] = said.at("engine");
  } else {
    one["error"] = process.text;
  }
  all["processes"].push_back(std::move(one));
}

}  // namespace

std::span<const ParentFamily> parent_families() noexcept { return kParentFamilies; }

std::string merged_metrics(std::span<const FromProcess> all, const std::string& own) {
  std::vector<Family> families;
  for (const FromProcess& process : all) {
    if (process.answered) {
      add_exposition(families, process.text, std::to_string(process.number));
    }
  }
  add_exposition(families, own, "parent");
  std::string out;
  for (const Family& family : families) {
    out.append(family.head).append(family.samples);
  }
  for (const ParentFamily& family : kParentFamilies) {
    out.append("# TYPE ").append(family.name).append(family.counts ? " counter\n" : " gauge\n");
    out.append("# HELP ").append(family.name).append(" ").append(family.help).append("\n");
    for (const FromProcess& process : all) {
      out.append(family.name).append(family.counts ? "_total{process=\"" : "{process=\"");
      out.append(std::to_string(process.number)).append("\"} ");
      out.append(std::to_string(family.of(process))).append("\n");
    }
  }
  return out += "# EOF\n";
}

std::string merged_status(std::span<const FromProcess> all, const Snapshot& own) {
  Json merged = Json::parse(as_json(own));
  merged["processes"] = Json::array();
  for (const FromProcess& process : all) {
    const Json said = read(process);
    add_process(merged, process, said);
  }
  return dumped(merged);
}

std::string merged_dump(std::span<const FromProcess> all) {
  std::string out;
  for (const FromProcess& process : all) {
    out +=
        name_of(process) + (process.answered ? ":\n" + process.text : " " + process.text + ".\n");
  }
  return out;
}

namespace {

// Who looked and has no such connection says so in these words; other refusals say more.
bool has_none(const FromProcess& process) {
  return process.text.find(kNoConnection) != std::string::npos;
}

}  // namespace

std::string merged_explanation(std::span<const FromProcess> all, std::span<const unsigned> status,
                               bool json, unsigned* answer) {
  const FromProcess* best = nullptr;
  std::string silent;
  for (std::size_t i = 0; i != all.size(); ++i) {
    const FromProcess& process = all[i];
    if (!process.answered) {
      silent += " " + name_of(process) + " " + process.text + ".";
    } else if (status[i] == 200) {
      *answer = 200;
      return json ? process.text : name_of(process) + "\n" + process.text;
    } else if (best == nullptr || has_none(*best)) {
      best = &process;
      *answer = status[i];
    }
  }
  if (best != nullptr && (silent.empty() || !has_none(*best))) {
    return best->text;
  }
  const std::string why =
      (best != nullptr ? std::string(kNoConnection) : "nobody answers.") + silent;
  return json ? dumped({{"error", why}, {"peers", Json::array()}}) + "\n" : why + "\n";
}

std::string merged_dump_json(std::span<const FromProcess> all) {
  Json merged = Json::array();
  for (const FromProcess& process : all) {
    const Json said = read(process);
    if (!said.is_array()) {
      merged.push_back({{"process", process.number}, {"error", process.text}});
      continue;
    }
    for (Json loop : said) {
      loop["process"] = process.number;
      merged.push_back(std::move(loop));
    }
  }
  return dumped(merged);
}

}  // namespace vigil::app
