// The access log.
#include "site/access_log.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <new>

#include "site/file_facts.hpp"
#include "site/text.hpp"

namespace vigil::site {
namespace {

constexpr std::size_t kMaxField = 4096;
constexpr std::string_view kHex = "0123456789abcdef";

void append_number(std::string& out, std::uint64_t value, std::size_t width = 1) {
  std::array<char, 20> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  const auto size = static_cast<std::size_t>(end - digits.data());
  out.append(width - std::min(width, size), '0');
  out.append(digits.data(), size);
}

std::string_view cut(std::string_view text) noexcept { return text.substr(0, kMaxField); }

void append_common_text(std::string& out, std::string_view text) {
  if (text.empty()) {
    out += '-';
    return;
  }
  const bool whole = text.size() <= kMaxField;
  text = cut(text);
  while (!text.empty()) {
    const std::size_t clean = plain_ascii(text);
    out += text.substr(0, clean);
    text.remove_prefix(clean);
    if (text.empty()) {
      break;
    }
    const auto first = static_cast<unsigned char>(text[0]);
    out += '\\';
    if (first == '"' || first == '\\') {
      out += text[0];
    } else {
      out += 'x';
      out += kHex[first >> 4U];
      out += kHex[first & 15U];
    }
    text.remove_prefix(1);
  }
  if (!whole) {
    out += "...";
  }
}

void append_member(std::string& out, std::string_view key, std::string_view text) {
  if (text.empty()) {
    return;
  }
  out += ",\"";
  out += key;
  out += "\":\"";
  append_json_text(out, cut(text));
  out += text.size() > kMaxField ? "...\"" : "\"";
}

void append_member(std::string& out, std::string_view key, std::uint64_t number) {
  out += ",\"";
  out += key;
  out += "\":";
  append_number(out, number);
}

// "21/Nov/2026:18:45:03 +0000"
void append_common_second(std::string& out, std::int64_t second) {
  constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";
  const std::chrono::sys_seconds point{std::chrono::seconds(second)};
  const auto day = std::chrono::floor<std::chrono::days>(point);
  const std::chrono::year_month_day date(day);
  const auto time = static_cast<std::uint64_t>((point - day).count());
  append_number(out, static_cast<unsigned>(date.day()), 2);
  out += '/';
  out += months.substr((static_cast<unsigned>(date.month()) - 1) * 3, 3);
  out += '/';
  append_number(out, static_cast<std::uint64_t>(std::max(0, static_cast<int>(date.year()))), 4);
  out += ':';
  append_number(out, time / 3600, 2);
  out += ':';
  append_number(out, time / 60 % 60, 2);
  out += ':';
  append_number(out, time % 60, 2);
  out += " +0000";
}

}  // namespace

void LogWriter::append_time(std::string& out, std::int64_t wall_ns) {
  const std::int64_t second = seconds(wall_ns);
  if (second != second_) {
    second_ = INT64_MIN;  // until its text is whole
    second_text_.clear();
    if (format_ == LogFormat::common) {
      append_common_second(second_text_, second);
    } else {
      append_instant(second_text_, second);
      second_text_.pop_back();  // the 'Z' comes after the fraction
    }
    second_ = second;
  }
  out += second_text_;
}

void LogWriter::append(std::string& out, const LogRecord& record) {
  if (format_ == LogFormat::json) {
    append_json(out, record);
  } else if (format_ == LogFormat::common) {
    append_common(out, record);
  }
}

void LogWriter::append_json(std::string& out, const LogRecord& record) {
  out += "{\"time\":\"";
  append_time(out, record.wall_ns);
  out += '.';
  const std::int64_t fraction = record.wall_ns - seconds(record.wall_ns) * 1'000'000'000;
  append_number(out, static_cast<std::uint64_t>(fraction) / 1'000'000, 3);
  out += "Z\"";
  append_member(out, "peer", record.peer);
  append_member(out, "method", record.method);
  append_member(out, "target", record.target);
  append_member(out, "version", record.version);
  append_member(out, "status", static_cast<std::uint64_t>(record.status));
  append_member(out, "bytes", record.bytes);
  append_member(out, "duration_us", record.duration_ns / 1000);
  append_member(out, "host", record.host);
  append_member(out, "referer", record.referer);
  append_member(out, "user_agent", record.user_agent);
  append_member(out, "request_id", record.request_id);
  out += record.complete ? "}\n" : ",\"complete\":false}\n";
}

void LogWriter::append_common(std::string& out, const LogRecord& record) {
  // Without the port, as the readers of this format expect.
  std::string_view peer = record.peer.substr(0, record.peer.rfind(':'));
  if (peer.starts_with('[') && peer.ends_with(']')) {
    peer = peer.substr(1, peer.size() - 2);
  }
  append_common_text(out, peer);
  out += " - - [";
  append_time(out, record.wall_ns);
  out += "] \"";
  if (record.method.empty()) {
    out += '-';
  } else {
    append_common_text(out, record.method);
    out += ' ';
    append_common_text(out, record.target);
    out += ' ';
    append_common_text(out, record.version);
  }
  out += "\" ";
  append_number(out, static_cast<std::uint64_t>(record.status), 3);
  out += ' ';
  append_number(out, record.bytes);
  out += " \"";
  append_common_text(out, record.referer);
  out += "\" \"";
  append_common_text(out, record.user_agent);
  out += "\" ";
  append_common_text(out, record.request_id);
  out += ' ';
  append_number(out, record.duration_ns / 1'000'000'000);
  out += '.';
  append_number(out, record.duration_ns / 1000 % 1'000'000, 6);
  out += record.complete ? "\n" : " incomplete\n";
}

void LogWriter::append_dropped(std::string& out, std::uint64_t lines, std::int64_t wall_ns) {
  if (format_ == LogFormat::json) {
    out += "{\"time\":\"";
    append_time(out, wall_ns);
    out += "Z\",\"dropped_lines\":";
    append_number(out, lines);
    out += "}\n";
  } else if (format_ == LogFormat::common) {
    out += "# [";
    append_time(out, wall_ns);
    out += "] ";
    append_number(out, lines);
    out += " lines dropped: they could not be written as fast as they came\n";
  }
}

LogBuffer::LogBuffer(LogFormat format, std::size_t capacity)
    : writer_(format), half_(capacity / 2) {
  filling_.reserve(half_);
  writing_.reserve(half_);
}

bool LogBuffer::append(const LogRecord& record) {
  const std::size_t before = filling_.size();
  bool kept = false;
  try {
    writer_.append(filling_, record);
    kept = filling_.size() <= half_;
  } catch (const std::bad_alloc&) {
    // no memory is no room
  }
  if (!kept) {
    // The string may have grown beyond its half by this one line; that is a line's length, once.
    filling_.resize(before);
    ++dropped_;
    ++unreported_;
    return false;
  }
  return true;
}

std::string_view LogBuffer::take(std::int64_t wall_ns) {
  if (busy_ || empty()) {
    return {};
  }
  if (unreported_ > 0) {
    writer_.append_dropped(filling_, unreported_, wall_ns);
    unreported_ = 0;
  }
  std::swap(filling_, writing_);
  busy_ = true;
  return writing_;
}

std::uint64_t LogBuffer::unwritten() const noexcept {
  return unreported_ + static_cast<std::uint64_t>(std::ranges::count(filling_, '\n')) +
         static_cast<std::uint64_t>(std::ranges::count(writing_, '\n'));
}

void LogBuffer::written(std::uint64_t lost_lines) noexcept {
  dropped_ += lost_lines;
  unreported_ += lost_lines;
  writing_.clear();
  busy_ = false;
}

}  // namespace vigil::site
