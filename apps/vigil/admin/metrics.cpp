// One row a family: its name, what it means, and where its samples are.
#include "admin/metrics.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace vigil::app {
namespace {

void append(std::string& out, std::uint64_t value) { out += std::to_string(value); }

void append(std::string& out, double value) {
  std::array<char, 32> room{};
  const auto end = std::to_chars(room.data(), room.data() + room.size(), value).ptr;
  out.append(room.data(), end);
}

void append_seconds(std::string& out, Nanos span) {
  append(out, static_cast<double>(span.count()) / 1e9);
}

// A label's value: OpenMetrics escapes these three.
void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c == '\\' || c == '"') {
      out += '\\';
    }
    out += c == '\n' ? std::string_view("\\n") : std::string_view(&c, 1);
  }
}

class Labels {
 public:
  Labels& with(std::string_view name, std::string_view value) {
    text_ += text_.empty() ? "" : ",";
    text_.append(name).append("=\"");
    append_escaped(text_, value);
    text_ += '"';
    return *this;
  }
  Labels& shard(unsigned number) { return with("shard", std::to_string(number)); }
  const std::string& text() const noexcept { return text_; }

 private:
  std::string text_;
};

std::string& line(std::string& out, const MetricFamily& family, std::string_view suffix,
                  const Labels& labels) {
  out.append(family.name).append(suffix);
  if (!labels.text().empty()) {
    out.append("{").append(labels.text()).append("}");
  }
  return out += ' ';
}

template <class V>
void sample(std::string& out, const MetricFamily& family, const Labels& labels, V value) {
  append(line(out, family, family.kind == MetricKind::counter ? "_total" : "", labels), value);
  out += '\n';
}

void seconds(std::string& out, const MetricFamily& family, const Labels& labels, Nanos value) {
  append_seconds(line(out, family, family.kind == MetricKind::counter ? "_total" : "", labels),
                 value);
  out += '\n';
}

void histogram(std::string& out, const MetricFamily& family, const Labels& labels,
               const Durations& counted) {
  std::uint64_t so_far = 0;
  for (std::size_t i = 0; i != Durations::kBuckets; ++i) {
    so_far += counted.counts[i];
    std::string bound;
    if (i + 1 == Durations::kBuckets) {
      bound = "+Inf";
    } else {
      append_seconds(bound, Durations::bound(i));
    }
    Labels each = labels;
    append(line(out, family, "_bucket", each.with("le", bound)), so_far);
    out += '\n';
  }
  append(line(out, family, "_count", labels), so_far);
  out += '\n';
  append_seconds(line(out, family, "_sum", labels), counted.total);
  out += '\n';
}

// ---- Where the samples of most families are. ----

template <auto Member>
void of_loops(std::string& out, const MetricFamily& family, const Snapshot& of) {
  for (const ShardSnapshot& shard : of.shards) {
    sample(out, family, Labels().shard(shard.number), std::uint64_t{shard.loop.*Member});
  }
}

template <auto Member>
void of_stalls(std::string& out, const MetricFamily& family, const Snapshot& of) {
  for (const StallSnapshot& shard : of.stalls) {
    sample(out, family, Labels().shard(shard.number), std::uint64_t{shard.*Member});
  }
}

template <auto Member>
void of_servers(std::string& out, const MetricFamily& family, const Snapshot& of) {
  for (const ShardSnapshot& shard : of.shards) {
    sample(out, family, Labels().shard(shard.number), std::uint64_t{shard.http.*Member});
  }
}

template <auto Member>
void of_process(std::string& out, const MetricFamily& family, const Snapshot& of) {
  sample(out, family, {}, std::uint64_t{of.process.*Member});
}

template <class F>
void for_each_lane(const Snapshot& of, F each) {
  for (const ShardSnapshot& shard : of.shards) {
    const LoopFigures& loop = shard.loop;
    each(Labels().shard(shard.number).with("lane", "file"), loop.file_lane);
    each(Labels().shard(shard.number).with("lane", "call"), loop.call_lane);
    each(Labels().shard(shard.number).with("lane", "resolver"), loop.resolver);
  }
}

template <auto Member>
void of_lanes(std::string& out, const MetricFamily& family, const Snapshot& of) {
  for_each_lane(of, [&](const Labels& labels, const LaneFigures& lane) {
    sample(out, family, labels, std::uint64_t{lane.*Member});
  });
}

template <auto Member>
void of_listeners(std::string& out, const MetricFamily& family, const Snapshot& of) {
  for (const ListenerSnapshot& listener : of.listeners) {
    for (unsigned i = 0; const AcceptFigures& each : listener.shards) {
      sample(out, family, Labels().with("listener", listener.at).shard(i),
             std::uint64_t{each.*Member});
      ++i;
    }
  }
}

void skew_samples(std::string& out, const MetricFamily& family, const Snapshot& of) {
  for (const ListenerSnapshot& listener : of.listeners) {
    if (const auto skewed = skew(listener.shards)) {
      sample(out, family, Labels().with("listener", listener.at).with("accept", listener.accept),
             *skewed);
    }
  }
}

void operation_samples(std::string& out, const MetricFamily& family, const Snapshot& of) {
  for (const ShardSnapshot& shard : of.shards) {
    for (const OperationKind& kind : operation_kinds()) {
      sample(out, family, Labels().shard(shard.number).with("kind", kind.name),
             count_of(shard.loop, kind));
    }
  }
}

void memory_samples(std::string& out, const MetricFamily& family, const Snapshot& of) {
  for (const ShardSnapshot& shard : of.shards) {
    const auto kind = [&](std::string_view name, std::uint64_t bytes) {
      sample(out, family, Labels().shard(shard.number).with("kind", name), bytes);
    };
    kind("requests", shard.http.memory.held);
    kind("frames", shard.loop.frame_bytes);
    kind("buffers", shard.loop.buffer_bytes);
    kind("caches", shard.http.memory.beside);
  }
}

template <auto Member>
void of_memory(std::string& out, const MetricFamily& family, const Snapshot& of) {
  for (const ShardSnapshot& shard : of.shards) {
    sample(out, family, Labels().shard(shard.number), std::uint64_t{shard.http.memory.*Member});
  }
}

void shed_samples(std::string& out, const MetricFamily& family, const Snapshot& of) {
  for (const ShardSnapshot& shard : of.shards) {
    const http::ServerFigures& http = shard.http;
    const auto reason = [&](std::string_view name, std::uint64_t count) {
      sample(out, family, Labels().shard(shard.number).with("reason", name), count);
    };
    reason("connections", http.turned_away - std::min(http.turned_away, http.memory.refused));
    reason("memory", http.memory.refused);
    reason("still", http.memory.reset);
    reason("rest", http.memory.closed);
  }
}

constexpr auto kCounter = MetricKind::counter;
constexpr auto kGauge = MetricKind::gauge;

constexpr std::array kFamilies{
    MetricFamily{"vigil_build", MetricKind::info, "", "Version and engine.",
                 [](std::string& out, const MetricFamily& family, const Snapshot& of) {
                   Labels labels;
                   labels.with("version", of.version).with("engine", of.engine);
                   if constexpr (!kInstruments) {
                     labels.with("instruments", "off");  // who counts little says so
                   }
                   append(line(out, family, "_info", labels), std::uint64_t{1});
                   out += '\n';
                 }},
    MetricFamily{"vigil_uptime_seconds", kGauge, "seconds", "Time since the server began.",
                 [](std::string& out, const MetricFamily& family, const Snapshot& of) {
                   seconds(out, family, {}, of.uptime);
                 }},
    MetricFamily{"vigil_draining", kGauge, "", "1 while it ends: no connection is taken any more.",
                 [](std::string& out, const MetricFamily& family, const Snapshot& of) {
                   sample(out, family, {}, std::uint64_t{of.draining});
                 }},
    MetricFamily{"process_cpu_seconds", kCounter, "seconds",
                 "Processor time of all threads, user and system.",
                 [](std::string& out, const MetricFamily& family, const Snapshot& of) {
                   seconds(out, family, {}, of.process.processor_time);
                 }},
    MetricFamily{"process_resident_memory_bytes", kGauge, "bytes", "Memory that is in RAM.",
                 &of_process<&ProcessSnapshot::resident_bytes>},
    MetricFamily{"process_open_fds", kGauge, "", "Descriptors that are open.",
                 &of_process<&ProcessSnapshot::descriptors>},
    MetricFamily{"process_max_fds", kGauge, "", "Descriptors that may be open.",
                 &of_process<&ProcessSnapshot::descriptor_limit>},

    MetricFamily{"vigil_http_requests", kCounter, "", "Requests answered, with whatever status.",
                 &of_servers<&http::ServerFigures::requests>},
    MetricFamily{"vigil_http_refused", kCounter, "",
                 "Requests that were malformed or above a limit: 4xx without a handler.",
                 &of_servers<&http::ServerFigures::refused>},
    MetricFamily{"vigil_http_failures", kCounter, "",
                 "Handlers that ended with an exception, or without an answer.",
                 &of_servers<&http::ServerFigures::failures>},
    MetricFamily{"vigil_http_timed_out", kCounter, "", "Connections that a time limit ended.",
                 &of_servers<&http::ServerFigures::timed_out>},
    MetricFamily{"vigil_http_turned_away", kCounter, "", "Connections above a limit, answered 503.",
                 &of_servers<&http::ServerFigures::turned_away>},
    MetricFamily{"vigil_http_connections", kGauge, "", "Connections that are open.",
                 &of_servers<&http::ServerFigures::connections>},
    MetricFamily{"vigil_http_asleep", kGauge, "", "Connections of these that hibernate.",
                 &of_servers<&http::ServerFigures::asleep>},
    MetricFamily{"vigil_http_active", kGauge, "", "Connections with a request under way.",
                 &of_servers<&http::ServerFigures::active>},
    MetricFamily{"vigil_shed", kCounter, "",
                 "Connections refused or ended because there were too many, by reason.",
                 &shed_samples},
    MetricFamily{"vigil_memory_bytes", kGauge, "bytes",
                 "Memory that grows with clients, by kind; frames and buffers stay the loop's.",
                 &memory_samples},
    MetricFamily{"vigil_memory_counted_bytes", kGauge, "bytes",
                 "What of it is in use, and counts towards the limit.",
                 &of_memory<&http::MemoryFigures::counted>},
    MetricFamily{"vigil_memory_limit_bytes", kGauge, "bytes",
                 "The shard's part of --memory-limit; 0: there is none.",
                 &of_memory<&http::MemoryFigures::limit>},
    MetricFamily{"vigil_log_dropped_lines", kCounter, "",
                 "Lines of the access log that could not be written as fast as they came.",
                 [](std::string& out, const MetricFamily& family, const Snapshot& of) {
                   for (const ShardSnapshot& shard : of.shards) {
                     sample(out, family, Labels().shard(shard.number), shard.log_dropped);
                   }
                 }},

    MetricFamily{"vigil_accepted", kCounter, "", "Connections that the shard took of the listener.",
                 &of_listeners<&AcceptFigures::accepted>},
    MetricFamily{"vigil_accept_empty_wakes", kCounter, "",
                 "Wake-ups of the listener's shard that found nobody to accept.",
                 &of_listeners<&AcceptFigures::empty>},
    MetricFamily{"vigil_accept_exhausted", kCounter, "",
                 "Times that accepting had to wait for descriptors or memory.",
                 &of_listeners<&AcceptFigures::exhausted>},
    MetricFamily{"vigil_accept_refused", kCounter, "",
                 "Connections answered 503 because descriptors had been short for three seconds.",
                 &of_listeners<&AcceptFigures::refused>},
    MetricFamily{"vigil_accept_skew", kGauge, "",
                 "Connections taken by the most loaded shard to those of the least.",
                 &skew_samples},

    MetricFamily{"vigil_loop_turns", kCounter, "", "Turns: waits for the kernel.",
                 &of_loops<&LoopFigures::turns>},
    MetricFamily{"vigil_loop_events", kCounter, "",
                 "Events that the kernel told: descriptors that were ready, operations that ended.",
                 &of_loops<&LoopFigures::events>},
    MetricFamily{"vigil_loop_wakes", kCounter, "", "Wake-ups by letters of other threads.",
                 &of_loops<&LoopFigures::wakes>},
    MetricFamily{"vigil_loop_operations", kCounter, "", "Operations that ended, by kind.",
                 &operation_samples},
    MetricFamily{"vigil_loop_turn_seconds", MetricKind::histogram, "seconds",
                 "How long a turn ran after its wait, of one in sixteen: the lag of whoever came "
                 "ready meanwhile.",
                 [](std::string& out, const MetricFamily& family, const Snapshot& of) {
                   for (const ShardSnapshot& shard : of.shards) {
                     histogram(out, family, Labels().shard(shard.number), shard.loop.turn_times);
                   }
                 }},
    MetricFamily{"vigil_stalls", kCounter, "",
                 "Turns longer than --stall-limit, which the log named; not those for want of a "
                 "processor.",
                 &of_stalls<&StallSnapshot::stalls>},
    MetricFamily{"vigil_stalls_not_run", kCounter, "",
                 "Turns longer than that because the thread was given no processor.",
                 &of_stalls<&StallSnapshot::not_run>},
    MetricFamily{"vigil_stall_seconds", kCounter, "seconds", "How long they were, together.",
                 [](std::string& out, const MetricFamily& family, const Snapshot& of) {
                   for (const StallSnapshot& shard : of.stalls) {
                     seconds(out, family, Labels().shard(shard.number), shard.total);
                   }
                 }},
    MetricFamily{"vigil_loop_registered", kGauge, "", "Descriptors that the loop watches.",
                 &of_loops<&LoopFigures::registered>},
    MetricFamily{"vigil_loop_timers", kGauge, "", "Timers that are armed.",
                 &of_loops<&LoopFigures::timers>},
    MetricFamily{"vigil_loop_frames", kGauge, "", "Frames of tasks.",
                 &of_loops<&LoopFigures::frames>},
    MetricFamily{"vigil_loop_frame_bytes", kGauge, "bytes",
                 "Memory that was got for frames; it stays the loop's.",
                 &of_loops<&LoopFigures::frame_bytes>},
    MetricFamily{"vigil_loop_buffer_bytes", kGauge, "bytes",
                 "Memory of receive buffers that were ever in use; it stays the pool's.",
                 &of_loops<&LoopFigures::buffer_bytes>},
    MetricFamily{"vigil_loop_buffer_limit_bytes", kGauge, "bytes",
                 "What receive buffers may take in all.", &of_loops<&LoopFigures::buffer_limit>},

    MetricFamily{"vigil_lane_started", kCounter, "", "Operations that a thread took up.",
                 &of_lanes<&LaneFigures::started>},
    MetricFamily{"vigil_lane_delayed", kCounter, "",
                 "Operations that found the lane full and waited outside.",
                 &of_lanes<&LaneFigures::delayed>},
    MetricFamily{"vigil_lane_queued", kGauge, "", "Operations that wait for a thread.",
                 &of_lanes<&LaneFigures::queued>},
    MetricFamily{"vigil_lane_waiting", kGauge, "", "Operations that wait outside a full lane.",
                 &of_lanes<&LaneFigures::waiting>},
    MetricFamily{"vigil_lane_threads", kGauge, "", "Threads that were started.",
                 &of_lanes<&LaneFigures::threads>},
    MetricFamily{"vigil_lane_wait_seconds", MetricKind::histogram, "seconds",
                 "From an operation's entry into the lane until a thread took it up.",
                 [](std::string& out, const MetricFamily& family, const Snapshot& of) {
                   for_each_lane(of, [&](const Labels& labels, const LaneFigures& lane) {
                     histogram(out, family, labels, lane.queue_wait);
                   });
                 }},
};

constexpr std::array<OperationKind, 12> kKinds{{
    {"sleep", Opcode::sleep, Opcode::sleep},
    {"wait", Opcode::wait, Opcode::wait},
    {"remote", Opcode::remote, Opcode::remote},
    {"call", Opcode::call, Opcode::call},
    {"receive", Opcode::receive, Opcode::receive_from},
    {"accept", Opcode::accept, Opcode::accept},
    {"poll", Opcode::poll_in, Opcode::poll_in},
    {"send", Opcode::send, Opcode::send_to},
    {"send_file", Opcode::send_file, Opcode::send_file},
    {"connect", Opcode::connect, Opcode::connect},
    {"file", Opcode::open, Opcode::fetch},
    {"resolve", Opcode::resolve, Opcode::resolve},
}};

std::string_view text_of(MetricKind kind) noexcept {
  constexpr std::array<std::string_view, 4> kNames{"counter", "gauge", "histogram", "info"};
  return kNames[static_cast<std::size_t>(kind)];
}

}  // namespace

std::span<const MetricFamily> metric_families() noexcept { return kFamilies; }
std::span<const OperationKind> operation_kinds() noexcept { return kKinds; }

std::uint64_t count_of(const LoopFigures& loop, const OperationKind& kind) noexcept {
  std::uint64_t all = 0;
  for (auto code = static_cast<std::size_t>(kind.first);
       code <= static_cast<std::size_t>(kind.last); ++code) {
    all += loop.operations[code];
  }
  return all;
}

std::string as_open_metrics(const Snapshot& snapshot) {
  std::string out;
  for (const MetricFamily& family : kFamilies) {
    out.append("# TYPE ").append(family.name).append(" ").append(text_of(family.kind));
    if (!family.unit.empty()) {
      out.append("\n# UNIT ").append(family.name).append(" ").append(family.unit);
    }
    out.append("\n# HELP ").append(family.name).append(" ").append(family.help).append("\n");
    family.samples(out, family, snapshot);
  }
  return out += "# EOF\n";
}

}  // namespace vigil::app
