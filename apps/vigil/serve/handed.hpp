// What a service manager hands down with the start of the program, by the protocols of
// sd_listen_fds(3), sd_notify(3) and sd_watchdog_enabled(3): nothing of it needs systemd itself.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/configuration.hpp"
#include "vigil/base/handle.hpp"
#include "vigil/loop/host.hpp"
#include "vigil/net/address.hpp"
#include "vigil/runtime/accept.hpp"

namespace vigil::app {

// The environment of a process that takes the place of another has it.
inline constexpr const char* kSuccessor = "VIGIL_SUCCESSOR";
// That of one of `--processes` has its number in it.
inline constexpr const char* kProcess = "VIGIL_PROCESS";

// As the environment says it. All empty: nobody looks after this process.
struct HandedDown {
  std::uint64_t sockets = 0;       // that many descriptors, from 3 on
  std::vector<std::string> names;  // of them, as far as they have some
  std::string notify;              // where words go: a path, or "@" and an abstract name
  Nanos watchdog{};                // a word is expected at least so often; zero: none is
  std::uint64_t process = 0;       // the number of this one
  bool succeeds = false;           // standard input leads to the process whose place it takes
  bool has_parent = false;         // standard input leads to the parent of this and others

  // The variables that a process needs to be looked after in the same way.
  std::vector<std::string> for_successor() const;
};

// Takes the variables out of the environment, those that are meant for another process, too. Before
// there are other threads.
HandedDown take_handed_down(Host& host);

// The listening sockets that were passed, for as long as the program runs: a reload may come back
// to one, and systemd goes on with them afterwards. Shard 0's.
class PassedSockets {
 public:
  PassedSockets() = default;
  ~PassedSockets();
  PassedSockets(const PassedSockets&) = delete;
  PassedSockets& operator=(const PassedSockets&) = delete;

  // Takes them over: their own numbers are free then, and what it has closes on exec. What can
  // never be used is in the way, as a whole sentence, or nothing.
  std::string take(const HandedDown& handed);
  // How many descriptors this has.
  std::uint64_t size() const noexcept;

  // Takes over what the process gave whose place this one takes: the sockets of a listener that its
  // configuration called `as`, whatever port that took, or of its status address. What is in the
  // way, as the rest of a sentence, or nothing; the handles are this object's in any case.
  std::string take_given(const std::vector<NativeHandle>& handles, std::string_view as,
                         Acceptors::Adopted how);
  void take_status(NativeHandle handle) noexcept { status_ = handle; }
  // Lets go of what was given for good: who accepts from it has it by now.
  void drop_given() noexcept;

  // The sockets of one address. They stay this object's.
  struct Passed {
    std::string name;  // "web.socket (127.0.0.1:80)"
    Address address;
    cli::Endpoint endpoint;
    std::vector<NativeHandle> handles;
    Acceptors::Adopted how = Acceptors::Adopted::lent;
  };
  // What had this name where it comes from, or, of those that were lent, what is bound to it. Null:
  // there is none.
  const Passed* find(const cli::Endpoint& endpoint) const noexcept;
  // Whether there is nowhere to listen but at these: somebody else keeps all listeners.
  bool are_all() const noexcept { return are_all_; }
  void be_all() noexcept { are_all_ = true; }
  // Of the status address, the caller's from now on, or kNoHandle.
  NativeHandle release_status() noexcept { return std::exchange(status_, kNoHandle); }
  // Where nobody named a place to listen at, these are the places.
  void stand_in(config::Configuration& configuration) const;
  // A sentence for each that no listener of `configuration` uses.
  std::vector<std::string> unused(const config::Configuration& configuration) const;

 private:
  std::string take_one(NativeHandle handle, std::string name);
  Result<Passed> look_at(NativeHandle handle) const;

  std::vector<Passed> all_;
  NativeHandle status_ = kNoHandle;
  bool are_all_ = false;
};

}  // namespace vigil::app
