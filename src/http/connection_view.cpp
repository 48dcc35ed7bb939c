// Where a connection's bytes are, read from what is in memory anyway.
#include <utility>

#include "http/resting.hpp"
#include "loop/early.hpp"

namespace vigil::http {
namespace {

using Stage = ConnectionView::Stage;

Stage stage_of(Phase phase) noexcept {
  switch (phase) {
    case Phase::idle:
      return Stage::idle;
    case Phase::working:
      return Stage::handler;
    case Phase::head:
      return Stage::head;
    case Phase::body:
      return Stage::body;
    case Phase::writing:
      return Stage::writing;
    case Phase::sending:
      return Stage::sending;
    case Phase::lingering:
      break;
  }
  return Stage::ending;
}

}  // namespace

ConnectionView Session::view() const {
  const Descriptor& descriptor = *stream.descriptor();
  ConnectionView seen;
  seen.stage = stage_of(phase);
  seen.early = early_bytes(descriptor);
  seen.memory = Memory::of(*this);
  seen.frame = reinterpret_cast<std::uintptr_t>(this);
  const Op* writer = descriptor.writer;
  if (phase == Phase::sending) {
    seen.unsent = writer != nullptr ? left_of(*writer) : 0;
    seen.to_send = sending;
  }
  if (work == nullptr) {
    return seen;
  }
  seen.received = work->pending.size();
  seen.collected = work->out_size;
  // The request is there, and the exchange was made; a task that only waits for its turn is in the
  // list of the idle.
  if (active && (phase == Phase::working || phase == Phase::body || phase == Phase::writing)) {
    seen.method = name_of(work->head.method());
    seen.body_read = work->receiving.moved;
  }
  if (phase == Phase::writing && writer != nullptr) {
    seen.unsent = left_of(*writer);
    seen.to_send = work->sending.moved + work->remaining;
  }
  return seen;
}

std::optional<ConnectionView> Server::look_at(NativeHandle handle) const {
  for (const State::List* list : {&state_->active, &state_->idle}) {
    for (const Session* session = list->first; session != nullptr; session = session->next) {
      if (session->stream.is_open() && session->stream.descriptor()->handle == handle) {
        return session->view();
      }
    }
  }
  for (const Resting* each = state_->resting; each != nullptr; each = each->next) {
    if (each->sleepers.holds(handle)) {
      return ConnectionView();
    }
  }
  return std::nullopt;
}

}  // namespace vigil::http
