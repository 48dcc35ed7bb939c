// Servers as lines on a screen.
#include "admin/table.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace vigil::app {
namespace {

// Columns as wide as what is in them; all but the first `left` stand at the right.
class Columns {
 public:
  explicit Columns(std::vector<std::string> heads, std::size_t left) : left_(left) {
    add(std::move(heads));
  }
  void add(std::vector<std::string> cells) {
    widths_.resize(std::max(widths_.size(), cells.size()));
    for (std::size_t i = 0; i != cells.size(); ++i) {
      widths_[i] = std::max(widths_[i], cells[i].size());
    }
    rows_.push_back(std::move(cells));
  }
  std::string text(const cli::Screen& screen) const {
    std::string out;
    for (const std::vector<std::string>& row : rows_) {
      const bool head = screen.colour && &row == &rows_.front();
      out += head ? "\x1b[1m" : "";
      std::string line;
      for (std::size_t i = 0; i != row.size(); ++i) {
        const std::string gap(widths_[i] - row[i].size(), ' ');
        line += (i == 0 ? "" : "  ") + (i < left_ ? row[i] + gap : gap + row[i]);
      }
      line.erase(line.find_last_not_of(' ') + 1);
      out += line + (head ? "\x1b[0m\n" : "\n");
    }
    return out;
  }

 private:
  std::size_t left_;
  std::vector<std::size_t> widths_;
  std::vector<std::vector<std::string>> rows_;
};

std::string decimal(double value, const char* unit = "") {
  std::array<char, 32> room{};
  const int size =
      std::snprintf(room.data(), room.size(), value < 10 ? "%.1f%s" : "%.0f%s", value, unit);
  return {room.data(), static_cast<std::size_t>(size)};
}

std::string mebibytes(std::uint64_t bytes) {
  return decimal(static_cast<double>(bytes) / 1048576, " MiB");
}

std::string up_for(Nanos span) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(span).count();
  if (seconds < 60) {
    return std::to_string(seconds) + "s";
  }
  if (seconds < 3600) {
    return std::to_string(seconds / 60) + "m" + std::to_string(seconds % 60) + "s";
  }
  return seconds < 86400
             ? std::to_string(seconds / 3600) + "h" + std::to_string(seconds / 60 % 60) + "m"
             : std::to_string(seconds / 86400) + "d" + std::to_string(seconds / 3600 % 24) + "h";
}

std::string shortest(Nanos bound) {
  if (bound == kForever) {
    return "over 8s";
  }
  const double us = static_cast<double>(bound.count()) / 1e3;
  return us < 1000  ? decimal(us, "us")
         : us < 1e6 ? decimal(us / 1e3, "ms")
                    : decimal(us / 1e6, "s");
}

std::string places_of(const Overview& of) {
  std::string all;
  for (const std::string& at : of.listeners) {
    all += (all.empty() ? "" : " ") + at;
  }
  return all.empty() ? "-" : all;
}

std::uint64_t connections_of(const Overview& of) {
  std::uint64_t all = 0;
  for (const Overview::Shard& shard : of.shards) {
    all += shard.connections;
  }
  return all;
}

const Overview* find(const std::vector<Running>& in, std::uint64_t process) {
  const auto found =
      std::ranges::find_if(in, [&](const Running& one) { return one.overview.process == process; });
  return found == in.end() ? nullptr : &found->overview;
}

// What grew in so many seconds, a second; "-" where nobody knows.
struct Rate {
  double seconds = 0;
  std::string of(std::uint64_t before, std::uint64_t now) const {
    return seconds <= 0 || now < before ? "-"
                                        : decimal(static_cast<double>(now - before) / seconds);
  }
};

// What it was then; nothing of one that was not there.
Overview::Shard same_shard(const Overview& in, const Overview::Shard& shard) {
  const auto found = std::ranges::find_if(in.shards, [&](const Overview::Shard& each) {
    return each.process == shard.process && each.number == shard.number;
  });
  return found != in.shards.end() ? *found : Overview::Shard{};
}

std::string name_of(const Overview::Shard& shard) {
  const std::string process =
      shard.process ? "process " + std::to_string(*shard.process) + ", " : std::string();
  return process + "shard " + std::to_string(shard.number);
}

void add_shards(Columns& columns, const Overview* before, const Overview& now, const Rate& rate) {
  for (std::size_t i = 0; i != now.shards.size(); ++i) {
    const Overview::Shard& shard = now.shards[i];
    const Overview::Shard then = before != nullptr ? same_shard(*before, shard) : Overview::Shard{};
    const std::uint64_t turns = shard.turns - std::min(then.turns, shard.turns);
    columns.add(
        {"", "  " + name_of(shard), rate.of(then.requests, shard.requests),
         std::to_string(shard.connections), std::to_string(shard.active), "",
         mebibytes(shard.buffer_bytes + shard.frame_bytes), rate.of(then.turns, shard.turns),
         turns == 0 || rate.seconds <= 0 ? "-"
                                         : decimal(static_cast<double>(shard.events - then.events) /
                                                   static_cast<double>(turns)),
         shortest(shard.longest_turn)});
  }
}

}  // namespace

std::string server_table(const std::vector<Running>& all, const cli::Screen& screen) {
  Columns columns({"PID", "LISTENS AT", "STATE", "UP", "PROCESSES", "SHARDS", "CONNECTIONS",
                   "MEMORY", "ENGINE", "VERSION"},
                  3);
  for (const Running& one : all) {
    const Overview& of = one.overview;
    columns.add({std::to_string(of.process), places_of(of), of.draining ? "draining" : "serving",
                 up_for(of.uptime), std::to_string(of.processes), std::to_string(of.shards.size()),
                 std::to_string(connections_of(of)), mebibytes(of.resident_bytes), of.engine,
                 of.version});
  }
  return columns.text(screen);
}

std::string rate_table(const std::vector<Running>& before, const std::vector<Running>& now,
                       const cli::Screen& screen) {
  Columns columns({"PID", "", "REQUESTS/S", "CONNECTIONS", "ACTIVE", "CPU", "MEMORY", "TURNS/S",
                   "EVENTS/TURN", "LONGEST TURN"},
                  2);
  for (const Running& one : now) {
    const Overview& of = one.overview;
    const Overview* then = find(before, of.process);
    Rate rate;
    std::string busy = "-";
    std::uint64_t requests_before = 0;
    std::uint64_t requests = 0;
    std::uint64_t active = 0;
    for (const Overview::Shard& shard : of.shards) {
      requests += shard.requests;
      active += shard.active;
    }
    if (then != nullptr) {
      rate.seconds = static_cast<double>((of.uptime - then->uptime).count()) / 1e9;
      for (const Overview::Shard& shard : then->shards) {
        requests_before += shard.requests;
      }
      if (rate.seconds > 0) {
        const auto worked = (of.processor_time - then->processor_time).count();
        busy = decimal(static_cast<double>(worked) / 1e7 / rate.seconds, "%");
      }
    }
    columns.add({std::to_string(of.process), places_of(of), rate.of(requests_before, requests),
                 std::to_string(connections_of(of)), std::to_string(active), busy,
                 mebibytes(of.resident_bytes), "", "", ""});
    add_shards(columns, then, of, rate);
  }
  return columns.text(screen);
}

}  // namespace vigil::app
