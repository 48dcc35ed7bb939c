// The run: histories one after the other, and the report.
#include "differential/differential.hpp"

#include <sys/utsname.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <map>
#include <vector>

#include "differential/compare.hpp"
#include "differential/text.hpp"
#include "kernel/random.hpp"

namespace vigil::differential {
namespace {

struct Report {
  std::string system;
  std::uint64_t seed = 0;
  std::uint64_t operations = 0;
  std::uint64_t histories = 0;
  std::array<std::uint64_t, kThemes> of_theme{};
  std::map<std::string_view, std::uint64_t> accepted;  // histories, by the name of the row
  std::uint64_t late = 0;
  std::vector<std::string> failures;
  double seconds = 0;
};

std::string this_system() {
  utsname names{};
  return ::uname(&names) == 0 ? std::string(names.sysname) + " " + names.release : "this kernel";
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
    }
  }
  return out + "\"";
}

std::string as_json(const Report& report) {
  std::string themes;
  for (std::size_t theme = 0; theme < kThemes; ++theme) {
    themes += fill("{}\"{}\":{}", {theme == 0 ? "" : ",", name_of(static_cast<Theme>(theme)),
                                   report.of_theme[theme]});
  }
  std::string accepted;
  for (const auto& [name, count] : report.accepted) {
    accepted += fill("{}\"{}\":{}", {accepted.empty() ? "" : ",", name, count});
  }
  std::string failures;
  for (const std::string& failure : report.failures) {
    failures += (failures.empty() ? "" : ",") + quoted(failure);
  }
  return fill(
      "{\"system\":{},\"seed\":{},\"operations\":{},\"histories\":{},\"seconds\":{},\"late\":{},"
      "\"themes\":{{}},\"accepted\":{{}},\"unexplained\":{},\"failures\":[{}]}\n",
      {quoted(report.system), report.seed, report.operations, report.histories,
       one_decimal(report.seconds), report.late, themes, accepted, report.failures.size(),
       failures});
}

std::string as_text(const Report& report) {
  std::string text;
  for (const std::string& failure : report.failures) {
    text += fill("The model and {} differ:\n{}\n", {report.system, failure});
  }
  text += fill("{} operations in {} histories, against {}, seed {}: {} s\n",
               {report.operations, report.histories, report.system, report.seed,
                one_decimal(report.seconds)});
  for (std::size_t theme = 0; theme < kThemes; ++theme) {
    text += fill("  {} of {}\n", {report.of_theme[theme], name_of(static_cast<Theme>(theme))});
  }
  for (const auto& [name, count] : report.accepted) {
    text += fill("{} histories ended at the accepted difference {}\n", {count, name});
  }
  if (report.late != 0) {
    text += fill(
        "{} histories agreed only when waiting after every step: this machine's network "
        "was late\n",
        {report.late});
  }
  return text + fill("{} unexplained differences\n", {report.failures.size()});
}

}  // namespace

int differential(const DifferentialOptions& options) {
  std::string error;
  const std::unique_ptr<LinuxSide> real = make_linux(error);
  if (!real) {
    std::fprintf(stderr, "vigil-sim differential: %s\n", error.c_str());
    return 1;
  }
  const std::unique_ptr<Side> model = make_model();
  Comparison comparison(*model, *real);
  sim::Random seeds(options.seed, "histories");
  Report report;
  report.system = this_system();
  report.seed = options.seed;
  const auto began = std::chrono::steady_clock::now();
  while (report.operations < options.operations && report.failures.size() < options.most_failures &&
         !(options.stop && options.stop())) {
    const Theme theme = options.theme.value_or(static_cast<Theme>(report.histories % kThemes));
    History history = generate(seeds.next(), theme);
    const Verdict verdict = comparison.run(history);
    report.operations += verdict.operations;
    report.of_theme[static_cast<std::size_t>(theme)] += verdict.operations;
    ++report.histories;
    if (verdict.accepted != nullptr) {
      ++report.accepted[verdict.accepted->name];
    }
    if (verdict.differs_at && comparison.stays(history)) {
      report.failures.push_back(comparison.print(history));
    }
    if (options.progress && report.histories % 1000 == 0) {
      options.progress(report.operations);
    }
  }
  report.late = comparison.late();
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  const std::string text = options.json ? as_json(report) : as_text(report);
  std::fputs(text.c_str(), stdout);
  return std::fflush(stdout) == 0 && report.failures.empty() ? 0 : 1;
}

}  // namespace vigil::differential
