// One address for several shards: sockets in their order, one that is shared, or one whose
// connections are handed out.
#include "vigil/runtime/accept.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "net/socket.hpp"
#include "runtime/accept_place.hpp"

namespace vigil {
namespace {

constexpr std::array<std::string_view, 4> kNames{"reuseport", "reuseport-cpu", "exclusive",
                                                 "handoff"};
constexpr std::size_t kHanded = 256;  // connections on their way to one shard

bool is_group(AcceptStrategy strategy) noexcept {
  return strategy == AcceptStrategy::reuseport || strategy == AcceptStrategy::reuseport_cpu;
}

}  // namespace

std::string_view name_of(AcceptStrategy strategy) noexcept {
  return kNames[static_cast<std::size_t>(strategy)];
}

std::optional<AcceptStrategy> accept_strategy(std::string_view name) noexcept {
  const auto* found = std::ranges::find(kNames, name);
  if (found == kNames.end()) {
    return std::nullopt;
  }
  return static_cast<AcceptStrategy>(found - kNames.begin());
}

std::optional<double> skew(const std::vector<AcceptFigures>& of) noexcept {
  const auto [least, most] = std::ranges::minmax_element(of, {}, &AcceptFigures::accepted);
  if (least == of.end() || least->accepted == 0) {
    return std::nullopt;
  }
  return static_cast<double>(most->accepted) / static_cast<double>(least->accepted);
}

Acceptors::Acceptors(Shards& shards, const Address& at, AcceptStrategy strategy)
    : shards_(shards),
      strategy_(at.is_local() && is_group(strategy) ? AcceptStrategy::exclusive : strategy) {
  for (unsigned shard = 0; shard != shards.size(); ++shard) {
    places_.push_back(std::make_unique<Place>());
    places_.back()->loop = &shards.loop(shard);
  }
}

// Handles that no shard took.
Acceptors::~Acceptors() {
  for (const auto& place : places_) {
    if (place->handle != kNoHandle) {
      Loop::current()->syscalls().close(place->handle);
    }
  }
  let_go();
}

namespace {

Result<NativeHandle> duplicate_of(NativeHandle handle) noexcept {
  AdoptArgs copy{.handle = handle, .duplicate = true};
  if (const std::int32_t made = detail::perform_now(Opcode::adopt, nullptr, &copy); made < 0) {
    return failed(made);
  }
  return copy.handle;
}

}  // namespace

Result<> Acceptors::keep() noexcept try {
  kept_.reserve(places_.size());
  const auto one = [this](NativeHandle socket) -> Result<> {
    const auto copy = duplicate_of(socket);
    if (copy) {
      kept_.push_back(*copy);
    }
    return copy ? Result<>() : std::unexpected(copy.error());
  };
  if (own_.has_socket()) {
    return one(own_.descriptor_->handle);
  }
  for (const auto& place : places_) {
    if (auto kept = one(place->handle); !kept) {
      let_go();
      return kept;
    }
  }
  return {};
} catch (const std::bad_alloc&) {
  return error(std::errc::not_enough_memory);
}

void Acceptors::let_go() noexcept {
  for (const NativeHandle handle : kept_) {
    Loop::current()->syscalls().close(handle);
  }
  kept_.clear();
}

Result<std::unique_ptr<Acceptors>> Acceptors::open(Shards& shards, const Address& at,
                                                   ListenOptions options,
                                                   AcceptStrategy strategy) noexcept try {
  std::unique_ptr<Acceptors> made(new Acceptors(shards, at, strategy));
  if (auto listens = made->listen(at, options); !listens) {
    return std::unexpected(listens.error());
  }
  made->tell_address();
  return made;
} catch (const std::bad_alloc&) {
  return error(std::errc::not_enough_memory);
}

// What a listener of ours has from the start: its connections inherit it.
Result<TcpListener> Acceptors::adopt_copy(NativeHandle handle, const ListenOptions& options) {
  const auto copy = duplicate_of(handle);
  if (!copy) {
    return std::unexpected(copy.error());
  }
  auto listener = TcpListener::adopt(*copy);
  if (!listener) {
    Loop::current()->syscalls().close(*copy);
    return listener;
  }
  const auto address = listener->local_address();
  if (!address) {
    return std::unexpected(address.error());
  }
  if (address->empty()) {
    return error(std::errc::address_family_not_supported);
  }
  Result<> set = detail::set_busy_poll(listener->descriptor_, options.busy_poll);
  if (set && !address->is_local()) {
    set = detail::set_option(listener->descriptor_, SocketOption::Name::no_delay, 1);
  }
  if (!set) {
    return std::unexpected(set.error());
  }
  return listener;
}

Result<std::unique_ptr<Acceptors>> Acceptors::adopt(Shards& shards,
                                                    std::span<const NativeHandle> sockets,
                                                    Adopted how, ListenOptions options,
                                                    AcceptStrategy strategy) noexcept try {
  const bool group = sockets.size() > 1;
  if (sockets.empty() || sockets.size() > shards.size() || (group && !is_group(strategy))) {
    return error(std::errc::invalid_argument);
  }
  // One of a group is accepted from by one shard, and the others by other processes.
  const bool shared = !group && shards.size() > 1;
  const AcceptStrategy possible =
      shared && is_group(strategy) ? AcceptStrategy::exclusive : strategy;
  std::unique_ptr<Acceptors> made(new Acceptors(shards, Address(), possible));
  made->lent_ = how == Adopted::lent;
  Result<> adopted;
  if (group) {
    adopted = made->adopt_group(sockets, options);
  } else if (auto listener = adopt_copy(sockets.front(), options)) {
    listener->adopted_ = made->lent_;
    adopted = made->share(std::move(*listener));
  } else {
    adopted = std::unexpected(listener.error());
  }
  if (!adopted) {
    return std::unexpected(adopted.error());
  }
  made->tell_address();
  return made;
} catch (const std::bad_alloc&) {
  return error(std::errc::not_enough_memory);
}

Result<> Acceptors::adopt_group(std::span<const NativeHandle> sockets, ListenOptions options) {
  std::vector<TcpListener> group;
  for (const NativeHandle socket : sockets) {
    auto listener = adopt_copy(socket, options);
    if (!listener) {
      return std::unexpected(listener.error());
    }
    group.push_back(std::move(*listener));
  }
  auto address = group.front().local_address();
  if (!address) {
    return std::unexpected(address.error());
  }
  return grow(group, *address, options);
}

Result<> Acceptors::listen(const Address& at, ListenOptions options) {
  const bool alone = shards_.size() == 1;
  if (!alone && is_group(strategy_)) {
    return listen_as_group(at, options);
  }
  options.shared = options.shared || (!alone && strategy_ == AcceptStrategy::exclusive);
  auto listener = TcpListener::listen(at, options);
  if (!listener) {
    return std::unexpected(listener.error());
  }
  return share(std::move(*listener));
}

void Acceptors::tell_address() {
  for (const auto& place : places_) {
    place->share.address = address_;
  }
}

// One socket for all: each has a handle of it, or is given what comes.
Result<> Acceptors::share(TcpListener listener) {
  const bool alone = shards_.size() == 1;
  auto address = listener.local_address();
  if (!address) {
    return std::unexpected(address.error());
  }
  address_ = *address;
  own_ = std::move(listener);
  for (const auto& place : places_) {
    if (alone || place == places_.front() || strategy_ != AcceptStrategy::exclusive) {
      continue;
    }
    const auto copy = own_.duplicate();
    if (!copy) {
      return std::unexpected(copy.error());
    }
    place->handle = *copy;
  }
  if (!alone && strategy_ == AcceptStrategy::handoff) {
    for (const auto& place : places_) {
      place->handed = std::make_unique<ShardChannel<NativeHandle>>(kHanded);
      place->share.handed = place->handed.get();
    }
  }
  return {};
}

Result<> detail::nobody_has(const Address& at, const ListenOptions& options) noexcept {
  SocketArgs alone{.name = at.name(), .bind = true, .only_ipv6 = options.only_ipv6};
  const std::int32_t probe = detail::perform_now(Opcode::open_socket, nullptr, &alone);
  if (probe < 0) {
    return failed(probe);
  }
  Loop::current()->syscalls().close(probe);
  return {};
}

Result<> Acceptors::listen_as_group(const Address& at, ListenOptions options) {
  if (!options.reuse_port) {
    if (auto alone = detail::nobody_has(at, options); !alone) {
      return alone;
    }
  }
  std::vector<TcpListener> group;
  return grow(group, at, options);
}

// Until each shard has a listener of it.
Result<> Acceptors::grow(std::vector<TcpListener>& group, const Address& at,
                         ListenOptions options) {
  address_ = at;
  options.reuse_port = true;
  while (group.size() != places_.size()) {
    auto listener = TcpListener::listen(address_, options);
    if (!listener) {
      return std::unexpected(listener.error());
    }
    if (group.empty()) {
      auto address = listener->local_address();
      if (!address) {
        return std::unexpected(address.error());
      }
      address_ = *address;
    }
    group.push_back(std::move(*listener));
  }
  if (strategy_ == AcceptStrategy::reuseport_cpu) {
    const std::vector<unsigned> allowed = Loop::current()->host().processors().allowed;
    std::vector<std::uint32_t> processors;
    for (std::size_t shard = 0; shard != places_.size(); ++shard) {
      processors.push_back(allowed[shard % allowed.size()]);
    }
    SocketOption steer{.name = SocketOption::Name::steer, .processors = processors};
    const std::int32_t set = detail::perform_now(Opcode::option, group.front().descriptor_, &steer);
    if (set < 0) {
      return failed(set);
    }
  }
  for (std::size_t shard = 0; shard != places_.size(); ++shard) {
    places_[shard]->handle = group[shard].release();
  }
  return {};
}

Result<TcpListener> Acceptors::take() {
  Place& place = *places_[shards_.here()];
  Loop& loop = *Loop::current();
  place.empty_before = loop.engine().empty_accepts();
  if (place.handed) {
    place.before = loop.engine().attached();
    return TcpListener(nullptr, &place.share);
  }
  if (place.handle == kNoHandle) {
    TcpListener own = std::move(own_);
    own.share_ = &place.share;
    place.before = loop.engine().attached();
    return own;
  }
  const bool shared = strategy_ == AcceptStrategy::exclusive;
  auto attached =
      loop.engine().attach(place.handle, shared ? Attach::shared_listener : Attach::listener);
  if (!attached) {
    return std::unexpected(attached.error());
  }
  place.handle = kNoHandle;
  if (shared) {
    (*attached)->ready |= kShared;
  }
  place.before = loop.engine().attached();
  TcpListener listener(*attached, &place.share);
  listener.adopted_ = lent_;
  return listener;
}

std::vector<AcceptFigures> Acceptors::figures() const {
  std::vector<AcceptFigures> all;
  for (const auto& place : places_) {
    const std::uint64_t empty = place->loop->engine().empty_accepts();
    all.push_back({.accepted = place->share.accepted.load(std::memory_order_relaxed),
                   .live = place->live(),
                   .empty = empty - place->empty_before.load(std::memory_order_relaxed),
                   .exhausted = place->share.exhausted.load(std::memory_order_relaxed),
                   .refused = place->share.refused.load(std::memory_order_relaxed)});
  }
  return all;
}

}  // namespace vigil
