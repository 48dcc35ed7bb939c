// How a connection's bytes come and go when that takes more than one step: heads in pieces, bodies,
// answers that the client takes slowly.
#include "http/session.hpp"

namespace vigil::http {

// The bytes at hand are no whole head. True: more came. False: the connection has ended.
Task<bool> SessionRun::no_head(Session& session, Progress progress) {
  Work& work = *session.work;
  session.activate();
  if (progress == Progress::refused) {
    const Refusal refusal = describe(work.parser.fault());
    co_await refuse(session, refusal.status, refusal.reason);
    co_return false;
  }
  if (work.out_size != 0 && !co_await flush_batch(session)) {
    co_return false;
  }
  gather(session);
  if (session.phase != Phase::head) {
    session.enter(Phase::head);
  }
  auto came = co_await more(session, Phase::head);
  if (!came && session.expired) {
    co_await refuse(session, 408, "the request's head took longer than the server waits");
  }
  co_return came && *came;
}

// A head that is not whole yet goes to a place where it can grow.
void SessionRun::gather(Session& session) {
  Work& work = *session.work;
  const std::byte* begin = work.gathered.data();
  const bool there = !work.gathered.empty() && work.pending.data() >= begin &&
                     work.pending.data() < begin + work.gathered.size();
  if (there) {
    work.gathered.erase(work.gathered.begin(),
                        work.gathered.begin() + (work.pending.data() - begin));
  } else {
    work.gathered.assign(work.pending.begin(), work.pending.end());
    work.lease = Lease();
    count_gathered(session);
  }
  work.pending = work.gathered;
}

void SessionRun::count_gathered(Session& session) noexcept {
  Work& work = *session.work;
  session.server.memory.gave(work.memory.gathered);
  work.memory.gathered = work.gathered.capacity();
  session.server.memory.took(work.memory.gathered);
}

Task<Result<bool>> SessionRun::more(Session& session, Phase phase) {
  Work& work = *session.work;
  session.phase = phase;
  auto lease = co_await session.stream.receive();
  if (phase != Phase::head) {
    session.phase = Phase::working;
  }
  if (!lease) {
    co_return std::unexpected(lease.error());
  }
  if (lease->empty()) {
    co_return false;
  }
  if (phase == Phase::head) {
    work.gathered.insert(work.gathered.end(), lease->bytes().begin(), lease->bytes().end());
    count_gathered(session);
    work.pending = work.gathered;
    co_return true;
  }
  if (work.head_lease.empty()) {
    work.head_lease = std::move(work.lease);  // the request's views point into it
  }
  work.pending = lease->bytes();
  work.receiving.moved += work.pending.size();
  work.lease = std::move(*lease);
  co_return true;
}

Task<Result<>> SessionRun::flush(Session& session) {
  const Phase before = session.phase;
  const ByteView all = session.begin_write_of_all();
  Result<> sent = co_await session.stream.send(all);
  session.end_write(before == Phase::head ? Phase::working : before);
  co_return std::move(sent);
}

// The answers of a batch. False: the client does not take them, and the connection has ended. Where
// the connection ends with them, the end is told in their own segment, so that neither side has a
// second one to look at.
Task<bool> SessionRun::flush_batch(Session& session, bool ends) {
  session.activate();
  const ByteView answers = session.begin_write_of_all();
  Result<> sent;
  if (ends) {
    sent = co_await session.stream.send_more(answers);
  } else {
    sent = co_await session.stream.send(answers);
  }
  session.end_write(Phase::working);
  if (!sent) {
    session.stream.reset();
  }
  co_return sent.has_value();
}

}  // namespace vigil::http
