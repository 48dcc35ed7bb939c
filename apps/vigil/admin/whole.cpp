// Asks all processes at once, and makes one answer of theirs. One that does not answer in time is
// named in it, and holds nobody up.
#include "admin/whole.hpp"

#include <optional>

#include "admin/answer.hpp"
#include "admin/merge.hpp"
#include "admin/metrics.hpp"
#include "admin/process.hpp"
#include "vigil/base/version.hpp"
#include "vigil/coro/scoped.hpp"
#include "vigil/loop/loop.hpp"

namespace vigil::app {
namespace {

constexpr Nanos kForFigures = std::chrono::seconds(1);
// A shard that is stuck takes its time to be dumped or asked.
constexpr Nanos kForWalks = std::chrono::seconds(4);

Task<> ask_one(std::shared_ptr<Child> child, std::string target, Nanos at_most, FromProcess* into,
               unsigned* status) {
  auto asking = Child::ask(std::move(child), std::move(target), at_most);
  auto said = co_await std::move(asking);
  into->answered = said.has_value();
  into->text = said ? std::move(said->text) : std::move(said.error());
  *status = said ? said->status : 0;
}

struct Asked {
  std::vector<FromProcess> all;
  std::vector<unsigned> status;
};

Task<> spawn_all(Scope& scope, Family* family, const std::string* target, Nanos at_most,
                 Asked* into) {
  for (std::size_t i = 0; i != into->all.size(); ++i) {
    const std::shared_ptr<Child> child = family->members()[i].current;
    if (!child ||
        !scope.spawn(&ask_one, child, *target, at_most, &into->all[i], &into->status[i])) {
      into->all[i].text = child ? "has no memory to answer" : "is being started";
    }
  }
  co_return;
}

Task<Asked> ask_all(Family* family, std::string target, Nanos at_most) {
  Asked asked;
  for (const Family::Member& member : family->members()) {
    asked.all.push_back({.number = member.post.number,
                         .id = member.current ? member.current->pid() : 0,
                         .answered = false,
                         .text = {},
                         .restarts = member.restarts});
  }
  asked.status.resize(asked.all.size());
  auto asking = scoped(&spawn_all, family, &target, at_most, &asked);
  co_await std::move(asking);
  co_return asked;
}

Task<Snapshot> look_at_parent(const WholeService* service) {
  auto looking = look_at_process(service->descriptors);
  ProcessSnapshot process = co_await std::move(looking);
  Snapshot own;
  own.version = version_text();
  own.engine = Loop::current()->engine().traits().name;
  own.wall = Loop::current()->host().wall_time();
  own.uptime = Loop::current()->now() - service->began;
  own.draining = service->family->draining();
  own.process = process;
  co_return own;
}

Said ready(const Family& family) {
  if (family.draining()) {
    return {.status = 503, .text = "draining\n"};
  }
  for (const Family::Member& member : family.members()) {
    if (!member.current) {
      return {.status = 503,
              .text = "process " + std::to_string(member.post.number) + " is being started\n"};
    }
  }
  return {.text = "ready\n"};
}

Task<Said> say_figures(const WholeService* service, bool json) {
  auto looking = look_at_parent(service);
  const Snapshot own = co_await std::move(looking);
  auto asking = ask_all(service->family, json ? "/status.json" : "/metrics", kForFigures);
  const Asked asked = co_await std::move(asking);
  if (json) {
    co_return Said{.type = kJsonType, .text = merged_status(asked.all, own) + "\n"};
  }
  co_return Said{.type = kOpenMetrics, .text = merged_metrics(asked.all, as_open_metrics(own))};
}

Task<Said> say_dumps(const WholeService* service, bool json) {
  auto asking = ask_all(service->family, json ? "/dump.json" : "/dump", kForWalks);
  const Asked asked = co_await std::move(asking);
  if (json) {
    co_return Said{.type = kJsonType, .text = merged_dump_json(asked.all)};
  }
  co_return Said{.text = merged_dump(asked.all)};
}

// The one that has the connection says where its bytes are; of the others, each the same.
Task<Said> say_where(const WholeService* service, std::string target, bool json) {
  auto asking = ask_all(service->family, std::move(target), kForWalks);
  Asked asked = co_await std::move(asking);
  Said said{.status = 503, .type = json ? kJsonType : "text/plain; charset=utf-8", .text = {}};
  said.text = merged_explanation(asked.all, asked.status, json, &said.status);
  co_return said;
}

Task<Said> replace(Family* family) {
  auto replacing = family->replace();
  Family::Replaced replaced = co_await std::move(replacing);
  co_return Said{.status = replaced.all ? 200u : 500u, .text = std::move(replaced.said) + "\n"};
}

Task<Said> answer(const AdminQuestion* question, const WholeService* service) {
  if (service->to_owner && question->path == kRestart && question->method == http::Method::post) {
    auto replacing = replace(service->family);
    co_return co_await std::move(replacing);
  }
  if (auto refused = refusal(*question, service->own_names_only)) {
    co_return std::move(*refused);
  }
  if (auto part = part_of_page(question->path)) {
    co_return std::move(*part);
  }
  if (question->path == "/healthz") {
    co_return Said{.text = "alive\n"};
  }
  if (question->path == "/readyz") {
    co_return ready(*service->family);
  }
  const bool json = question->path.ends_with(".json");
  if (question->path == "/metrics" || question->path == "/status.json") {
    auto saying = say_figures(service, json);
    co_return co_await std::move(saying);
  }
  if (service->to_owner && (question->path == "/dump" || question->path == "/dump.json")) {
    auto saying = say_dumps(service, json);
    co_return co_await std::move(saying);
  }
  if (service->to_owner && (question->path == "/explain" || question->path == "/explain.json")) {
    std::string target(question->path);
    target += "?" + std::string(question->query.value_or(std::string_view()));
    auto saying = say_where(service, std::move(target), json);
    co_return co_await std::move(saying);
  }
  co_return nothing_here(service->to_owner);
}

Task<> answer_for_all(http::Exchange& exchange, WholeService& service) {
  const AdminQuestion question = question_of(exchange.request());
  auto answering = answer(&question, &service);
  const Said said = co_await std::move(answering);
  auto responding = respond_with(&exchange, &said);
  co_await std::move(responding);
}

}  // namespace

Task<> show_whole(Family* family, void* context) {
  auto& own = *static_cast<WholeService*>(context);
  own.family = family;
  own.began = Loop::current()->now();
  own.to_owner = true;
  WholeService open{.family = family,
                    .descriptors = own.descriptors,
                    .began = own.began,
                    .own_names_only = own.places.status_is_loopback};
  http::Server to_owner(http::Handler(&answer_for_all, own), {.limits = admin_limits()});
  http::Server to_all(http::Handler(&answer_for_all, open), {.limits = admin_limits()});
  Drain drain(kForever);
  const AdminServers servers{&to_owner, &to_all, &drain, &drain};
  const AdminPlaces* places = &own.places;
  auto serving = scoped(&serve_places, places, servers);
  co_await std::move(serving);
  if (!own.places.path.empty()) {
    auto leaving = leave_path(own.places.path);
    co_await std::move(leaving);
  }
}

}  // namespace vigil::app
