// Acceptors: one address for all shards, and who gets the next connection.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "vigil/net/serve.hpp"
#include "vigil/net/tcp.hpp"
#include "vigil/runtime/shards.hpp"

namespace vigil {

// How the connections of one address come to several shards. docs/guide/06-all-cores.md says which
// to choose.
enum class AcceptStrategy : std::uint8_t {
  reuseport,      // a socket each (SO_REUSEPORT): the kernel spreads by a hash of the addresses
  reuseport_cpu,  // the same, and the processor on which a connection comes in chooses
  exclusive,  // one socket, which all wait on; one is woken (EPOLLEXCLUSIVE): the busy ones rest
  handoff     // shard 0 accepts, and gives to the shard that has the fewest
};

// "reuseport", "reuseport-cpu", "exclusive", "handoff". Any thread.
std::string_view name_of(AcceptStrategy strategy) noexcept;
std::optional<AcceptStrategy> accept_strategy(std::string_view name) noexcept;

// What came to one shard.
struct AcceptFigures {
  std::uint64_t accepted = 0;
  std::size_t live = 0;     // handles that its loop has now, beyond those it had when it began
  std::uint64_t empty = 0;  // wake-ups by a listener that found nothing to accept
};

// How uneven counts are: most to least. 1: all alike; nothing: one has none.
std::optional<double> skew(const std::vector<AcceptFigures>& of) noexcept;

// The listeners of one address, one for each shard of a set. Made on shard 0, and there until all
// of them are closed.
class Acceptors {
 public:
  // Binds and listens for all shards, in their order, before any serves: a connection that comes
  // meanwhile waits for its shard. On a local path (unix:) `reuseport` is `exclusive`: the system
  // has no groups of those. With one shard the strategy does not matter.
  //
  // Errors: those of TcpListener::listen; no_protocol_option if this system
  // cannot steer by processor. A port that another program's group has is address_in_use, unless
  // `options.reuse_port` says that this is meant.
  static Result<std::unique_ptr<Acceptors>> open(Shards& shards, const Address& at,
                                                 ListenOptions options,
                                                 AcceptStrategy strategy) noexcept;
  // The same with a listening stream socket that was made elsewhere (socket activation), which
  // stays the caller's and may go on after this: nothing is bound, of `options` only `busy_poll`
  // counts, and a drain does not refuse who comes, who waits for the next to accept. There is one
  // socket, so both ways of `reuseport` are `exclusive`.
  //
  // Errors: not_a_socket, address_family_not_supported (neither TCP nor local), EMFILE; those of
  // setsockopt(2).
  static Result<std::unique_ptr<Acceptors>> adopt(Shards& shards, NativeHandle handle,
                                                  ListenOptions options,
                                                  AcceptStrategy strategy) noexcept;
  ~Acceptors();
  Acceptors(const Acceptors&) = delete;
  Acceptors& operator=(const Acceptors&) = delete;

  // With the port that was taken. Any thread.
  const Address& address() const noexcept { return address_; }
  AcceptStrategy strategy() const noexcept { return strategy_; }

  // On a shard, once: its listener. Errors: EMFILE, ENOMEM.
  Result<TcpListener> take();

  // For `handoff`, on shard 0: accepts and hands out until it is cancelled, and returns why it
  // stopped; or until the drain begins: then until nobody waits any more, and the listeners of all
  // shards end (broken_pipe) when what is theirs was accepted. At once for the others.
  Task<Result<>> hand_out(Drain& drain);

  // Any thread: by shard, a moment ago.
  std::vector<AcceptFigures> figures() const;

 private:
  struct Place;
  Acceptors(Shards& shards, const Address& at, AcceptStrategy strategy);
  Result<> listen(const Address& at, ListenOptions options);
  Result<> listen_as_group(const Address& at, ListenOptions options);
  static Result<TcpListener> adopt_copy(NativeHandle handle, const ListenOptions& options);
  Result<> share(TcpListener listener);
  void tell_address();
  Place& least_loaded() noexcept;
  bool hand(NativeHandle handle);
  Task<Result<>> hand_out_all(Scope* scope, Drain* drain);

  Shards& shards_;
  const AcceptStrategy strategy_;
  Address address_;
  bool adopted_ = false;
  TcpListener own_;  // handoff: the one that is accepted from
  std::vector<std::unique_ptr<Place>> places_;
};

}  // namespace vigil
