// Records as lines.
#include "driver/record.hpp"

#include <charconv>
#include <initializer_list>

namespace vigil::driver {
namespace {

bool number(std::string_view& text, std::uint64_t& into) {
  while (text.starts_with(' ')) {
    text.remove_prefix(1);
  }
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), into);
  if (fault != std::errc{}) {
    return false;
  }
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

}  // namespace

std::string written(const Record& record) {
  std::string line = "@done";
  for (const std::uint64_t value : {record.seed, record.trace_hash, record.steps, record.simulated,
                                    record.requests, record.answered}) {
    line += ' ' + std::to_string(value);
  }
  for (const std::uint64_t strikes : record.strikes) {
    line += ' ' + std::to_string(strikes);
  }
  return line + '\n';
}

std::optional<Record> read_record(std::string_view line) {
  if (!line.starts_with("@done ")) {
    return std::nullopt;
  }
  line.remove_prefix(6);
  Record record;
  for (std::uint64_t* into : {&record.seed, &record.trace_hash, &record.steps, &record.simulated,
                              &record.requests, &record.answered}) {
    if (!number(line, *into)) {
      return std::nullopt;
    }
  }
  for (std::uint64_t& strikes : record.strikes) {
    if (!number(line, strikes)) {
      return std::nullopt;
    }
  }
  return record;
}

std::optional<Mark> read_mark(std::string_view line) {
  if (!line.starts_with('@')) {
    return std::nullopt;
  }
  line.remove_prefix(1);
  Mark mark;
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos) {
    return std::nullopt;
  }
  mark.word = line.substr(0, space);
  line.remove_prefix(space);
  if (!number(line, mark.number)) {
    return std::nullopt;
  }
  if (line.starts_with(' ')) {
    line.remove_prefix(1);
  }
  mark.rest = line;
  return mark;
}

}  // namespace vigil::driver
