// The figures of a server as JSON, and back.
#include "admin/json.hpp"

#include <nlohmann/json.hpp>

#include "admin/metrics.hpp"

namespace vigil::app {
namespace {

using Json = nlohmann::ordered_json;

double seconds(Nanos span) { return static_cast<double>(span.count()) / 1e9; }
Nanos span_of(const Json& seconds) {
  return Nanos(static_cast<std::int64_t>(seconds.get<double>() * 1e9));
}

// Pairs of a bound in seconds and how many were below it and above the one before; null: no bound.
Json histogram(const Durations& counted) {
  Json pairs = Json::array();
  for (std::size_t i = 0; i != Durations::kBuckets; ++i) {
    if (counted.counts[i] != 0) {
      const bool last = i + 1 == Durations::kBuckets;
      pairs.push_back({last ? Json() : Json(seconds(Durations::bound(i))), counted.counts[i]});
    }
  }
  return {{"count", counted.count()}, {"sum_seconds", seconds(counted.total)}, {"buckets", pairs}};
}

Json lane(const LaneFigures& figures) {
  return {{"started", figures.started},
          {"delayed", figures.delayed},
          {"cancelled", figures.cancelled},
          {"queued", figures.queued},
          {"waiting", figures.waiting},
          {"threads", figures.threads},
          {"queue_wait", histogram(figures.queue_wait)}};
}

Json shard(const ShardSnapshot& of) {
  Json operations = Json::object();
  for (const OperationKind& kind : operation_kinds()) {
    operations[std::string(kind.name)] = count_of(of.loop, kind);
  }
  return {{"shard", of.number},
          {"http",
           {{"requests", of.http.requests},
            {"refused", of.http.refused},
            {"failures", of.http.failures},
            {"timed_out", of.http.timed_out},
            {"turned_away", of.http.turned_away},
            {"connections", of.http.connections},
            {"asleep", of.http.asleep},
            {"active", of.http.active}}},
          {"memory",
           {{"requests_bytes", of.http.memory.held},
            {"caches_bytes", of.http.memory.beside},
            {"counted_bytes", of.http.memory.counted},
            {"limit_bytes", of.http.memory.limit},
            {"refused", of.http.memory.refused},
            {"reset", of.http.memory.reset},
            {"closed", of.http.memory.closed}}},
          {"log_dropped_lines", of.log_dropped},
          {"loop",
           {{"turns", of.loop.turns},
            {"events", of.loop.events},
            {"wakes", of.loop.wakes},
            {"operations", operations},
            {"turn_times", histogram(of.loop.turn_times)},
            {"registered", of.loop.registered},
            {"empty_accepts", of.loop.empty_accepts},
            {"timers", of.loop.timers},
            {"frames", of.loop.frames},
            {"frame_bytes", of.loop.frame_bytes},
            {"buffer_bytes", of.loop.buffer_bytes},
            {"buffer_limit_bytes", of.loop.buffer_limit}}},
          {"lanes",
           {{"file", lane(of.loop.file_lane)},
            {"call", lane(of.loop.call_lane)},
            {"resolver", lane(of.loop.resolver)}}}};
}

Json stall(const StallSnapshot& of) {
  return {{"shard", of.number},
          {"stalls", of.stalls},
          {"not_run", of.not_run},
          {"longest_seconds", seconds(of.longest)},
          {"total_seconds", seconds(of.total)}};
}

Json listener(const ListenerSnapshot& of) {
  Json shards = Json::array();
  for (const AcceptFigures& each : of.shards) {
    shards.push_back({{"accepted", each.accepted},
                      {"live", each.live},
                      {"empty", each.empty},
                      {"exhausted", each.exhausted},
                      {"refused", each.refused}});
  }
  const auto skewed = skew(of.shards);
  return {{"at", of.at},
          {"accept", of.accept},
          {"skew", skewed ? Json(*skewed) : Json()},
          {"shards", shards}};
}

Overview::Shard overview_of_shard(const Json& from) {
  const Json& http = from.at("http");
  const Json& loop = from.at("loop");
  Overview::Shard shard{.number = from.at("shard"),
                        .process = {},
                        .requests = http.at("requests"),
                        .connections = http.at("connections"),
                        .active = http.at("active"),
                        .turns = loop.at("turns"),
                        .events = loop.at("events"),
                        .operations = 0,
                        .buffer_bytes = loop.at("buffer_bytes"),
                        .frame_bytes = loop.at("frame_bytes"),
                        .longest_turn = {}};
  if (from.contains("process")) {
    shard.process = from.at("process").get<unsigned>();
  }
  for (const Json& count : loop.at("operations")) {
    shard.operations += count.get<std::uint64_t>();
  }
  const Json& buckets = loop.at("turn_times").at("buckets");
  if (!buckets.empty()) {
    const Json& bound = buckets.back().at(0);
    shard.longest_turn = bound.is_null() ? kForever : span_of(bound);
  }
  return shard;
}

}  // namespace

std::string as_json(const Snapshot& snapshot) {
  Json shards = Json::array();
  for (const ShardSnapshot& each : snapshot.shards) {
    shards.push_back(shard(each));
  }
  Json listeners = Json::array();
  for (const ListenerSnapshot& each : snapshot.listeners) {
    listeners.push_back(listener(each));
  }
  Json stalls = Json::array();
  for (const StallSnapshot& each : snapshot.stalls) {
    stalls.push_back(stall(each));
  }
  const Json all{{"vigil", snapshot.version},
                 {"engine", snapshot.engine},
                 {"time", seconds(snapshot.wall)},
                 {"uptime_seconds", seconds(snapshot.uptime)},
                 {"draining", snapshot.draining},
                 {"process",
                  {{"id", snapshot.process.id},
                   {"cpu_seconds", seconds(snapshot.process.processor_time)},
                   {"resident_bytes", snapshot.process.resident_bytes},
                   {"descriptors", snapshot.process.descriptors},
                   {"descriptor_limit", snapshot.process.descriptor_limit}}},
                 {"listeners", listeners},
                 {"stalls", stalls},
                 {"shards", shards}};
  // A listener's path may be of any bytes.
  return all.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<Overview> overview_of(std::string_view json) try {
  const Json all = Json::parse(json);
  const Json& process = all.at("process");
  Overview seen{.process = process.at("id"),
                .version = all.at("vigil"),
                .engine = all.at("engine"),
                .listeners = {},
                .uptime = span_of(all.at("uptime_seconds")),
                .draining = all.at("draining"),
                .processor_time = span_of(process.at("cpu_seconds")),
                .resident_bytes = process.at("resident_bytes"),
                .descriptors = process.at("descriptors"),
                .shards = {}};
  if (all.contains("processes")) {
    seen.processes = all.at("processes").size();
  }
  for (const Json& each : all.at("listeners")) {
    seen.listeners.push_back(each.at("at"));
  }
  for (const Json& each : all.at("shards")) {
    seen.shards.push_back(overview_of_shard(each));
  }
  return seen;
} catch (const nlohmann::json::exception&) {
  return std::nullopt;
}

}  // namespace vigil::app
