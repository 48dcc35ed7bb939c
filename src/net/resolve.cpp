// Resolving beside the loop. The question outlives the task that asked, if that gives up first.
#include "vigil/net/resolve.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>

#include "vigil/coro/stream.hpp"
#include "vigil/loop/loop.hpp"
#include "vigil/loop/system_arguments.hpp"

namespace vigil {
namespace {

class ResolveCategory final : public std::error_category {
 public:
  const char* name() const noexcept override { return "vigil.resolve"; }
  std::string message(int value) const override {
    switch (static_cast<ResolveError>(value)) {
      case ResolveError::not_found:
        return "no such host name";
      case ResolveError::temporary:
        return "the name server did not answer: try again later";
      case ResolveError::no_address:
        return "the host name has no address of this family";
      case ResolveError::server_failure:
        return "the name server failed";
    }
    return "unknown";
  }
};

constexpr std::size_t kLongestName = 253;  // RFC 1035 section 2.3.4, as text
constexpr std::size_t kMostAddresses = 32;

// The operation that is in the lane. It belongs to the task that asked, until that gives up: then
// to itself.
struct Question : Op {
  explicit Question(std::string asked) : name(std::move(asked)) {
    complete = [](Op& op) noexcept { static_cast<Question&>(op).ended(); };
    code = Opcode::resolve;
    data = reinterpret_cast<std::byte*>(&args);
    args.name = name.c_str();
    args.found = found;
  }

  void ended() noexcept {
    if (abandoned) {
      delete this;
      return;
    }
    over = true;
    if (Op* waiter = waiting.pop()) {
      Loop::current()->finish(*waiter, 0);
    }
  }

  std::string name;
  ResolveArgs args;
  WaitList waiting;  // the task that asked, or nobody
  bool over = false;
  bool abandoned = false;
  std::array<SocketName, kMostAddresses> found;
};

// Owns a question for the task that asks it.
class Asked {
 public:
  explicit Asked(Question* question) noexcept : question_(question) {}
  ~Asked() {
    if (question_ == nullptr) {
      return;
    }
    if (question_->over) {
      delete question_;
      return;
    }
    question_->abandoned = true;
    Loop::current()->resolver().cancel(*question_);  // it may not have begun
  }
  Asked(const Asked&) = delete;
  Asked& operator=(const Asked&) = delete;
  Question* operator->() const noexcept { return question_; }
  Question& operator*() const noexcept { return *question_; }
  explicit operator bool() const noexcept { return question_ != nullptr; }

 private:
  Question* question_;
};

// co_await: waits for the question's end, as a member of its list, so that cancel takes it back at
// once.
class Answer {
 public:
  explicit Answer(Question& question) noexcept : question_(question) {}
  class Awaiter {
   public:
    Awaiter(Node& node, Question& question) noexcept : node_(node), question_(question) {}
    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<>) noexcept {
      if ((node_.flags & kCancelled) != 0) {
        node_.result = -ECANCELED;
        return false;
      }
      node_.code = Opcode::wait;
      node_.data = reinterpret_cast<std::byte*>(&question_.waiting);
      node_.state = OpState::in_flight;
      question_.waiting.push(node_);
      return true;
    }
    std::int32_t await_resume() const noexcept { return node_.result; }

   private:
    Node& node_;
    Question& question_;
  };
  Awaiter bind(Node& node) const noexcept { return {node, question_}; }

 private:
  Question& question_;
};

Result<Address> read_number(const std::string& name, std::uint16_t port, AddressFamily family) {
  const bool ipv6 = name.find(':') != std::string::npos;
  const std::string host = ipv6 ? "[" + name + "]" : name;
  if (name == "localhost" || name == "*") {
    return error(std::errc::invalid_argument);  // names, which Address::parse also knows
  }
  auto address = Address::parse(host + ":" + std::to_string(port));
  if (address && family != AddressFamily::any && ipv6 != (family == AddressFamily::ipv6)) {
    return std::unexpected(make_error_code(ResolveError::no_address));
  }
  return address;
}

// Each once, the families in turn, beginning with the one that the system put first.
std::vector<Address> in_turn(std::span<const SocketName> found) {
  std::array<std::vector<Address>, 2> kinds;
  for (const SocketName& name : found) {
    const Address address(name);
    auto& kind = kinds[name.family == found.front().family ? 0 : 1];
    if (std::find(kind.begin(), kind.end(), address) == kind.end()) {
      kind.push_back(address);
    }
  }
  std::vector<Address> order;
  for (std::size_t i = 0; i < std::max(kinds[0].size(), kinds[1].size()); ++i) {
    for (const auto& kind : kinds) {
      if (i < kind.size()) {
        order.push_back(kind[i]);
      }
    }
  }
  return order;
}

ResolveError reason(ResolveArgs::Failure failure) noexcept {
  switch (failure) {
    case ResolveArgs::Failure::not_found:
      return ResolveError::not_found;
    case ResolveArgs::Failure::temporary:
      return ResolveError::temporary;
    case ResolveArgs::Failure::no_address:
      return ResolveError::no_address;
    default:
      return ResolveError::server_failure;
  }
}

SocketName::Family wanted(AddressFamily family) noexcept {
  switch (family) {
    case AddressFamily::ipv4:
      return SocketName::Family::ipv4;
    case AddressFamily::ipv6:
      return SocketName::Family::ipv6;
    default:
      return SocketName::Family::none;
  }
}

}  // namespace

const std::error_category& resolve_category() noexcept {
  static const ResolveCategory category;
  return category;
}

std::error_code make_error_code(ResolveError reason) noexcept {
  return {static_cast<int>(reason), resolve_category()};
}

Task<Result<std::vector<Address>>> resolve(std::string name, std::uint16_t port,
                                           AddressFamily family) {
  if (name.empty() || name.size() > kLongestName || name.find('\0') != std::string::npos) {
    co_return error(std::errc::invalid_argument);
  }
  auto number = read_number(name, port, family);
  if (number) {
    co_return std::vector<Address>(1, *number);
  }
  if (number.error() == ResolveError::no_address) {
    co_return std::unexpected(number.error());
  }
  const Asked question(new (std::nothrow) Question(std::move(name)));
  if (!question) {
    co_return error(std::errc::not_enough_memory);
  }
  question->args.port = port;
  question->args.family = wanted(family);
  question->state = OpState::in_flight;
  Loop::current()->resolver().submit(*question);
  const std::int32_t waited = co_await Answer(*question);
  if (waited < 0) {
    co_return failed(waited);
  }
  if (question->result < 0) {
    co_return failed(question->result);
  }
  if (question->args.failure != ResolveArgs::Failure::none) {
    co_return std::unexpected(make_error_code(reason(question->args.failure)));
  }
  const auto count = static_cast<std::size_t>(question->result);
  co_return in_turn(std::span(question->found).first(count));
}

}  // namespace vigil
