// Terminal: what posix_openpt(3) makes: a master's end, and a user's on which programs run. As
// Linux sets one up: what is typed comes to the user in whole lines and is echoed, a carriage
// return is typed as a line's end, and a line's end is shown as both. Nothing is edited, no
// character sends a signal, and there are no settings.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "kernel/file.hpp"

namespace vigil::sim {

class TerminalEnd;

struct Terminal {
  static constexpr std::size_t kRoom = 4096;

  void show(char c);
  bool has_line() const noexcept { return typed.find('\n') != typed.npos; }

  TerminalEnd* master = nullptr;  // null: closed
  TerminalEnd* user = nullptr;    // null: closed, or not opened yet
  bool opened = false;            // the user's end was
  std::string typed;              // for the user
  std::string shown;              // for the master
};

class TerminalEnd final : public File {
 public:
  TerminalEnd(Kernel& kernel, std::shared_ptr<Terminal> terminal, bool master) noexcept;
  ~TerminalEnd() override { leave(); }

  std::uint32_t ready() const noexcept override;
  std::int64_t read(std::span<std::byte> to) noexcept override;
  std::int64_t write(std::span<const std::byte> from) noexcept override;
  void closed() noexcept override;
  bool is_terminal() const noexcept override { return true; }

  bool is_master() const noexcept { return master_; }
  const std::shared_ptr<Terminal>& terminal() const noexcept { return terminal_; }

 private:
  void leave() noexcept;
  // Whether the other end was there and is gone.
  bool hung_up() const noexcept;
  void tell_other(std::uint32_t bits) noexcept;

  std::shared_ptr<Terminal> terminal_;
  bool master_;
};

}  // namespace vigil::sim
