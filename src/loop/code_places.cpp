// Addresses to functions, files and lines: by the program's line tables (-g1), if libbacktrace is
// there, which reads them in place; else by the names that the dynamic linker knows.
#include "loop/code_places.hpp"

#include <cxxabi.h>
#include <dlfcn.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#if VIGIL_WITH_BACKTRACE
#include <backtrace.h>
#endif

namespace vigil {
namespace {

std::string demangled(const char* name) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(
      abi::__cxa_demangle(name, nullptr, nullptr, &status), &std::free);
  return status == 0 && text ? text.get() : name;
}

// "module+0x1234", which addr2line(1) takes; the function's name, if it is one that others may use.
CodePlace by_linker(std::uintptr_t address) {
  CodePlace place;
  Dl_info found{};
  if (::dladdr(reinterpret_cast<const void*>(address), &found) == 0) {
    return place;
  }
  if (found.dli_sname != nullptr) {
    place.function = demangled(found.dli_sname);
  } else if (found.dli_fname != nullptr) {
    std::array<char, 32> offset{};
    std::snprintf(
        offset.data(), offset.size(), "+0x%zx",
        static_cast<std::size_t>(address - reinterpret_cast<std::uintptr_t>(found.dli_fbase)));
    place.function = std::string(found.dli_fname) + offset.data();
  }
  return place;
}

#if VIGIL_WITH_BACKTRACE
void ignore(void*, const char*, int) {}

// Never freed: libbacktrace has no way to.
backtrace_state* tables() {
  static backtrace_state* const state = ::backtrace_create_state(nullptr, 1, &ignore, nullptr);
  return state;
}

int add(void* into, std::uintptr_t, const char* file, int line, const char* function) {
  if (file != nullptr || function != nullptr) {
    auto& places = *static_cast<std::vector<CodePlace>*>(into);
    CodePlace& place = places.emplace_back();
    place.function = function != nullptr ? demangled(function) : "";
    place.file = file != nullptr ? file : "";
    place.line = line > 0 ? static_cast<unsigned>(line) : 0;
  }
  return 0;
}

void name_it(void* into, std::uintptr_t, const char* name, std::uintptr_t, std::uintptr_t) {
  if (name != nullptr) {
    static_cast<CodePlace*>(into)->function = demangled(name);
  }
}
#endif

}  // namespace

std::vector<CodePlace> code_places(std::uintptr_t address) {
  std::vector<CodePlace> places;
#if VIGIL_WITH_BACKTRACE
  if (backtrace_state* state = tables()) {
    ::backtrace_pcinfo(state, address, &add, &ignore, &places);
    if (!places.empty() && places.back().function.empty()) {
      ::backtrace_syminfo(state, address, &name_it, &ignore, &places.back());
    }
    if (places.empty()) {
      CodePlace place;
      ::backtrace_syminfo(state, address, &name_it, &ignore, &place);
      if (!place.function.empty()) {
        places.push_back(std::move(place));
      }
    }
  }
#endif
  if (places.empty()) {
    places.push_back(by_linker(address));
  }
  return places;
}

}  // namespace vigil
