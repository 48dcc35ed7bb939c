// The public face of the Poller, and the choice of its backend.
#include "vigil/poll/poller.hpp"

#include <cstdlib>
#include <new>
#include <utility>

#include "poll/poller_core.hpp"

namespace vigil {
namespace {

bool audit_wanted(Audit audit) noexcept {
  if (audit != Audit::from_environment) {
    return audit == Audit::on;
  }
  const char* asked = std::getenv("VIGIL_AUDIT");
  return asked != nullptr && *asked != '\0' && std::string_view(asked) != "0";
}

Result<std::unique_ptr<Selector>> make_selector(std::string_view name) noexcept {
  Result<std::unique_ptr<Selector>> made = refuse(PollerErrc::unknown_backend);
  for (const SelectorRow* row = first_selector(); row != nullptr && !made; row = row->next) {
    if (name.empty() || name == row->name) {
      made = row->make();
    }
  }
  if (!made && made.error() == std::errc::value_too_large) {
    return refuse(PollerErrc::above_limit);
  }
  return made;
}

}  // namespace

Result<Poller> Poller::create(PollerOptions options) {
  auto selector = make_selector(options.backend);
  if (!selector) {
    return std::unexpected(selector.error());
  }
  try {
    auto audit = audit_wanted(options.audit)
                     ? std::make_unique<Auditor>(std::move(options.audit_sink))
                     : nullptr;
    return Poller(std::make_unique<Core>(std::move(*selector), std::move(audit)));
  } catch (const std::bad_alloc&) {
    return error(std::errc::not_enough_memory);
  }
}

std::vector<std::string_view> Poller::backends() {
  std::vector<std::string_view> names;
  for (const SelectorRow* row = first_selector(); row != nullptr; row = row->next) {
    names.push_back(row->name);
  }
  return names;
}

Poller::Poller(std::unique_ptr<Core> core) noexcept
    : core_(std::move(core)), needs_word_(!core_->traits().edge) {}
Poller::Poller(Poller&& other) noexcept = default;
Poller& Poller::operator=(Poller&& other) noexcept = default;
Poller::~Poller() = default;

Result<Token> Poller::add(const Source& source, std::source_location where) noexcept {
  return core_->add(source, where);
}
Result<> Poller::modify(Token token, const Source& source, std::source_location where) noexcept {
  return core_->modify(token, source, where);
}
Result<> Poller::rearm(Token token) noexcept { return core_->rearm(token); }
Result<> Poller::remove(Token token) noexcept { return core_->remove(token); }
Result<> Poller::close(Token token) noexcept { return core_->close(token); }

Result<> Poller::apply(std::span<PollerChange> changes, std::source_location where) noexcept {
  Result<> first;
  for (PollerChange& change : changes) {
    Result<> done;
    if (change.action == PollerChange::Action::add) {
      const auto token = core_->add(change.source, where);
      change.token = token ? *token : Token{};
      done = token ? Result<>{} : std::unexpected(token.error());
    } else if (change.action == PollerChange::Action::modify) {
      done = core_->modify(change.token, change.source, where);
    } else {
      done = core_->remove(change.token);
    }
    change.error = done ? std::error_code{} : done.error();
    if (first && !done) {
      first = done;
    }
  }
  return first;
}

Result<std::span<Event>> Poller::wait(std::span<Event> room, Nanos at_most) noexcept {
  return core_->wait(room, at_most);
}
void Poller::told_to_block(Token token, std::uint32_t directions) noexcept {
  core_->would_block(token, directions);
}
bool Poller::is_current(Token token) const noexcept { return core_->is_current(token); }
void Poller::notify() noexcept { core_->notify(); }
Result<> Poller::post(Token token) noexcept { return core_->post(token); }
std::string_view Poller::backend() const noexcept { return core_->traits().name; }
bool Poller::native_edge() const noexcept { return core_->traits().edge; }
NativeHandle Poller::handle() const noexcept { return core_->selector().handle(); }
std::size_t Poller::size() const noexcept { return core_->size(); }
std::uint64_t Poller::stale_events() const noexcept { return core_->stale_events(); }

}  // namespace vigil
