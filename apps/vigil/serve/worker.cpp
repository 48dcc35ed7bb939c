// One shard's part of a run: opening, serving, the end in order.
#include "serve/worker.hpp"

#include <algorithm>

#include "cli/help.hpp"
#include "serve/conductor.hpp"
#include "vigil/coro/sleep.hpp"
#include "vigil/runtime/explain.hpp"

namespace vigil::app {
namespace {

constexpr Nanos kServeAgain = std::chrono::milliseconds(100);

Service::Words fresh_words() noexcept {
  Service::Words words{};
  Loop::current()->host().entropy(std::as_writable_bytes(std::span(words)));
  return words;
}

}  // namespace

Worker::Worker(Conductor& conductor)
    : conductor_(conductor),
      shard_(conductor.shards().here()),
      service_(log_buffer_of(conductor.settings(), conductor.shards().size()), fresh_words(),
               fresh_words()),
      server_(http::Handler(&answer, service_), options(conductor)) {
  if (StallWatcher* watcher = conductor.panel().watcher()) {
    // Where there is no memory for it this shard is not looked at, and all else goes on.
    watch_ = watcher
                 ->watch("vigil/" + std::to_string(shard_),
                         [&ids = service_.ids](std::uint32_t tag) {
                           const site::RequestId id = ids.name(ids.number_of(tag));
                           return "request " + std::string(id.text());
                         })
                 .value_or(nullptr);
  }
  service_.shortage = &conductor.shortage();
  conductor.panel().show(shard_, {Loop::current(), &server_, &service_.log.dropped()});
}

Worker::~Worker() { conductor_.panel().hide(shard_); }

http::ServerOptions Worker::options(Conductor& conductor) noexcept {
  http::ServerOptions options;
  options.limits = limits_of(conductor.settings(), {});
  options.together = &conductor.connections();
  options.drain = &drain_;
  options.own_lines = &own_lines;
  options.beside = &kept_bytes;
  options.give_back = &give_back;
  options.hook_context = &service_;
  options.patience = kPatience;
  options.exhausted = &tell_exhausted;
  return options;
}

namespace {

// Where others find it, while it lives.
class Seated {
 public:
  Seated(Worker*& seat, Worker& worker) noexcept : seat_(seat) { seat = &worker; }
  ~Seated() { seat_ = nullptr; }
  Seated(const Seated&) = delete;
  Seated& operator=(const Seated&) = delete;

 private:
  Worker*& seat_;
};

}  // namespace

Task<Worker::Ended> Worker::live(Conductor* conductor) {
  const auto worker = std::make_shared<Worker>(*conductor);
  const Seated seated(conductor->seat(worker->shard_), *worker);
  auto whole = scoped(&Worker::with_log, worker.get());
  co_await std::move(whole);
  co_return Ended{.unwritten = worker->service_.log.unwritten(), .failed = worker->failed_};
}

Task<> Worker::with_log(Scope& log, Worker* self) {
  self->service_.log.write_in(log);
  auto inner = scoped(&Worker::with_helpers, self);
  co_await std::move(inner);
  log.set_deadline(after(Loop::current()->now(), kLogGoodbye));
}

Task<> Worker::with_helpers(Scope& helpers, Worker* self) {
  self->helpers_ = &helpers;
  auto inner = scoped(&Worker::with_servers, self);
  co_await std::move(inner);
  self->serving_ = nullptr;
  self->helpers_ = nullptr;
  helpers.cancel();
}

Task<> Worker::with_servers(Scope& servers, Worker* self) {
  self->serving_ = &servers;
  static_cast<void>(co_await self->over_.wait());
}

// ---- Opening ----

Task<std::string> Worker::open(const Plan* plan) {
  auto opened = std::make_unique<Opened>();
  const cli::Settings& settings = plan->configuration->program.values;
  opened->limits = limits_of(settings, plan->share);
  opened->format = settings.log;
  auto opening = open_sites(plan);
  auto hosts = co_await std::move(opening);
  if (!hosts) {
    co_return std::move(hosts.error());
  }
  opened->hosts = std::move(*hosts);
  auto logging = open_log_of(plan, opened.get());
  if (const std::error_code unlogged = co_await std::move(logging)) {
    co_return cli::cannot_log(settings.log_file, unlogged);
  }
  if (helpers_ == nullptr) {
    co_return std::string(kEnded);
  }
  // Where there is no memory to follow them, files are looked at again after a time.
  for (const Hosts::Shared& hosted : opened->hosts->all()) {
    static_cast<void>(helpers_->spawn(&Worker::follow_changes, hosted));
  }
  next_ = std::move(opened);
  co_return std::string();
}

Task<std::string> Worker::open_log_again(const Plan* plan) {
  auto opened = std::make_unique<Opened>();
  opened->format = service_.log.format();
  auto logging = open_log_of(plan, opened.get());
  if (const std::error_code unlogged = co_await std::move(logging)) {
    co_return reason(unlogged);
  }
  next_ = std::move(opened);
  co_return std::string();
}

Task<std::error_code> Worker::open_log_of(const Plan* plan, Opened* into) {
  if (plan->log == Plan::Log::same) {
    co_return std::error_code();
  }
  if (shard_ == 0) {
    into->log = plan->sink;
    co_return std::error_code();
  }
  const std::string& path = plan->configuration->program.values.log_file;
  if (plan->log == Plan::Log::stream) {
    into->log = std::make_shared<LogSink>();
    into->log->path = path;
    into->log->carry = &Conductor::carry_lines;
    into->log->context = &conductor_;
    co_return std::error_code();
  }
  auto logging = open_log(path);
  auto sink = co_await std::move(logging);
  if (!sink) {
    co_return sink.error();
  }
  into->log = std::move(*sink);
  co_return std::error_code();
}

// Who waits in the backlog of a new listener is served when it takes effect.
std::string Worker::take(const Plan* plan) {
  if (serving_ == nullptr) {
    return std::string(kEnded);
  }
  listeners_.reserve(listeners_.size() + plan->places.size());
  for (const std::shared_ptr<Place>& place : plan->places) {
    auto listener = place->acceptors->take();
    auto listening = std::make_unique<Listening>();
    listening->place = place;
    Result<> ready;
    if (listener) {
      listening->listener = std::move(*listener);
      Listening* added = listening.get();
      listeners_.push_back(added);
      ready = serving_->spawn(&Worker::serve_one, this, std::move(listening));
      if (!ready) {
        listeners_.pop_back();
      }
    } else {
      ready = std::unexpected(listener.error());
    }
    if (!ready) {
      return "vigil serve: cannot accept on " + place->text() + ": " + reason(ready.error()) + ".";
    }
  }
  return {};
}

// ---- Taking effect ----

void Worker::apply() noexcept {
  for (Listening* listening : listeners_) {
    listening->used = true;
    listening->decided.set();
    if (listening->place->closing || drain_.begun()) {
      listening->accepting.begin();
    }
  }
  if (!next_) {
    return;
  }
  const std::unique_ptr<Opened> next = std::move(next_);
  if (next->hosts) {
    if (const auto old = std::exchange(service_.hosts, std::move(next->hosts))) {
      leave(*old);
    }
    server_.set_limits(next->limits);
    server_.set_log(next->format != cli::LogFormat::off ? &log_exchange : nullptr);
  }
  service_.log.use(next->format, std::move(next->log));
}

void Worker::discard() noexcept {
  for (Listening* listening : listeners_) {
    listening->decided.set();
  }
  if (const std::unique_ptr<Opened> next = std::move(next_); next && next->hosts) {
    leave(*next->hosts);
  }
}

void Worker::leave(const Hosts& hosts) noexcept {
  for (const Hosts::Shared& hosted : hosts.all()) {
    if (hosted->following != nullptr) {
      hosted->following->cancel();
    }
  }
}

Task<> Worker::follow_changes(Hosts::Shared hosted) {
  auto following = scoped(
      [](Scope& scope, Hosted* site) -> Task<> {
        site->following = &scope;
        return site->site.changes().follow();
      },
      hosted.get());
  co_await std::move(following);
  hosted->following = nullptr;
}

// ---- Serving ----

Task<> Worker::serve_one(Worker* self, std::unique_ptr<Listening> listening) {
  static_cast<void>(co_await listening->decided.wait());
  Result<> ended;
  while (listening->used) {
    auto serving =
        self->server_.serve(listening->listener, listening->accepting, &listening->place->limit);
    ended = co_await std::move(serving);
    if (ended || ended.error() != std::errc::not_enough_memory || listening->accepting.begun()) {
      break;
    }
    if (!co_await sleep_for(kServeAgain)) {
      break;
    }
  }
  std::erase(self->listeners_, listening.get());
  if (!ended && ended.error() != std::errc::operation_canceled) {
    complain("vigil serve: stopped accepting: " + reason(ended.error()) + ".");
    self->failed_ = true;
    self->begin_drain();
  }
}

void Worker::begin_drain() noexcept {
  for (Listening* listening : listeners_) {
    listening->accepting.begin();
  }
  drain_.begin();
  over_.set();
}

void Worker::begin_drain_elsewhere() noexcept {
  for (Listening* listening : listeners_) {
    listening->accepting.begin_elsewhere();
  }
  begin_drain();
}

void Worker::cut_off() noexcept {
  over_.set();
  if (serving_ != nullptr) {
    serving_->cancel();
  }
}

}  // namespace vigil::app
