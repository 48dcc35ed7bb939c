// Finding a connection, and asking everybody who may have bytes of it. The socket is found among
// the descriptors of the process: that works whatever its shard is doing.
#include "admin/explain.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <nlohmann/json.hpp>
#include <span>

#include "admin/connection.hpp"
#include "vigil/coro/offload.hpp"
#include "vigil/fs/directory.hpp"
#include "vigil/loop/descriptor.hpp"
#include "vigil/loop/loop.hpp"

namespace vigil::app {
namespace {

constexpr Nanos kPatience = std::chrono::milliseconds(500);
// A connection's task keeps its state within so many bytes.
constexpr std::uintptr_t kFrame = 2048;
constexpr std::size_t kMostNamed = 10;

std::optional<unsigned> number(std::string_view text) {
  unsigned value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  return fault == std::errc{} && end == text.data() + text.size() ? std::optional(value)
                                                                  : std::nullopt;
}

template <class T>
bool ask(Syscalls& calls, Opcode code, NativeHandle handle, T& into) {
  Descriptor probe;
  probe.handle = handle;
  Op op;
  op.code = code;
  op.on = &probe;
  op.data = reinterpret_cast<std::byte*>(&into);
  return calls.perform(op) >= 0;
}

std::optional<Address> peer_of(Syscalls& calls, NativeHandle handle) {
  SocketName name;
  const bool there = ask(calls, Opcode::peer_name, handle, name);
  return there && name.port != 0 ? std::optional(Address(name)) : std::nullopt;
}

Task<std::vector<NativeHandle>> own_handles() {
  std::vector<NativeHandle> all;
  auto opening = fs::Directory::open("/proc/self/fd");
  auto directory = co_await std::move(opening);
  if (!directory) {
    co_return all;
  }
  auto listing = directory->list();
  auto names = co_await std::move(listing);
  for (bool more = names.has_value(); more;) {
    auto reading = names->next();
    const auto batch = co_await std::move(reading);
    more = batch && !batch->empty();
    for (std::size_t i = 0; more && i != batch->size(); ++i) {
      if (const auto handle = number((*batch)[i].name)) {
        all.push_back(static_cast<NativeHandle>(*handle));
      }
    }
  }
  co_return all;
}

struct Candidate {
  NativeHandle handle;
  Address peer;
};

std::vector<Candidate> choose(Syscalls& calls, std::span<const NativeHandle> handles,
                              const PeerName& name) {
  std::vector<Candidate> chosen;
  for (const NativeHandle handle : handles) {
    const auto peer = peer_of(calls, handle);
    if (peer && name.means(*peer)) {
      chosen.push_back({handle, *peer});
    }
  }
  return chosen;
}

// The task whose frame the connection's state is in: the nearest that begins before it.
const Dump::Task* task_at(const Dump& dump, std::uintptr_t place) {
  const Dump::Task* found = nullptr;
  std::uintptr_t nearest = kFrame;
  for (const Dump::Task& task : dump.tasks) {
    for (const std::uintptr_t frame : task.frames) {
      if (frame < place && place - frame < nearest) {
        nearest = place - frame;
        found = &task;
      }
    }
  }
  return found;
}

const Dump::Task* task_on(const Dump& dump, NativeHandle handle) {
  const auto found = std::ranges::find(dump.tasks, handle, &Dump::Task::handle);
  return found != dump.tasks.end() ? &*found : nullptr;
}

std::string running_in(const Dump& dump) {
  const auto found = std::ranges::find(dump.tasks, TaskState::running, &Dump::Task::state);
  const std::string places = found != dump.tasks.end() ? places_text(found->awaits) : std::string();
  return places.empty() ? places : places.substr(places.rfind(' ') + 1);
}

std::string loop_of(unsigned shard) { return "vigil/" + std::to_string(shard); }

void take_in(const std::vector<LoopDump>& loops, ConnectionState& state) {
  for (const LoopDump& loop : loops) {
    const Dump::Task* task = nullptr;
    if (loop.dump && state.http && loop.loop == state.loop) {
      task = task_at(*loop.dump, state.http->frame);
    } else if (loop.dump && !state.http) {
      task = task_on(*loop.dump, state.handle);
    }
    if (task != nullptr) {
      state.task = *task;
      state.loop = loop.loop;
    }
  }
  for (const LoopDump& loop : loops) {
    const bool may_have_it = state.loop.empty()
                                 ? std::ranges::find(state.silent, loop.loop) != state.silent.end()
                                 : loop.loop == state.loop;
    if (!state.http && may_have_it && loop.stuck_for && !state.stuck_for) {
      state.stuck_for = loop.stuck_for;
      state.stuck_in = loop.dump ? running_in(*loop.dump) : std::string();
      std::erase(state.silent, loop.loop);
      state.silent.insert(state.silent.begin(), loop.loop);
    }
  }
}

// Blocks. The kernel comes last: what it says is compared with what moved meanwhile, and the
// descriptor may be another one's by then.
ConnectionState look(const Panel* panel, Syscalls* calls, Candidate at) {
  ConnectionState state;
  state.peer = at.peer.text();
  state.handle = at.handle;
  const Panel::Answers answers = panel->ask_for(at.handle, kPatience);
  if (answers.told) {
    state.http = answers.told->view;
    state.loop = loop_of(answers.told->shard);
  } else {
    std::ranges::transform(answers.silent, std::back_inserter(state.silent), &loop_of);
  }
  if (StallWatcher* watcher = panel->watcher()) {
    take_in(watcher->dump(), state);
  }
  SocketQueues queues;
  if (ask(*calls, Opcode::socket_queues, at.handle, queues) &&
      peer_of(*calls, at.handle) == at.peer) {
    state.kernel = queues;
  }
  return state;
}

Explained not_found(const std::string& why, std::span<const Candidate> candidates, bool json) {
  if (!json) {
    return {.found = false, .text = why + "\n"};
  }
  nlohmann::ordered_json names = nlohmann::ordered_json::array();
  for (const Candidate& each : candidates) {
    names.push_back(each.peer.text());
  }
  return {.found = false,
          .text = nlohmann::ordered_json{{"error", why}, {"peers", names}}.dump() + "\n"};
}

Explained several(std::span<const Candidate> candidates, bool json) {
  std::string names;
  for (const Candidate& each : candidates.first(std::min(candidates.size(), kMostNamed))) {
    names += (names.empty() ? "" : ", ") + each.peer.text();
  }
  if (candidates.size() > kMostNamed) {
    names += " and " + std::to_string(candidates.size() - kMostNamed) + " more";
  }
  return not_found("several connections have a peer with that port: " + names + ".", candidates,
                   json);
}

}  // namespace

std::optional<PeerName> peer_name(std::string_view text) {
  if (const auto port = number(text)) {
    return *port != 0 && *port <= 65535
               ? std::optional(PeerName{Address::any(static_cast<std::uint16_t>(*port)), true})
               : std::nullopt;
  }
  const auto address = Address::parse(text);
  return address && !address->is_local() && address->port() != 0
             ? std::optional(PeerName{*address, false})
             : std::nullopt;
}

Task<Explained> explain(const Panel* panel, PeerName name, bool json) {
  Syscalls* calls = &Loop::current()->syscalls();
  auto listing = own_handles();
  const std::vector<NativeHandle> handles = co_await std::move(listing);
  auto choosing = offload([](Syscalls* with, const std::vector<NativeHandle>* among,
                             const PeerName* whom) { return choose(*with, *among, *whom); },
                          calls, &handles, &name);
  const auto chosen = co_await std::move(choosing);
  const std::vector<Candidate> candidates = chosen.value_or(std::vector<Candidate>());
  if (candidates.empty()) {
    co_return not_found(std::string(kNoConnection) + " `vigil dump` shows who is there.",
                        candidates, json);
  }
  if (candidates.size() > 1) {
    co_return several(candidates, json);
  }
  auto looking = offload(&look, panel, calls, candidates.front());
  const auto state = co_await std::move(looking);
  if (!state) {
    co_return not_found("the server is ending.", candidates, json);
  }
  co_return Explained{.found = true, .text = json ? as_json(*state) + "\n" : as_text(*state)};
}

}  // namespace vigil::app
