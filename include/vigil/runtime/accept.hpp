// Acceptors: one address for all shards, and who gets the next connection.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
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
  std::size_t live = 0;         // handles that its loop has now, beyond those it had when it began
  std::uint64_t empty = 0;      // wake-ups by a listener that found nothing to accept
  std::uint64_t exhausted = 0;  // as in ServeFigures, of this address; `handoff`: all at shard 0
  std::uint64_t refused = 0;
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
  // Whose the sockets are that adopt() is given.
  enum class Adopted : std::uint8_t {
    lent,  // somebody goes on with them afterwards (socket activation): a drain does not refuse who
           // comes, who waits for the next to accept
    given  // nobody does: by a process that has handed them over (handles())
  };
  // The same with listening stream sockets that were made elsewhere, and whose handles stay the
  // caller's: nothing is bound, of `options` only `busy_poll` counts. One socket is accepted from
  // by all shards: both ways of `reuseport` are `exclusive` then. Several are a group, one for each
  // shard; a larger set of shards makes it larger.
  //
  // Errors: not_a_socket, address_family_not_supported (neither TCP nor local), EMFILE; those of
  // setsockopt(2); invalid_argument (a group with fewer shards than sockets, from some of which
  // nobody would accept, or with a strategy that has none).
  static Result<std::unique_ptr<Acceptors>> adopt(Shards& shards,
                                                  std::span<const NativeHandle> sockets,
                                                  Adopted how, ListenOptions options,
                                                  AcceptStrategy strategy) noexcept;
  ~Acceptors();
  Acceptors(const Acceptors&) = delete;
  Acceptors& operator=(const Acceptors&) = delete;

  // With the port that was taken. Any thread.
  const Address& address() const noexcept { return address_; }
  AcceptStrategy strategy() const noexcept { return strategy_; }

  // Before any shard has its listener: keeps duplicates of the sockets, for handles(). They keep
  // the sockets open, too. Errors: EMFILE, not_enough_memory.
  Result<> keep() noexcept;
  void let_go() noexcept;
  // What keep() kept, by shard or the one of all; for another process to adopt. Stay this object's.
  std::span<const NativeHandle> handles() const noexcept { return kept_; }

  // On a shard, once: its listener. Errors: EMFILE, ENOMEM.
  Result<TcpListener> take();

  // For `handoff`, on shard 0: accepts and hands out until it is cancelled, and returns why it
  // stopped; or until the drain begins: then until nobody waits any more, and the listeners of all
  // shards end (broken_pipe) when what is theirs was accepted. At once for the others. `shortage`
  // is as in ServeOptions: shard 0 refuses for all.
  Task<Result<>> hand_out(Drain& drain, Shortage shortage = {});

  // Any thread: by shard, a moment ago.
  std::vector<AcceptFigures> figures() const;

 private:
  struct Place;
  Acceptors(Shards& shards, const Address& at, AcceptStrategy strategy);
  Result<> listen(const Address& at, ListenOptions options);
  Result<> listen_as_group(const Address& at, ListenOptions options);
  static Result<TcpListener> adopt_copy(NativeHandle handle, const ListenOptions& options);
  Result<> adopt_group(std::span<const NativeHandle> sockets, ListenOptions options);
  Result<> grow(std::vector<TcpListener>& group, const Address& at, ListenOptions options);
  Result<> share(TcpListener listener);
  void tell_address();
  Place& least_loaded() noexcept;
  bool hand(NativeHandle handle);
  Task<Result<>> hand_out_all(Scope* scope, Drain* drain, const Shortage* shortage);
  Task<Result<>> hand_on(NativeHandle handle);

  Shards& shards_;
  const AcceptStrategy strategy_;
  Address address_;
  bool lent_ = false;
  TcpListener own_;  // handoff: the one that is accepted from
  std::vector<std::unique_ptr<Place>> places_;
  std::vector<NativeHandle> kept_;
};

}  // namespace vigil
