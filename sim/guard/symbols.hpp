// Symbols: which function an address of this program is in, also one that no other file can see.
// Read from the program's own symbol table, once.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vigil::guard {

class Symbols {
 public:
  static const Symbols& own();

  // The mangled name of the function that `address` is in; empty if it is not this program's.
  std::string_view name(const void* address) const noexcept;
  // "vigil::Loop::turn(...)", for people.
  std::string readable(const void* address) const;
  // "src/loop/loop.cpp:123", if the program was built with line tables and addr2line is there; else
  // empty.
  std::string line(const void* address) const;

 private:
  Symbols();
  struct Row {
    std::uintptr_t begin;
    std::uintptr_t end;
    const char* name;
  };
  std::vector<char> file_;
  std::vector<Row> rows_;  // sorted
  std::uintptr_t base_ = 0;
};

}  // namespace vigil::guard
