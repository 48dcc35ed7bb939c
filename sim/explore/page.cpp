// A run as a page: a lane a host, time from left to right. The page carries its data and its code,
// and asks nobody for anything.
#include <algorithm>
#include <map>

#include "explore/page_parts.hpp"
#include "vigil/sim/explore.hpp"
#include "world/core.hpp"

namespace vigil::sim {
namespace {

constexpr std::size_t kNotes = 100'000;  // in a page; the text has them all

// A string of JSON that may stand inside a <script>: no "</" and no "<!--" can come of it.
std::string quoted(std::string_view text) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string json = "\"";
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (code < 0x20 || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&') {
      json.append("\\u00");
      json.push_back(kDigits[code >> 4]);
      json.push_back(kDigits[code & 15]);
    } else {
      json.push_back(c);
    }
  }
  return json + "\"";
}

std::string escaped(std::string_view text) {
  std::string html;
  for (const char c : text) {
    switch (c) {
      case '<':
        html.append("&lt;");
        break;
      case '>':
        html.append("&gt;");
        break;
      case '&':
        html.append("&amp;");
        break;
      case '"':
        html.append("&quot;");
        break;
      default:
        html.push_back(c);
    }
  }
  return html;
}

// "[a,b,c]" of what `one` says of each.
template <class Range, class One>
std::string list(const Range& range, One one) {
  std::string json = "[";
  for (const auto& each : range) {
    json.append(json.size() == 1 ? "" : ",").append(one(each));
  }
  return json + "]";
}

std::string microseconds(Nanos at) { return std::to_string(at.count() / 1000); }

// Numbers for the words, which repeat.
class WordList {
 public:
  std::string number(std::string_view word) {
    const auto [place, made] = numbers_.try_emplace(word, words_.size());
    if (made) {
      words_.push_back(word);
    }
    return std::to_string(place->second);
  }
  std::string json() const { return list(words_, quoted); }

 private:
  std::map<std::string_view, std::size_t> numbers_;
  std::vector<std::string_view> words_;
};

std::string data(WorldCore& core) {
  std::vector<std::string> names;
  std::vector<std::string> programs;
  for (const auto& host : core.hosts()) {
    names.push_back(host->name);
    for (const auto& program : host->programs) {
      programs.resize(std::max<std::size_t>(programs.size(), program->index + 1));
      programs[program->index] = program->name;
    }
  }
  const std::span<const Trace::Note> all = core.trace().all();
  const std::span<const Trace::Note> notes = all.last(std::min(all.size(), kNotes));
  WordList words;
  const std::string events = list(notes, [&](const Trace::Note& note) {
    return "[" + microseconds(note.at) + "," + std::to_string(note.host) + "," +
           words.number(note.what) + "," + quoted(numbers_text(note)) + "," +
           (note.program == Trace::kNobody ? "-1" : std::to_string(note.program)) + "]";
  });
  const std::string faults = list(core.weather().struck(), [&](const Strike& strike) {
    return "[" + microseconds(strike.at) + "," + std::to_string(strike.host) + "," +
           words.number(describe(strike.fault).name) + "," + std::to_string(strike.draw) + "]";
  });
  std::string json = "{\"hosts\":" + list(names, quoted) +
                     ",\"programs\":" + list(programs, quoted) + ",\"notes\":" + events +
                     ",\"faults\":" + faults + ",\"words\":" + words.json() +
                     ",\"left_out\":" + std::to_string(all.size() - notes.size()) +
                     ",\"end\":" + microseconds(core.now());
  if (core.failure()) {
    json.append(",\"failure\":{\"at\":" + microseconds(core.failure()->at) +
                ",\"what\":" + quoted(core.failure()->what) + "}");
  }
  return json + "}";
}

}  // namespace

std::string trace_page(World& world, std::string_view title) {
  std::string page(kPageHead);
  page.append("<title>").append(escaped(title)).append("</title></head><body><h1>");
  page.append(escaped(title)).append("</h1>").append(kPageBody);
  page.append("<script type=\"application/json\" id=\"run\">").append(data(world.core()));
  page.append("</script><script>").append(kPageScript).append("</script></body></html>\n");
  return page;
}

}  // namespace vigil::sim
