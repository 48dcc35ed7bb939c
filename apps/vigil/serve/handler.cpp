// From a request to its answer. What is in the cache and asked for plainly goes out at once; all
// else takes the longer way, through the file lane and site::decide.
#include "serve/handler.hpp"

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "serve/lines.hpp"
#include "vigil/coro/offload.hpp"
#include "vigil/coro/this_task.hpp"

namespace vigil::app {
namespace {

using site::BodyPlan;
using site::Coding;
using site::Found;

std::int64_t wall_seconds() noexcept {
  return site::seconds(Loop::current()->host().wall_time().count());
}

std::string_view text_of(const Held& held, std::uint64_t size) noexcept {
  return {reinterpret_cast<const char*>(held.body.get()), static_cast<std::size_t>(size)};
}

// The number of a request, as the exchange's context.
void* context_of(std::uint64_t number) noexcept {
  return reinterpret_cast<void*>(static_cast<std::uintptr_t>(number));
}
std::uint64_t number_of(const void* context) noexcept {
  return static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(context));
}

// The head of the plain answer with this coding, made at the first request for it; null if it
// cannot be sent so.
const Prepared* prepared(Entry& entry, const site::Ask& ask, Coding coding) {
  Prepared& head = entry.prepared[static_cast<std::size_t>(coding)];
  if (!head.made) {
    site::Answer answer;
    site::decide(ask, entry.resource, {.now = wall_seconds(), .request_id = {}, .boundary = {}},
                 answer);
    head.text.resize(answer.fields.size());
    const auto lines = checked_lines(answer.fields, head.text);
    if (!lines || answer.status != 200) {
      return nullptr;
    }
    head.lines = *lines;
    head.made = true;
  }
  return &head;
}

// The rest of an answer that is not the plain one, once it is decided.
Task<Result<>> send_parts(http::Exchange& exchange, const http::Exchange::Answer& head,
                          const site::Answer& answer, Held& held) {
  auto beginning = exchange.begin(head, answer.length);
  auto sent = co_await std::move(beginning);
  const site::Multipart parts = answer.multipart();
  std::string between;
  bool first = true;
  for (const site::ByteRange& range : answer.ranges.ranges()) {
    if (!sent) {
      co_return std::unexpected(sent.error());
    }
    between.clear();
    parts.append_head(between, range, first);
    first = false;
    auto heading = exchange.write(as_bytes(between));
    sent = co_await std::move(heading);
    if (sent && held.body) {
      auto writing =
          exchange.write({held.body.get() + range.first, static_cast<std::size_t>(range.size)});
      sent = co_await std::move(writing);
    } else if (sent) {
      auto writing =
          exchange.write_file(held.file.native_handle(), range.first, range.size, &held.residency);
      sent = co_await std::move(writing);
    }
  }
  if (sent) {
    between.clear();
    parts.append_end(between);
    auto ending = exchange.write(as_bytes(between));
    sent = co_await std::move(ending);
  }
  if (!sent) {
    co_return std::unexpected(sent.error());
  }
  auto closing = exchange.end();
  co_return co_await std::move(closing);
}

Task<Result<>> send_body(http::Exchange& exchange, const http::Exchange::Answer& head,
                         const site::Answer& answer, Held* held) {
  if (answer.body == BodyPlan::file || answer.body == BodyPlan::parts) {
    if (answer.body == BodyPlan::parts) {
      auto sending = send_parts(exchange, head, answer, *held);
      co_return co_await std::move(sending);
    }
    const std::uint64_t first = answer.ranges.count == 0 ? 0 : answer.ranges.items[0].first;
    if (held->body) {
      const std::string_view whole = text_of(*held, answer.file_size);
      co_return co_await exchange.respond(
          head,
          whole.substr(static_cast<std::size_t>(first), static_cast<std::size_t>(answer.length)));
    }
    auto sending = exchange.respond_file(head, held->file.native_handle(), first, answer.length,
                                         &held->residency);
    co_return co_await std::move(sending);
  }
  co_return co_await exchange.respond(head, std::string_view(answer.text));
}

// On a thread of the call lane: a hundred thousand names are long to sort.
std::string listing_page(std::vector<site::Entry> entries, const std::string& path,
                         site::Order order, std::size_t limit) {
  std::string page;
  site::sort_entries(entries, order);
  site::append_listing(page, path, entries, order, limit);
  return page;
}

Task<Result<std::string>> list_directory(Hosted& hosted, const site::Ask& ask) {
  auto reading = hosted.site.list(ask.target.path);
  auto entries = co_await std::move(reading);
  if (!entries) {
    co_return std::unexpected(entries.error());
  }
  auto making = offload(&listing_page, std::move(*entries), ask.target.path,
                        site::parse_order(ask.target.query), hosted.listing_limit);
  co_return co_await std::move(making);
}

// The page of a directory, into `answer`; another status if it cannot be read.
Task<> make_listing(Hosted& hosted, const site::Ask& ask, const site::Circumstances& now,
                    site::Answer& answer) {
  auto listing = list_directory(hosted, ask);
  auto page = co_await std::move(listing);
  if (!page) {
    site::Resource failed;
    failed.found = site::found_by(page.error());
    site::decide(ask, failed, now, answer);
    co_return;
  }
  answer.text = std::move(*page);
  answer.length = answer.text.size();
}

// Finds and decides; the entry holds what `answer` plans to send.
Task<EntryRef> choose(Hosted& hosted, const site::Ask& ask, const site::Circumstances& now,
                      site::Answer& answer) {
  EntryRef entry;
  if (site::decided_without_file(ask)) {
    site::decide(ask, {}, now, answer);
    co_return entry;
  }
  auto finding = hosted.site.find(ask.target.path, ask.target.directory);
  entry = co_await std::move(finding);
  if (entry->resource.found != Found::missing) {
    site::decide(ask, entry->resource, now, answer);
    if (answer.body == BodyPlan::listing) {
      auto listing = make_listing(hosted, ask, now, answer);
      co_await std::move(listing);
    }
    co_return entry;
  }
  auto looking = hosted.site.find(std::string(kMissingPage), false);
  entry = co_await std::move(looking);
  site::Resource missing;
  missing.name = entry->resource.name;
  missing.variants.files[0] = entry->resource.variants.files[0];
  site::decide(ask, missing, now, answer);
  co_return entry;
}

Task<> answer_at_length(http::Exchange& exchange, Service& service, std::uint64_t number) {
  const site::RequestId id = service.ids.name(number);
  const site::RequestId boundary = service.boundaries.name(service.boundaries.take());
  site::Ask ask;
  std::string joined;
  site::read_ask(exchange.request(), ask, joined);
  // Kept until the answer has gone, whatever a reload does meanwhile.
  const Hosts::Shared hosted = service.hosts->find(exchange.request());
  const site::Circumstances now{.now = wall_seconds(),
                                .listing = hosted && hosted->listing,
                                .request_id = id.text(),
                                .boundary = boundary.text()};
  site::Answer answer;
  EntryRef entry;
  if (hosted) {
    auto choosing = choose(*hosted, ask, now, answer);
    entry = co_await std::move(choosing);
  } else {
    site::answer_error(421, "This server has no site of that name.", ask, now, answer);
  }

  std::string room(answer.fields.size(), '\0');
  std::array<char, kRequestIdLine> own;
  const auto lines = checked_lines(answer.fields, room);
  if (!lines) {
    co_return;  // a field that must not be sent: the server answers 500
  }
  const http::Exchange::Answer head{.status = static_cast<unsigned>(answer.status),
                                    .lines = *lines,
                                    .own_lines = request_id_line(id, own)};
  // A listing may be long, and its client slow.
  const http::Exchange::Charge charge(exchange, answer.text.capacity());
  Held* held = entry ? &entry->held[static_cast<std::size_t>(answer.coding)] : nullptr;
  auto sending = send_body(exchange, head, answer, held);
  static_cast<void>(co_await std::move(sending));  // the log tells that it was cut off
}

}  // namespace

Task<> answer(http::Exchange& exchange, Service& service) {
  const std::uint64_t number = service.ids.take();
  exchange.context = context_of(number);
  co_await this_task::set_tag(site::RequestIds::tag_of(number));
  site::Ask& ask = service.ask;
  site::read_ask(exchange.request(), ask, service.joined);
  Hosted* hosted = service.hosts->find(exchange.request()).get();
  if (hosted != nullptr && ask.plain() && ask.target.fault == site::TargetFault::none) {
    const EntryRef entry(hosted->site.known(ask.target));
    if (entry && entry->resource.found == Found::file) {
      const Coding coding = site::choose_coding(ask.accept_encoding, entry->resource.variants);
      Held& held = entry->held[static_cast<std::size_t>(coding)];
      const std::uint64_t size = entry->resource.variants.of(coding).size;
      std::array<char, kRequestIdLine> room;
      if (const Prepared* head = prepared(*entry, ask, coding)) {
        const http::Exchange::Answer plain{
            .status = 200,
            .lines = head->lines,
            .own_lines = request_id_line(service.ids.name(number), room)};
        if (held.body) {
          static_cast<void>(co_await exchange.respond(plain, text_of(held, size)));
        } else {
          auto sending =
              exchange.respond_file(plain, held.file.native_handle(), 0, size, &held.residency);
          static_cast<void>(co_await std::move(sending));
        }
        co_return;
      }
    }
  }
  auto longer = answer_at_length(exchange, service, number);
  co_await std::move(longer);
}

http::FieldLines own_lines(void* hooks, void*& context, std::span<char> room) noexcept {
  Service& service = *static_cast<Service*>(hooks);
  if (context == nullptr) {
    context = context_of(service.ids.take());
  }
  check(room.size() >= kRequestIdLine, "a server gives less room than the line of a name takes");
  return request_id_line(service.ids.name(number_of(context)), room.first<kRequestIdLine>());
}

std::uint64_t kept_bytes(void* hooks) noexcept {
  const Service& service = *static_cast<Service*>(hooks);
  std::uint64_t bytes = service.log.waiting_bytes();
  if (service.hosts) {
    for (const Hosts::Shared& hosted : service.hosts->all()) {
      bytes += hosted->site.cache().memory();
    }
  }
  return bytes;
}

void give_back(void* hooks) noexcept {
  const Service& service = *static_cast<Service*>(hooks);
  if (service.hosts) {
    for (const Hosts::Shared& hosted : service.hosts->all()) {
      hosted->site.give_back();
    }
  }
}

void log_exchange(void* context, const http::ExchangeEnd& end) noexcept {
  Service& service = *static_cast<Service*>(context);
  if (!service.log.on()) {
    return;
  }
  Loop& loop = *Loop::current();
  site::LogRecord record;
  const Nanos duration = loop.engine().now() - end.began;
  record.duration_ns = static_cast<std::uint64_t>(std::max(duration, Nanos::zero()).count());
  record.wall_ns = (loop.host().wall_time() - duration).count();
  record.status = static_cast<int>(end.status);
  record.bytes = end.body_sent;
  record.complete = end.complete;
  std::string peer;
  if (end.peer != nullptr) {
    peer = end.peer->is_local() ? "unix" : end.peer->text();
  }
  record.peer = peer;
  const std::uint64_t number = number_of(end.context);
  const site::RequestId id = service.ids.name(number != 0 ? number : service.ids.take());
  record.request_id = id.text();
  if (end.request != nullptr) {
    using http::KnownField;
    record.method = end.request->method_text();
    record.target = end.request->target();
    record.version = end.request->version() == http::Version::http_1_0 ? "HTTP/1.0" : "HTTP/1.1";
    record.host = end.request->authority();
    record.referer = end.request->fields().find(KnownField::referer).value_or("");
    record.user_agent = end.request->fields().find(KnownField::user_agent).value_or("");
  }
  service.log.record(record);
}

}  // namespace vigil::app
