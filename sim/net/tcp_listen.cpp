// Listeners, their queues, and the handshake.
#include <cerrno>

#include "kernel/sockets.hpp"
#include "kernel/stream.hpp"
#include "net/tcp.hpp"

namespace vigil::sim {

int Tcp::listen(int backlog) {
  Ports& ports = kernel_.sockets().tcp();
  const int most = kernel_.limits().backlog;
  const unsigned wanted = static_cast<unsigned>(backlog);  // negative: as many as may be
  backlog_ = wanted > static_cast<unsigned>(most) ? static_cast<std::size_t>(most) : wanted;
  if (state == State::listening) {
    return 0;
  }
  if (local.port == 0) {
    if (const int failed = ports.bind(*this, 0); failed != 0) {
      return failed;
    }
  } else if (!ports.may_listen(*this)) {
    return -EADDRINUSE;
  }
  state = State::listening;
  listening = true;
  ports.moved(*this);
  return 0;
}

Tcp* Tcp::listener_for(Kernel& kernel, const Endpoint& to, const Endpoint& from) noexcept {
  return static_cast<Tcp*>(kernel.sockets().tcp().find(to, from, true));
}

Tcp* Tcp::make_child(Tcp& client, const Endpoint& to) {
  auto* child = new Tcp(kernel_, family, nullptr);
  child->options = options;
  child->only_v6 = only_v6;
  child->reuse_address = reuse_address;
  child->reuse_port = reuse_port;
  child->local = to;
  child->peer = client.local;
  child->id_ = client.id_;
  child->listener_ = this;
  child->attach_peer(client);
  client.attach_peer(*child);
  child->edge_ = client.options.receive_room;
  child->told_edge_ = options.receive_room;
  kernel_.sockets().tcp().join(*child);
  return child;
}

void Tcp::enqueue(Tcp& child) noexcept {
  child.in_queue_ = true;
  child.next_queued_ = nullptr;
  (queue_last_ != nullptr ? queue_last_->next_queued_ : queue_first_) = &child;
  queue_last_ = &child;
  ++queue_size_;
  wake(kArrived);
}

void Tcp::dequeue() noexcept {
  Tcp& child = *queue_first_;
  queue_first_ = child.next_queued_;
  if (queue_first_ == nullptr) {
    queue_last_ = nullptr;
  }
  --queue_size_;
  child.in_queue_ = false;
  child.listener_ = nullptr;
}

Tcp* Tcp::take_waiting(StreamSocket& its_owner) noexcept {
  Tcp* child = queue_first_;
  dequeue();
  child->owner_ = &its_owner;
  child->note("accept", child->peer.port);
  return child;
}

void Tcp::refuse_waiting() noexcept {
  Tcp* child = queue_first_;
  dequeue();
  child->close(true);
}

// Those who wait, or are about to, are reset.
void Tcp::stop_listening() noexcept {
  while (queue_first_ != nullptr) {
    refuse_waiting();
  }
  while (!answered_.empty()) {
    Tcp* child = answered_.back();
    answered_.pop_back();
    child->listener_ = nullptr;
    child->close(true);
  }
  listening = false;
  become_closed(0);
}

// ---- The handshake. ----

int Tcp::connect(const Endpoint& to) {
  Endpoint target = to;
  if (target.is_any()) {
    target.ip = Endpoint::loopback(family == AF_INET || target.is_v4()).ip;
  }
  const Endpoint before = local;
  choose_source(target);
  peer = target;
  if (const int failed = take_port_for_peer(); failed != 0) {
    local = before;
    peer = {};
    return failed;
  }
  state = State::opening;
  id_ = wires_.next_connection();
  told_edge_ = options.receive_room;
  note("connect", target.port);
  const auto host = target.host();
  if (!target.is_loopback() && host && *host != kernel_.id()) {
    nowhere_ = wires_.kernel(*host) == nullptr;
    if (!nowhere_) {
      out_ = &wires_.route(kernel_.id(), *host);
      back_ = &wires_.route(*host, kernel_.id());
    }
  }
  retry_open();
  return 0;
}

// False: nobody answers, and it is to ask again.
bool Tcp::connect_locally() {
  Tcp* listener = listener_for(kernel_, peer, local);
  if (listener == nullptr) {
    was_reset();
    return true;
  }
  if (listener->refuses_new) {
    note("not let in", listener->local.port);
    return false;
  }
  if (listener->full()) {
    note("backlog full", listener->local.port);
    return false;
  }
  Tcp* child = listener->make_child(*this, peer);
  edge_ = child->options.receive_room;
  opened();
  child->opened();
  listener->enqueue(*child);
  return true;
}

// A SYN of `client`, whom nobody here answered yet.
void Tcp::open_arrived(Tcp& client) {
  if (client.state != State::opening || client.peer_ != nullptr) {
    return;  // one that was sent again
  }
  if (refuses_new) {
    note("not let in", local.port);
    return;
  }
  if (full() || answered_.size() > backlog_) {
    note("backlog full", local.port);
    return;
  }
  Tcp* child = make_child(client, client.peer);
  child->state = State::answered;
  answered_.push_back(child);
  child->put(child->segment(Segment::Kind::open_ack));
}

void Tcp::opened() noexcept {
  wires_.clock.stop(retry_);
  state = State::established;
  heard_ = wires_.clock.now();
  opens_ = 0;
  note("open", local.port);
  if (options.keep_alive) {
    set_keep_alive(true);
  }
  wake(0);
}

}  // namespace vigil::sim
