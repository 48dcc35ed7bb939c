// Allocations of this program, counted and made to fail: its operator new is here, and nowhere in
// the libraries.
//
// Counted are those that a simulated program makes while its step runs; those of the simulated
// kernel that serves it are not: no program has them.
#pragma once

#include <cstdint>
#include <vector>

namespace vigil::points {

// Notes the numbers of the allocations that are programs', until end_record().
void begin_record();
std::vector<std::uint64_t> end_record();

// The allocation with this number of those that a record counts fails; what comes after does not.
void fail_allocation(std::uint64_t number);
// Whether it was reached.
bool end_fail() noexcept;

// Blocks lie elsewhere than malloc(3) alone would put them, by `seed`: what depends on addresses
// shows itself.
void scatter_allocations(std::uint64_t seed) noexcept;

}  // namespace vigil::points
