// LocalNames: which AF_UNIX socket has which name: paths, and abstract names (a first byte of 0).
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace vigil::sim {

class LocalSocket;

class LocalNames {
 public:
  // Null: nobody has it.
  LocalSocket* find(std::string_view name) const noexcept;
  // False: somebody has it.
  bool add(std::string_view name, LocalSocket& socket);
  void remove(std::string_view name, const LocalSocket& socket) noexcept;
  // A free abstract name of five hexadecimal digits, as bind(2) with no name makes.
  std::string fresh();
  void clear() noexcept { names_.clear(); }

 private:
  std::map<std::string, LocalSocket*, std::less<>> names_;
  unsigned last_fresh_ = 0;
};

}  // namespace vigil::sim
