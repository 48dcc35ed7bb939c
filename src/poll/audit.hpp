// VIGIL_AUDIT: finds what makes an edge-triggered program stall, and names where the source was
// added.
#pragma once

#include <functional>
#include <source_location>
#include <string_view>
#include <vector>

#include "vigil/base/handle.hpp"
#include "vigil/poll/event.hpp"

namespace vigil {

class Auditor {
 public:
  explicit Auditor(std::function<void(std::string_view)> sink);

  // Throws std::bad_alloc. A source was added (or modified) at `where`.
  void added(Slot slot, NativeHandle handle, std::source_location where);

  // It is armed edge-triggered: named if its descriptor blocks.
  void armed_edge(Slot slot) noexcept;

  // A wait delivers a readable edge of it.
  void told(Slot slot) noexcept;
  // Its program said would_block(), or it was removed.
  void forget(Slot slot) noexcept;

  // Before a wait that may block: whether some edge was told, and its descriptor can still be read.
  // Either a newer edge is on its way, so that the selector will tell it at once, or the program
  // did not drain and would stall.
  bool suspects_any() noexcept;
  // After the selector told all that it had without blocking: who is still suspected is named, once
  // an edge. `emulated`: the backend has no edges, and wanted would_block().
  void name_suspects(bool emulated) noexcept;

 private:
  struct Origin {
    NativeHandle handle = kNoHandle;
    std::source_location where;
  };
  struct Told {
    Slot slot;
    bool suspect;
  };

  void say(Slot slot, const char* finding) noexcept;

  std::function<void(std::string_view)> sink_;
  std::vector<Origin> origins_;  // by slot index
  std::vector<Told> told_;
};

}  // namespace vigil
