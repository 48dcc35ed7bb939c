// Sockets that were passed, and the variables that tell of them.
#include "serve/handed.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

#include "vigil/loop/loop.hpp"
#include "vigil/net/tcp.hpp"
#include "vigil/runtime/explain.hpp"

namespace vigil::app {
namespace {

constexpr NativeHandle kFirstPassed = 3;  // SD_LISTEN_FDS_START

std::optional<std::uint64_t> number_in(const std::optional<std::string>& text) noexcept {
  std::uint64_t number = 0;
  if (!text || text->empty()) {
    return std::nullopt;
  }
  const char* const end = text->data() + text->size();
  const auto read = std::from_chars(text->data(), end, number);
  return read.ec == std::errc() && read.ptr == end ? std::optional(number) : std::nullopt;
}

std::vector<std::string> split(std::string_view names) {
  std::vector<std::string> all;
  for (;;) {
    const std::size_t end = names.find(':');
    all.emplace_back(names.substr(0, end));
    if (end == std::string_view::npos) {
      return all;
    }
    names.remove_prefix(end + 1);
  }
}

}  // namespace

HandedDown take_handed_down(Host& host) {
  HandedDown handed;
  handed.process = host.process_number();
  const auto listener = number_in(host.take_environment("LISTEN_PID"));
  const auto sockets = number_in(host.take_environment("LISTEN_FDS"));
  const auto names = host.take_environment("LISTEN_FDNAMES");
  static_cast<void>(host.take_environment("LISTEN_PIDFDID"));
  if (listener && *listener == handed.process) {
    constexpr std::uint64_t kMost = std::numeric_limits<NativeHandle>::max() - kFirstPassed;
    handed.sockets = std::min(sockets.value_or(0), kMost);
    handed.names = split(names.value_or(""));
  }
  handed.notify = host.take_environment("NOTIFY_SOCKET").value_or("");
  const auto watched = host.take_environment("WATCHDOG_PID");
  const auto micros = number_in(host.take_environment("WATCHDOG_USEC"));
  handed.succeeds = host.take_environment(kSuccessor).has_value();
  handed.has_parent = host.take_environment(kProcess).has_value();
  const bool for_this = !watched || number_in(watched) == handed.process;
  constexpr std::uint64_t kLongest = kForever.count() / 1000;
  if (for_this && micros && *micros < kLongest) {
    handed.watchdog = std::chrono::microseconds(*micros);
  }
  return handed;
}

std::vector<std::string> HandedDown::for_successor() const {
  std::vector<std::string> variables;
  if (!notify.empty()) {
    variables.push_back("NOTIFY_SOCKET=" + notify);
  }
  if (watchdog != Nanos::zero()) {
    const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(watchdog).count();
    variables.push_back("WATCHDOG_USEC=" + std::to_string(micros));
  }
  return variables;
}

PassedSockets::~PassedSockets() {
  if (status_ != kNoHandle) {
    Loop::current()->syscalls().close(status_);
  }
  for (const Passed& each : all_) {
    for (const NativeHandle handle : each.handles) {
      Loop::current()->syscalls().close(handle);
    }
  }
}

std::uint64_t PassedSockets::size() const noexcept {
  std::uint64_t count = 0;
  for (const Passed& each : all_) {
    count += each.handles.size();
  }
  return count;
}

std::string PassedSockets::take(const HandedDown& handed) {
  for (std::uint64_t i = 0; i != handed.sockets; ++i) {
    const auto handle = kFirstPassed + static_cast<NativeHandle>(i);
    std::string why = take_one(handle, i < handed.names.size() ? handed.names[i] : "");
    if (!why.empty()) {
      return why;
    }
  }
  return {};
}

// Its name and number are another's afterwards: the listener is closed with what adopted it.
Result<PassedSockets::Passed> PassedSockets::look_at(NativeHandle handle) const {
  auto listener = TcpListener::adopt(handle);
  if (!listener) {
    return std::unexpected(listener.error());
  }
  const auto address = listener->local_address();
  const auto endpoint = address && !address->empty()
                            ? cli::parse_endpoint(address->text())
                            : cli::Parsed<cli::Endpoint>(std::unexpected("no such address"));
  const auto copy = listener->duplicate();
  if (!copy) {
    return std::unexpected(copy.error());
  }
  Passed passed;
  passed.handles = {*copy};
  if (!endpoint) {
    Loop::current()->syscalls().close(*copy);
    return error(std::errc::address_family_not_supported);
  }
  passed.address = *address;
  passed.endpoint = *endpoint;
  return passed;
}

std::string PassedSockets::take_one(NativeHandle handle, std::string name) {
  name += (name.empty() ? "descriptor " : " (descriptor ") + std::to_string(handle) +
          (name.empty() ? "" : ")");
  const std::string refused = "vigil serve: cannot use the socket that was passed as " + name;
  auto passed = look_at(handle);
  if (!passed && passed.error() == std::errc::not_a_socket) {
    return refused + ": it is no stream socket that listens. Pass it by ListenStream=.";
  }
  if (!passed && passed.error() == std::errc::address_family_not_supported) {
    return refused + ": it is neither TCP nor local. Pass it by ListenStream=.";
  }
  if (!passed) {
    return refused + ": " + reason(passed.error()) + ".";
  }
  const std::string at = passed->address.text();
  const bool doubled = std::ranges::find(all_, passed->address, &Passed::address) != all_.end();
  passed->name = std::move(name);
  all_.push_back(std::move(*passed));
  return doubled ? refused + ": another one is bound to " + at + " as well. Pass one of them."
                 : std::string();
}

std::string PassedSockets::take_given(const std::vector<NativeHandle>& handles, std::string_view as,
                                      Acceptors::Adopted how) {
  Passed all;
  all.how = how;
  std::string why;
  if (const auto endpoint = cli::parse_endpoint(as)) {
    all.endpoint = *endpoint;
  } else {
    why = "it names an address that is none";
  }
  for (const NativeHandle handle : handles) {
    auto passed = look_at(handle);
    if (!passed) {
      why = reason(passed.error());
      Loop::current()->syscalls().close(handle);
      continue;
    }
    all.address = passed->address;
    all.handles.push_back(passed->handles.front());
  }
  all.name = all.address.text();
  all_.push_back(std::move(all));
  return why;
}

void PassedSockets::drop_given() noexcept {
  std::erase_if(all_, [](const Passed& each) {
    if (each.how == Acceptors::Adopted::given) {
      std::ranges::for_each(each.handles,
                            [](NativeHandle handle) { Loop::current()->syscalls().close(handle); });
    }
    return each.how == Acceptors::Adopted::given;
  });
}

const PassedSockets::Passed* PassedSockets::find(const cli::Endpoint& endpoint) const noexcept {
  const auto address = Address::parse(cli::endpoint_text(endpoint));
  const auto found = std::ranges::find_if(all_, [&](const Passed& each) {
    return each.endpoint == endpoint ||
           (each.how == Acceptors::Adopted::lent && address && each.address == *address);
  });
  return found == all_.end() ? nullptr : &*found;
}

void PassedSockets::stand_in(config::Configuration& configuration) const {
  const config::Setting& listen = *configuration.program.find("listen");
  const bool named = listen.from != config::From::initial || listen.texts.empty();
  const auto lent = [](const Passed& each) { return each.how == Acceptors::Adopted::lent; };
  if (named || configuration.listeners.empty() || std::ranges::none_of(all_, lent)) {
    return;
  }
  config::Part like = std::move(configuration.listeners.front());
  configuration.listeners.clear();
  for (const Passed& each : all_) {
    if (lent(each)) {
      like.values.listen = {each.endpoint};
      configuration.listeners.push_back(like);
    }
  }
}

std::vector<std::string> PassedSockets::unused(const config::Configuration& configuration) const {
  std::vector<std::string> sentences;
  for (const Passed& each : all_) {
    const auto uses = [&](const config::Part& part) {
      return find(part.values.listen.front()) == &each;
    };
    // What was given and is not used is a listener less than before.
    if (each.how == Acceptors::Adopted::lent &&
        std::ranges::none_of(configuration.listeners, uses)) {
      sentences.push_back("vigil serve: nobody accepts from the socket that was passed as " +
                          each.name + ". Name its address (--listen " +
                          cli::endpoint_text(each.endpoint) + "), or do not pass it.");
    }
  }
  return sentences;
}

}  // namespace vigil::app
