// The two sides of a succession. Messages are words: "lent" or "given", an address as it is
// configured, and the sockets of it; "status" with that of the status address; then "all". Back
// comes "serving".
#include "serve/succession.hpp"

#include <array>
#include <csignal>
#include <string_view>

#include "vigil/coro/scoped.hpp"
#include "vigil/loop/loop.hpp"
#include "vigil/os/process.hpp"
#include "vigil/runtime/explain.hpp"

namespace vigil::app {
namespace {

constexpr std::string_view kStatus = "status";

Task<Result<>> give_sockets(MessageSocket* channel, const Places* places, NativeHandle status) {
  for (const auto& place : *places) {
    if (place->closing) {
      continue;
    }
    const std::string word =
        std::string(place->lent ? kLent : kGiven) + cli::endpoint_text(place->endpoint);
    const Result<> sent = co_await channel->send(as_bytes(word), place->acceptors->handles());
    if (!sent) {
      co_return sent;
    }
  }
  if (status != kNoHandle) {
    const std::array one{status};
    const Result<> sent = co_await channel->send(as_bytes(kStatus), one);
    if (!sent) {
      co_return sent;
    }
  }
  co_return co_await channel->send(as_bytes(kAll));
}

// Whether it says that it serves; not if it ends before that.
Task<Result<bool>> wait_for_word(MessageSocket* channel) {
  std::array<std::byte, 64> room;
  const auto came = co_await channel->receive(room);
  if (!came) {
    co_return std::unexpected(came.error());
  }
  co_return as_text(ByteView(room).first(came->size)) == kServing;
}

Task<Result<bool>> bequeath(MessageSocket* channel, const Places* places, NativeHandle status) {
  auto giving = give_sockets(channel, places, status);
  const Result<> given = co_await std::move(giving);
  if (!given && given.error() != std::errc::broken_pipe) {
    co_return std::unexpected(given.error());
  }
  auto waiting = wait_for_word(channel);
  co_return co_await std::move(waiting);
}

// How it ended; it is ended if it has not.
Task<std::string> ending_of(os::Process* process, const Result<bool>& served) {
  const bool late = !served && served.error() == std::errc::timed_out;
  if (late) {
    static_cast<void>(process->kill(SIGKILL));
  }
  auto waiting = timeout(std::chrono::seconds(5), process->wait());
  auto ended = co_await std::move(waiting);
  const std::string who = "the new process " + std::to_string(process->pid());
  if (late) {
    co_return who + " did not serve within a minute, and was ended";
  }
  if (!ended) {
    static_cast<void>(process->kill(SIGKILL));
    co_return who + " closed the line before it served, and was ended";
  }
  if (ended->signal != 0) {
    co_return who + " was ended by signal " + std::to_string(ended->signal) + " before it served";
  }
  co_return who + " ended with " + std::to_string(ended->code) +
      " before it served: what it said stands above";
}

}  // namespace

void TheirEnd::close() noexcept {
  if (handle_ != kNoHandle) {
    Loop::current()->syscalls().close(release());
  }
}

Task<std::expected<std::int32_t, std::string>> raise_successor(const Origin* origin,
                                                               const Places* places,
                                                               NativeHandle status) {
  auto pair = MessageSocket::pair();
  if (!pair) {
    co_return std::unexpected("there is no socket to hand over by: " + reason(pair.error()));
  }
  TheirEnd theirs(pair->theirs);
  os::ProcessOptions options;
  options.arguments = origin->command;
  options.more_environment = origin->environment;
  options.more_environment.push_back(std::string(kSuccessor) + "=1");
  options.input = os::Stdio::handle(theirs.get());
  auto process = os::Process::spawn(options);
  theirs.close();
  if (!process) {
    co_return std::unexpected(origin->command.front() +
                              " cannot be started: " + reason(process.error()));
  }
  auto trying = timeout(kStartPatience, bequeath(&pair->ours, places, status));
  const Result<bool> served = co_await std::move(trying);
  if (served && *served) {
    co_return process->pid();
  }
  if (!served && served.error() == std::errc::operation_canceled) {
    static_cast<void>(process->kill(SIGKILL));
    co_return std::unexpected("this process is ending");
  }
  auto ending = ending_of(&*process, served);
  std::string why = co_await std::move(ending);
  co_return std::unexpected(std::move(why));
}

// ---- In the process that comes ----

namespace {

Task<Result<ReceivedMessage>> receive_word(MessageSocket* from, std::span<std::byte> room,
                                           std::vector<NativeHandle>* handles) {
  co_return co_await from->receive(room, *handles);
}

std::string take_one(std::string_view word, const std::vector<NativeHandle>& handles,
                     const ReceivedMessage& came, PassedSockets* into) {
  if (word == kStatus && handles.size() == 1 && !came.handles_lost) {
    into->take_status(handles.front());
    return {};
  }
  return take_sockets_of(word, handles, came, into);
}

}  // namespace

std::string take_sockets_of(std::string_view word, const std::vector<NativeHandle>& handles,
                            const ReceivedMessage& came, PassedSockets* into) {
  if (came.handles_lost) {
    return "out of descriptors (RLIMIT_NOFILE)";
  }
  const bool lent = word.starts_with(kLent);
  if (handles.empty() || came.truncated || !(lent || word.starts_with(kGiven))) {
    return "it is a version whose words are not understood";
  }
  return into->take_given(handles, word.substr(lent ? kLent.size() : kGiven.size()),
                          lent ? Acceptors::Adopted::lent : Acceptors::Adopted::given);
}

Task<std::string> Predecessor::take_sockets(Predecessor* self, PassedSockets* into) {
  const std::string refused = "vigil serve: cannot take the place of another process: ";
  constexpr NativeHandle kStandardInput = 0;
  auto channel = MessageSocket::adopt(kStandardInput);
  if (!channel) {
    co_return refused + "standard input is not the line to it (" + kSuccessor +
        " is for `vigil restart` alone).";
  }
  self->channel_ = std::move(*channel);
  for (;;) {
    std::array<std::byte, 256> room;
    std::vector<NativeHandle> handles(Datagram::kMostHandles, kNoHandle);
    auto receiving = timeout(kStartPatience, receive_word(&self->channel_, room, &handles));
    const auto came = co_await std::move(receiving);
    if (!came || came->ended()) {
      co_return refused + (came ? std::string("it has ended.") : reason(came.error()) + ".");
    }
    const std::string_view word = as_text(ByteView(room).first(came->size));
    if (word == kAll) {
      co_return std::string();
    }
    handles.resize(came->handles);
    if (const std::string unusable = take_one(word, handles, *came, into); !unusable.empty()) {
      co_return refused + unusable + ".";
    }
  }
}

Task<> Predecessor::say_ready() {
  if (channel_.is_open()) {
    static_cast<void>(co_await channel_.send(as_bytes(kServing)));
    channel_.close();
  }
}

}  // namespace vigil::app
