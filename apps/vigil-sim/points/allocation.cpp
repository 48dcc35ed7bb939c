// The operator new of this program.
#include "points/allocation.hpp"

#include <execinfo.h>

#include <array>
#include <cstdlib>
#include <new>
#include <utility>

#include "faces/seat.hpp"
#include "guard/symbols.hpp"

namespace vigil::points {
namespace {

enum class Mode : std::uint8_t { off, record, fail };

constinit Mode mode = Mode::off;
constinit std::uint64_t count = 0;
constinit std::uint64_t failing = 0;
constinit bool reached = false;
constinit bool inside = false;  // what the record itself allocates is nobody's
constinit std::uint64_t scatter = 0;

std::vector<std::uint64_t>& record() {
  static std::vector<std::uint64_t> numbers;
  return numbers;
}

// The first function on the stack that is ours says whose allocation it is.
bool is_programs() {
  std::array<void*, 48> stack{};
  const int depth = ::backtrace(stack.data(), static_cast<int>(stack.size()));
  for (int i = 1; i < depth; ++i) {
    std::string_view name = guard::Symbols::own().name(stack[static_cast<std::size_t>(i)]);
    if (!name.starts_with("_Z")) {
      continue;
    }
    name.remove_prefix(2);
    while (name.starts_with('Z')) {
      name.remove_prefix(1);
    }
    if (!name.starts_with('N')) {
      continue;
    }
    name.remove_prefix(1);
    if (name.starts_with('K')) {
      name.remove_prefix(1);
    }
    if (name.starts_with("4chat")) {
      return true;
    }
    if (name.starts_with("5vigil") && !name.starts_with("5vigil6points")) {
      return !name.starts_with("5vigil3sim");
    }
  }
  return false;
}

// Whether the allocation that is being made is to fail.
bool allocation_fails() noexcept {
  if (mode == Mode::off || inside || sim::Seat::current() == nullptr) {
    return false;
  }
  ++count;
  if (mode == Mode::fail) {
    if (count != failing) {
      return false;
    }
    mode = Mode::off;
    reached = true;
    return true;
  }
  inside = true;
  if (is_programs()) {
    record().push_back(count);
  }
  inside = false;
  return false;
}

// Blocks are pushed apart by steps of 16 bytes that the seed chooses.
std::size_t scattered(std::size_t size) noexcept {
  if (scatter == 0) {
    return size;
  }
  scatter = scatter * 6364136223846793005ULL + 1442695040888963407ULL;
  return size + ((scatter >> 40) & 31) * 16;
}

}  // namespace

void begin_record() {
  record().clear();
  record().reserve(100'000);
  static_cast<void>(guard::Symbols::own());
  std::array<void*, 2> warm{};
  ::backtrace(warm.data(), 2);  // loads its unwinder, once
  count = 0;
  mode = Mode::record;
}

std::vector<std::uint64_t> end_record() {
  mode = Mode::off;
  return std::exchange(record(), {});
}

void fail_allocation(std::uint64_t number) {
  count = 0;
  failing = number;
  reached = false;
  mode = Mode::fail;
}

bool end_fail() noexcept {
  mode = Mode::off;
  return reached;
}

void scatter_allocations(std::uint64_t seed) noexcept { scatter = seed | 1; }

}  // namespace vigil::points

void* operator new(std::size_t size) {
  if (vigil::points::allocation_fails()) {
    throw std::bad_alloc();
  }
  if (void* block = std::malloc(vigil::points::scattered(size == 0 ? 1 : size))) {
    return block;
  }
  throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return vigil::points::allocation_fails()
             ? nullptr
             : std::malloc(vigil::points::scattered(size == 0 ? 1 : size));
}
void* operator new[](std::size_t size) { return ::operator new(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return ::operator new(size, std::nothrow);
}
void operator delete(void* block) noexcept { std::free(block); }
void operator delete(void* block, std::size_t) noexcept { std::free(block); }
void operator delete(void* block, const std::nothrow_t&) noexcept { std::free(block); }
void operator delete[](void* block) noexcept { std::free(block); }
void operator delete[](void* block, std::size_t) noexcept { std::free(block); }
