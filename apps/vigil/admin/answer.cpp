// Routes, each a few lines. All of it is read; the owner may ask for one change, a new process.
#include "admin/answer.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "admin/dump.hpp"
#include "admin/explain.hpp"
#include "admin/json.hpp"
#include "admin/metrics.hpp"
#include "admin/page.hpp"
#include "admin/process.hpp"
#include "vigil/coro/offload.hpp"
#include "vigil/coro/sleep.hpp"
#include "vigil/http/fields.hpp"
#include "vigil/loop/loop.hpp"
#include "vigil/net/address.hpp"

namespace vigil::app {
namespace {

// Nothing is kept, nothing is run but the page's own files, nobody frames it.
constexpr http::FieldLines kLines(
    "Cache-Control: no-store\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src data:; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'none'\r\n");

Task<Snapshot> look(AdminService& service) {
  auto looking = look_at_process(service.descriptor_limit);
  ProcessSnapshot process = co_await std::move(looking);
  Snapshot taken = service.panel->snapshot();
  taken.process = process;
  taken.wall = Loop::current()->host().wall_time();
  taken.uptime = Loop::current()->now() - service.began;
  co_return taken;
}

Said ready(const Panel& panel) {
  return panel.draining() ? Said{.status = 503, .text = "draining\n"} : Said{.text = "ready\n"};
}

// Numbers, localhost, and nothing at all (HTTP/1.0).
bool is_own_name(std::string_view authority) {
  if (authority.empty() || authority == "localhost" || authority.starts_with("localhost:")) {
    return true;
  }
  return Address::parse(authority).has_value() ||
         Address::parse(std::string(authority) + ":80").has_value();
}

constexpr std::string_view kNobodyLooks =
    kInstruments ? "nothing looks at the loops here\n"
                 : "this vigil was built without instruments (VIGIL_INSTRUMENTS=OFF), so it has no "
                   "dumps, names no stalls and counts next to nothing; run one that has them\n";

// Asking a loop takes a signal and a wait: not on this one.
Task<Result<std::vector<LoopDump>>> dump(AdminService& service) {
  StallWatcher* watcher = service.panel->watcher();
  if (watcher == nullptr) {
    co_return error(std::errc::not_supported);
  }
  auto dumping = offload([](StallWatcher* of) { return of->dump(); }, watcher);
  co_return co_await std::move(dumping);
}

Task<Said> say_dump(AdminService& service, std::string_view type,
                    std::string (*as)(const std::vector<LoopDump>&)) {
  auto dumping = dump(service);
  const auto loops = co_await std::move(dumping);
  if (!loops) {
    co_return Said{.status = 503, .text = std::string(kNobodyLooks)};
  }
  co_return Said{.type = type, .text = as(*loops)};
}

// Of "peer=127.0.0.1:53412", percent-encoded; nothing if it names no peer.
std::optional<PeerName> peer_asked_for(std::optional<std::string_view> query) {
  constexpr std::string_view kKey = "peer=";
  std::array<char, 128> room;
  if (!query || !query->starts_with(kKey)) {
    return std::nullopt;
  }
  const auto size = http::percent_decode(query->substr(kKey.size()), room);
  return size ? peer_name(std::string_view(room.data(), *size)) : std::nullopt;
}

Task<Said> say_where(AdminService& service, std::optional<std::string_view> query, bool json) {
  const auto name = peer_asked_for(query);
  if (!name) {
    co_return Said{.status = 400, .text = std::string(kNoPeerName) + "\n"};
  }
  auto explaining = explain(service.panel, *name, json);
  Explained explained = co_await std::move(explaining);
  co_return Said{.status = explained.found ? 200u : 404u,
                 .type = json ? kJsonType : "text/plain; charset=utf-8",
                 .text = std::move(explained.text)};
}

struct Route {
  std::string_view path;
  Task<Said> (*answer)(AdminService& service);
  bool for_owner = false;
};

constexpr std::array kRoutes{
    Route{"/healthz", [](AdminService&) -> Task<Said> { co_return Said{.text = "alive\n"}; }},
    Route{"/readyz", [](AdminService& service) -> Task<Said> { co_return ready(*service.panel); }},
    Route{"/metrics",
          [](AdminService& service) -> Task<Said> {
            auto looking = look(service);
            const Snapshot taken = co_await std::move(looking);
            co_return Said{.type = kOpenMetrics, .text = as_open_metrics(taken)};
          }},
    Route{"/status.json",
          [](AdminService& service) -> Task<Said> {
            auto looking = look(service);
            const Snapshot taken = co_await std::move(looking);
            co_return Said{.type = kJsonType, .text = as_json(taken) + "\n"};
          }},
    Route{"/dump",
          [](AdminService& service) -> Task<Said> {
            return say_dump(service, "text/plain; charset=utf-8", &as_text);
          },
          true},
    Route{
        "/dump.json",
        [](AdminService& service) -> Task<Said> { return say_dump(service, kJsonType, &as_json); },
        true},
};

// What takes a question, for the owner.
constexpr std::string_view kExplain = "/explain";
constexpr std::string_view kExplainJson = "/explain.json";

// Answered when the new process serves, or when it is known that none does.
Task<Said> restart(AdminService& service) {
  const std::uint64_t before = service.panel->succession().tries;
  if (!service.panel->ask_to_give_way()) {
    co_return Said{.status = 503, .text = "not restarted: the process is beginning or ending.\n"};
  }
  for (;;) {
    if (!co_await sleep_for(std::chrono::milliseconds(10))) {
      co_return Said{.status = 503, .text = "not restarted: the process is ending.\n"};
    }
    Panel::Succession now = service.panel->succession();
    if (now.tries != before) {
      co_return Said{.status = now.process != 0 ? 200u : 500u, .text = std::move(now.said) + "\n"};
    }
  }
}

struct PagePart {
  std::string_view path;
  std::string_view type;
  const std::string_view& text;
};
constexpr std::array kPage{PagePart{"/", "text/html; charset=utf-8", kPageHtml},
                           PagePart{"/page.css", "text/css; charset=utf-8", kPageCss},
                           PagePart{"/page.js", "text/javascript; charset=utf-8", kPageJs}};

}  // namespace

AdminQuestion question_of(const http::RequestHead& request) noexcept {
  return {.method = request.method(),
          .path = request.path(),
          .query = request.query(),
          .authority = request.authority()};
}

std::optional<Said> refusal(const AdminQuestion& question, bool own_names_only) {
  if (question.method != http::Method::get && question.method != http::Method::head) {
    return Said{.status = 405, .text = "only GET and HEAD are answered here\n"};
  }
  if (own_names_only && !is_own_name(question.authority)) {
    return Said{.status = 421, .text = "this server answers by address, not by that name\n"};
  }
  return std::nullopt;
}

std::optional<Said> part_of_page(std::string_view path) {
  const auto* const found = std::ranges::find(kPage, path, &PagePart::path);
  return found != kPage.end()
             ? std::optional(Said{.type = found->type, .text = std::string(found->text)})
             : std::nullopt;
}

Said nothing_here(bool to_owner) {
  Said unknown{.status = 404, .text = "there is nothing here; there is:\n"};
  for (const PagePart& each : kPage) {
    unknown.text.append(each.path).append("\n");
  }
  for (const Route& each : kRoutes) {
    if (to_owner || !each.for_owner) {
      unknown.text.append(each.path).append("\n");
    }
  }
  if (to_owner) {
    unknown.text +=
        "/explain?peer=127.0.0.1:53412\n/explain.json?peer=127.0.0.1:53412\n/restart, by POST\n";
  }
  return unknown;
}

Task<Said> answer_question(const AdminQuestion* question, AdminService* service) {
  if (service->to_owner && question->path == kRestart) {
    if (question->method != http::Method::post) {
      co_return Said{.status = 405, .text = "this changes something: ask by POST\n"};
    }
    auto restarting = restart(*service);
    co_return co_await std::move(restarting);
  }
  if (auto refused = refusal(*question, service->own_names_only)) {
    co_return std::move(*refused);
  }
  if (auto part = part_of_page(question->path)) {
    co_return std::move(*part);
  }
  for (const Route& each : kRoutes) {
    if (each.path == question->path && (service->to_owner || !each.for_owner)) {
      auto answering = each.answer(*service);
      co_return co_await std::move(answering);
    }
  }
  const bool json = question->path == kExplainJson;
  if (service->to_owner && (json || question->path == kExplain)) {
    auto saying = say_where(*service, question->query, json);
    co_return co_await std::move(saying);
  }
  co_return nothing_here(service->to_owner);
}

Task<> respond_with(http::Exchange* exchange, const Said* said) {
  static_cast<void>(co_await exchange->respond(
      {.status = said->status, .lines = kLines, .content_type = said->type}, said->text));
}

Task<> answer_admin(http::Exchange& exchange, AdminService& service) {
  const AdminQuestion question = question_of(exchange.request());
  auto answering = answer_question(&question, &service);
  const Said said = co_await std::move(answering);
  auto responding = respond_with(&exchange, &said);
  co_await std::move(responding);
}

}  // namespace vigil::app
