// Runs each mutant until it is caught, and says by what.
#include "mutations/mutations.hpp"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "driver/pool.hpp"
#include "driver/run.hpp"

namespace vigil::mutations {
namespace {

struct Mutation {
  std::string name;
  std::string hazard;
  std::string summary;
  std::string file;
  std::string scenarios;  // with commas
  std::string program;
  bool caught = false;
  std::uint64_t seeds = 0;
  std::string by;

  // They take turns, from seed 1 on.
  std::string scenario_of_seed() const {
    const auto count =
        static_cast<std::uint64_t>(std::count(scenarios.begin(), scenarios.end(), ',')) + 1;
    std::string_view rest = scenarios;
    for (std::uint64_t skip = (seeds - 1) % count; skip != 0; --skip) {
      rest.remove_prefix(rest.find(',') + 1);
    }
    return std::string(rest.substr(0, rest.find(',')));
  }
};

// The word before the colon and what stands behind it.
std::map<std::string, std::string> head_of(const std::filesystem::path& path) {
  std::map<std::string, std::string> head;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line) && !line.starts_with("---");) {
    if (const std::size_t colon = line.find(": "); colon != std::string::npos) {
      head[line.substr(0, colon)] = line.substr(colon + 2);
    }
  }
  return head;
}

std::vector<Mutation> find_all(const std::filesystem::path& folder) {
  std::vector<Mutation> found;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(folder, none)) {
    if (entry.path().extension() != ".mut") {
      continue;
    }
    auto head = head_of(entry.path());
    Mutation mutation;
    mutation.name = entry.path().stem();
    mutation.hazard = head["hazard"];
    mutation.summary = head["summary"];
    mutation.file = head["file"];
    mutation.scenarios = head["scenarios"];
    std::replace(mutation.scenarios.begin(), mutation.scenarios.end(), ' ', ',');
    mutation.program = folder / mutation.name;
    found.push_back(std::move(mutation));
  }
  std::sort(found.begin(), found.end(), [](const Mutation& a, const Mutation& b) {
    const auto number = [](const Mutation& of) {
      return std::strtoul(of.hazard.c_str(), nullptr, 10);
    };
    return number(a) != number(b) ? number(a) < number(b) : a.name < b.name;
  });
  return found;
}

std::string short_report(std::string text) {
  constexpr std::size_t kLongest = 140;
  for (char& c : text) {
    c = c == '\n' || c == '|' ? ' ' : c;
  }
  return text.size() <= kLongest ? text : text.substr(0, kLongest) + "...";
}

std::uint64_t median(const std::vector<Mutation>& all) {
  std::vector<std::uint64_t> seeds;
  for (const Mutation& each : all) {
    if (each.caught) {
      seeds.push_back(each.seeds);
    }
  }
  if (seeds.empty()) {
    return 0;
  }
  std::sort(seeds.begin(), seeds.end());
  return seeds[seeds.size() / 2];
}

void print_line(const Mutation& each) {
  if (each.caught) {
    std::printf("%-24s caught after %" PRIu64 " seed%s: %s\n", each.name.c_str(), each.seeds,
                each.seeds == 1 ? "" : "s", short_report(each.by).c_str());
  } else {
    std::printf("%-24s SURVIVED %" PRIu64 " seeds %s\n", each.name.c_str(), each.seeds,
                short_report(each.by).c_str());
  }
  std::fflush(stdout);
}

void print_markdown(const std::vector<Mutation>& all) {
  std::printf(
      "| hazard | planted fault | in | seeds | what the report said |\n|---|---|---|---|---|\n");
  for (const Mutation& each : all) {
    std::printf("| %s | `%s`: %s | `%s` | %s | %s |\n", each.hazard.c_str(), each.name.c_str(),
                each.summary.c_str(), each.file.c_str(),
                each.caught ? std::to_string(each.seeds).c_str() : "**survived**",
                short_report(each.by).c_str());
  }
  std::printf("\nMedian: %" PRIu64 " seeds.\n", median(all));
}

void print_json(const std::vector<Mutation>& all) {
  std::printf("{\"median_seeds\": %" PRIu64 ", \"mutations\": [", median(all));
  for (std::size_t i = 0; i < all.size(); ++i) {
    std::printf("%s{\"name\": %s, \"hazard\": %s, \"caught\": %s, \"seeds\": %" PRIu64
                ", \"report\": %s}",
                i == 0 ? "" : ", ", driver::quoted(all[i].name).c_str(),
                driver::quoted(all[i].hazard).c_str(), all[i].caught ? "true" : "false",
                all[i].seeds, driver::quoted(all[i].by).c_str());
  }
  std::printf("]}\n");
}

// The program without the fault must pass where the one with it failed: else nothing was caught.
void check_without(std::vector<Mutation>& all, std::uint64_t jobs) {
  std::vector<Mutation*> asked;
  driver::Pool pool(driver::own_path(),
                    {.done = [](const driver::Record&) {},
                     .failed =
                         [&](const driver::WorkerFailure& failure) {
                           for (Mutation* each : asked) {
                             if (each->seeds == failure.seed &&
                                 each->scenario_of_seed() == failure.job.scenario) {
                               each->caught = false;
                               each->by = "the program fails without it, too: " + failure.what;
                             }
                           }
                         },
                     .mark = {},
                     .tick = {}});
  for (Mutation& each : all) {
    if (each.caught) {
      asked.push_back(&each);
      pool.add({.scenario = each.scenario_of_seed(), .first = each.seeds, .shrink_seconds = 0});
    }
  }
  pool.run(jobs);
}

}  // namespace

int run(const driver::Settings& settings) {
  const std::filesystem::path folder =
      std::filesystem::path(driver::own_path()).parent_path().parent_path() / "mutants";
  std::vector<Mutation> all = find_all(folder);
  if (all.empty()) {
    std::fprintf(stderr,
                 "vigil-sim mutations: there are no mutants in %s. Build them: cmake --build %s "
                 "--target mutants.\n",
                 folder.c_str(), folder.parent_path().c_str());
    return 2;
  }
  if (!settings.scenario.empty()) {
    std::vector<std::string_view> names;
    for (const Mutation& each : all) {
      names.push_back(each.name);
    }
    if (std::find(names.begin(), names.end(), settings.scenario) == names.end()) {
      std::fprintf(
          stderr, "vigil-sim mutations: there is no mutation '%s'. %s\n", settings.scenario.c_str(),
          driver::nearest_sentence(names, settings.scenario, "", "They are in tests/mutations.")
              .c_str());
      return 2;
    }
    std::erase_if(all, [&](const Mutation& each) { return each.name != settings.scenario; });
  }
  const bool lines = !settings.json && !settings.markdown;
  const std::uint64_t seeds = settings.seeds != 0 ? settings.seeds : 1000;
  const auto of = [&all](const driver::Job& job) -> Mutation& {
    return *std::find_if(all.begin(), all.end(),
                         [&job](const Mutation& each) { return each.program == job.program; });
  };
  driver::Pool pool(driver::own_path(), {.done = [](const driver::Record&) {},
                                         .failed =
                                             [&](const driver::WorkerFailure& failure) {
                                               Mutation& mutation = of(failure.job);
                                               mutation.caught = true;
                                               mutation.seeds = failure.seed;
                                               mutation.by = failure.what;
                                               if (lines) {
                                                 print_line(mutation);
                                               }
                                             },
                                         .mark = {},
                                         .tick = {}});
  pool.patience = std::chrono::seconds(30);
  for (Mutation& mutation : all) {
    mutation.seeds = seeds;
    pool.add({.program = mutation.program,
              .scenario = mutation.scenarios,
              .count = seeds,
              .shrink_seconds = 0,
              .first_only = true});
  }
  pool.run(driver::jobs_or_all(settings.jobs));
  check_without(all, driver::jobs_or_all(settings.jobs));
  const auto survived =
      std::count_if(all.begin(), all.end(), [](const Mutation& each) { return !each.caught; });
  if (settings.markdown) {
    print_markdown(all);
  } else if (settings.json) {
    print_json(all);
  } else {
    for (const Mutation& each : all) {
      if (!each.caught) {
        print_line(each);
      }
    }
    std::printf("%zu planted, %zu caught, median %" PRIu64 " seeds%s\n", all.size(),
                all.size() - static_cast<std::size_t>(survived), median(all),
                pool.interrupted() ? "; interrupted" : "");
  }
  return survived == 0 ? 0 : 1;
}

}  // namespace vigil::mutations
