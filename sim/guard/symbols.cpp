// The program's own symbol table (elf(5)).
#include "guard/symbols.hpp"

#include <cxxabi.h>
#include <elf.h>
#include <link.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>

namespace vigil::guard {
namespace {

// Where the program itself was loaded: the first object of the list.
int first_object(dl_phdr_info* info, std::size_t, void* into) {
  *static_cast<std::uintptr_t*>(into) = info->dlpi_addr;
  return 1;
}

}  // namespace

const Symbols& Symbols::own() {
  static const Symbols symbols;
  return symbols;
}

Symbols::Symbols() {
  ::dl_iterate_phdr(&first_object, &base_);
  std::ifstream file("/proc/self/exe", std::ios::binary | std::ios::ate);
  file_.resize(file ? static_cast<std::size_t>(file.tellg()) : 0);
  file.seekg(0);
  if (!file.read(file_.data(), static_cast<std::streamsize>(file_.size())) ||
      file_.size() < sizeof(ElfW(Ehdr))) {
    return;
  }
  ElfW(Ehdr) head;
  std::memcpy(&head, file_.data(), sizeof head);
  std::vector<ElfW(Shdr)> sections(head.e_shnum);
  if (head.e_shoff + sections.size() * sizeof(ElfW(Shdr)) > file_.size()) {
    return;
  }
  std::memcpy(sections.data(), file_.data() + head.e_shoff, sections.size() * sizeof(ElfW(Shdr)));
  for (const ElfW(Shdr) & section : sections) {
    if (section.sh_type != SHT_SYMTAB || section.sh_link >= sections.size()) {
      continue;
    }
    const char* names = file_.data() + sections[section.sh_link].sh_offset;
    for (std::size_t at = 0; at + sizeof(ElfW(Sym)) <= section.sh_size; at += sizeof(ElfW(Sym))) {
      ElfW(Sym) symbol;
      std::memcpy(&symbol, file_.data() + section.sh_offset + at, sizeof symbol);
      if (ELF64_ST_TYPE(symbol.st_info) == STT_FUNC && symbol.st_value != 0) {
        rows_.push_back(
            {symbol.st_value, symbol.st_value + symbol.st_size, names + symbol.st_name});
      }
    }
  }
  std::sort(rows_.begin(), rows_.end(),
            [](const Row& a, const Row& b) { return a.begin < b.begin; });
}

std::string_view Symbols::name(const void* address) const noexcept {
  const std::uintptr_t at = reinterpret_cast<std::uintptr_t>(address) - base_;
  auto after =
      std::upper_bound(rows_.begin(), rows_.end(), at,
                       [](std::uintptr_t value, const Row& row) { return value < row.begin; });
  if (after == rows_.begin() || (--after)->end <= at) {
    return {};
  }
  return after->name;
}

std::string Symbols::readable(const void* address) const {
  std::string mangled(name(address));
  // A coroutine's part: "_Z...Ei.resume".
  mangled = mangled.substr(0, mangled.find('.'));
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> text(
      abi::__cxa_demangle(mangled.c_str(), nullptr, nullptr, &status), &std::free);
  return text ? std::string(text.get()) : mangled;
}

std::string Symbols::line(const void* address) const {
  // The call is in front of the address that it returns to.
  std::array<char, 128> command{};
  std::snprintf(command.data(), command.size(), "addr2line -i -e /proc/%d/exe %#lx 2>/dev/null",
                static_cast<int>(::getpid()),
                static_cast<unsigned long>(reinterpret_cast<std::uintptr_t>(address) - base_ - 1));
  std::FILE* pipe = ::popen(command.data(), "r");
  if (pipe == nullptr) {
    return {};
  }
  // What was inlined there comes first; the first place that is not the standard library's counts.
  std::array<char, 1024> text{};
  std::string out;
  while (std::fgets(text.data(), text.size(), pipe) != nullptr) {
    const std::string_view place(text.data());
    if (out.empty() || out.find("/c++/") != std::string::npos) {
      out = place.substr(0, place.find_first_of(" \n"));
    }
  }
  ::pclose(pipe);
  if (out.empty() || out.starts_with("?")) {
    return {};
  }
  // From the tree's root on: where it was built is nobody's business.
  for (const std::string_view root :
       {"/src/", "/include/", "/sim/", "/apps/", "/examples/", "/tests/"}) {
    if (const std::size_t at = out.rfind(root); at != std::string::npos) {
      return out.substr(at + 1);
    }
  }
  return out;
}

}  // namespace vigil::guard
