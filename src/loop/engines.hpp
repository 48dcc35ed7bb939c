// The engines by name. Every selector makes a readiness engine; engines of their own add a row.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "vigil/base/result.hpp"
#include "vigil/loop/engine.hpp"

namespace vigil {

class Buffers;
class Selector;
class Syscalls;

// What an engine stands on; all of it outlives the engine.
struct EngineParts {
  Syscalls& syscalls;
  Buffers& buffers;
  bool sqpoll = false;  // LoopOptions::sqpoll, for an engine that has a ring
};

struct EngineRow {
  std::string_view name;
  Result<std::unique_ptr<Engine>> (*make)(EngineParts parts);
  EngineRow* next = nullptr;
  // Why make() fails on this machine, in words; empty if it does not. Null: it never fails for the
  // machine's sake.
  std::string_view (*why_not)() noexcept = nullptr;
};

EngineRow* first_engine() noexcept;        // engines that stand on no selector; walk by `next`
void add_engine(EngineRow& row) noexcept;  // appends; the row lives as long as the program
const EngineRow* find_engine(std::string_view name) noexcept;

// The first of `names` that can run here: names separated by commas, or "auto". What is passed over
// for that is appended to `passed_over` with its reason. Errors: invalid_argument (one of the names
// is none), or why the last of them cannot run here.
Result<std::unique_ptr<Engine>> make_engine(std::string_view names, EngineParts parts,
                                            std::string& passed_over);

// Takes the name at the front of names that are separated by commas.
std::string_view take_name(std::string_view& names) noexcept;

// What "auto" stands for: names separated by commas.
std::string_view auto_engines() noexcept;

// Seam adapter: readiness to completion.
Result<std::unique_ptr<Engine>> make_readiness_engine(std::unique_ptr<Selector> selector,
                                                      EngineParts parts);

}  // namespace vigil
