// What the faces are made of, for the seat alone.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "loop/engines.hpp"
#include "poll/selector.hpp"
#include "vigil/loop/host.hpp"
#include "vigil/loop/syscalls.hpp"

namespace vigil::sim {

class Seat;

using Environment = std::map<std::string, std::string, std::less<>>;

std::unique_ptr<Syscalls> make_syscalls(Seat& seat);
std::unique_ptr<vigil::Host> make_host(Seat& seat, Environment environment);
Result<std::unique_ptr<vigil::Host::Crew>> make_crew(Seat& seat, Body& body, Role role,
                                                     unsigned most) noexcept;

Result<std::unique_ptr<vigil::Host::Thread>> make_shard(Seat& seat, ShardBody& body) noexcept;

// For the registries: for the seat that is current. Errors: ENODEV if none is.
Result<std::unique_ptr<Selector>> make_selector();
Result<std::unique_ptr<Selector>> make_level_selector();
Result<std::unique_ptr<Engine>> make_completion_engine(EngineParts parts);

}  // namespace vigil::sim
