// Where the bytes of one connection are, layer by layer, and the sentence that says who waits for
// whom.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vigil/http/server.hpp"
#include "vigil/loop/arguments.hpp"
#include "vigil/loop/dump.hpp"

namespace vigil::app {

// What was found of it. What is not there could not be asked: of a loop that is stuck there is no
// `http`, and a task only if it waits for the socket itself.
struct ConnectionState {
  std::string peer;  // "127.0.0.1:53412"
  NativeHandle handle = kNoHandle;
  std::optional<SocketQueues> kernel;
  std::optional<http::ConnectionView> http;
  std::optional<Dump::Task> task;
  std::string loop;                 // "vigil/0"; empty: nobody said that it has it
  std::vector<std::string> silent;  // loops that did not answer what they were asked
  // Of the loop that has it, or of the only one that is stuck: since when, and in which task.
  std::optional<Nanos> stuck_for;
  std::string stuck_in;  // "site.cpp:97"; empty: not known
};

std::string_view name_of_state(SocketQueues::State state) noexcept;
std::string_view name_of_stage(http::ConnectionView::Stage stage) noexcept;

// One plain sentence.
std::string sentence_of(const ConnectionState& state);
// A line a layer, and the sentence.
std::string as_text(const ConnectionState& state);
// On one line, without its end. Names are interface: docs/admin.md.
std::string as_json(const ConnectionState& state);

}  // namespace vigil::app
