// Starting a process, giving it sockets, and words to it.
#include "processes/child.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <span>

#include "processes/words.hpp"
#include "vigil/coro/scoped.hpp"
#include "vigil/loop/loop.hpp"
#include "vigil/runtime/explain.hpp"

namespace vigil::app {

Result<std::shared_ptr<Child>> Child::start(const Origin& origin, const Post& post) {
  auto line = MessageSocket::pair();
  if (!line) {
    return std::unexpected(line.error());
  }
  TheirEnd its_line(line->theirs);
  auto questions = MessageSocket::pair();
  if (!questions) {
    return std::unexpected(questions.error());
  }
  TheirEnd its_questions(questions->theirs);
  os::ProcessOptions options;
  options.arguments = origin.command;
  options.more_environment = {std::string(kProcess) + "=" + std::to_string(post.number)};
  options.input = os::Stdio::handle(its_line.get());
  auto process = os::Process::spawn(options);
  its_line.close();
  if (!process) {
    return std::unexpected(process.error());
  }
  auto child = std::make_shared<Child>(std::move(*process), std::move(line->ours),
                                       std::move(questions->ours));
  child->its_questions_ = its_questions.release();
  return child;
}

Child::~Child() {
  if (its_questions_ != kNoHandle) {
    Loop::current()->syscalls().close(its_questions_);
  }
}

Task<Result<>> Child::give(const std::vector<Gift>* gifts, const Post* post) {
  const std::string word = std::string(kPost) + std::to_string(post->number) + " " +
                           std::to_string(post->processes) + " " + std::to_string(post->shards);
  const std::array one{its_questions_};
  const Result<> posted = co_await line_.send(as_bytes(word), one);
  if (!posted) {
    co_return posted;
  }
  for (const Gift& gift : *gifts) {
    check(gift.handles.size() <= Datagram::kMostHandles,
          "a process was given more sockets than it can take");
    const std::string named = std::string(kLent) + gift.at;
    const Result<> sent = co_await line_.send(as_bytes(named), gift.handles);
    if (!sent) {
      co_return sent;
    }
  }
  co_return co_await line_.send(as_bytes(kAll));
}

Task<Result<std::string>> Child::hear() {
  std::array<std::byte, 64> room;
  const auto came = co_await line_.receive(room);
  if (!came) {
    co_return std::unexpected(came.error());
  }
  co_return std::string(as_text(ByteView(room).first(came->size)));
}

Task<Result<bool>> Child::give_and_wait(Child* self, const std::vector<Gift>* gifts,
                                        const Post* post) {
  auto giving = self->give(gifts, post);
  const Result<> given = co_await std::move(giving);
  if (!given && given.error() != std::errc::broken_pipe) {
    co_return std::unexpected(given.error());
  }
  Loop::current()->syscalls().close(std::exchange(self->its_questions_, kNoHandle));
  auto hearing = self->hear();
  const auto word = co_await std::move(hearing);
  if (!word && word.error() != std::errc::connection_reset) {
    co_return std::unexpected(word.error());
  }
  self->serves_ = word && *word == kServing;
  co_return self->serves_;
}

Task<Result<bool>> Child::begin(std::shared_ptr<Child> self, const std::vector<Gift>* gifts,
                                const Post* post) {
  auto trying = timeout(kStartPatience, give_and_wait(self.get(), gifts, post));
  co_return co_await std::move(trying);
}

Task<> Child::order(std::shared_ptr<Child> self, std::string_view word) {
  const auto turn = co_await self->speaking_.acquire();
  if (turn) {
    static_cast<void>(co_await self->line_.send(as_bytes(word)));
  }
}

// Past what it says too late to an earlier one.
Task<Result<std::string>> Child::hear_of(Child* self, std::uint64_t reload) {
  const std::string number = std::to_string(reload);
  for (;;) {
    auto hearing = self->hear();
    auto word = co_await std::move(hearing);
    if (!word || word->empty()) {
      co_return word;
    }
    for (const std::string_view said : {kReloaded, kRefused}) {
      if (*word == std::string(said) + number) {
        co_return std::string(said);
      }
    }
  }
}

Task<Result<std::string>> Child::order_reload(std::shared_ptr<Child> self) {
  const std::uint64_t number = ++self->reloads_ordered_;
  const std::string word = std::string(kReload) + std::to_string(number);
  auto ordering = order(self, word);
  co_await std::move(ordering);
  auto hearing = timeout(kStartPatience, hear_of(self.get(), number));
  co_return co_await std::move(hearing);
}

// ---- Questions. ----

namespace {

// What stands behind the number `id` and a blank; nothing: it is of another question.
std::optional<std::string_view> behind(std::string_view message, std::string_view id) {
  const bool its = message.starts_with(id) && message.substr(id.size()).starts_with(' ');
  return its ? std::optional(message.substr(id.size() + 1)) : std::nullopt;
}

}  // namespace

Task<Result<Child::Answer>> Child::ask_now(Child* self, std::string target) {
  const auto turn = co_await self->asking_.acquire();
  if (!turn) {
    co_return std::unexpected(turn.error());
  }
  const std::string id = std::to_string(++self->questions_asked_);
  const std::string question = id + " " + target;
  const Result<> sent = co_await self->questions_.send(as_bytes(question));
  if (!sent) {
    co_return std::unexpected(sent.error());
  }
  Answer answer;
  std::size_t size = 0;
  std::vector<std::byte> room(kLongestPiece + 64);
  while (answer.status == 0 || answer.text.size() < size) {
    const auto came = co_await self->questions_.receive(room);
    if (!came) {
      co_return std::unexpected(came.error());
    }
    if (came->ended()) {
      co_return error(std::errc::connection_reset);
    }
    const auto piece = behind(as_text(ByteView(room).first(came->size)), id);
    if (!piece) {
      continue;
    }
    if (answer.status != 0) {
      answer.text += *piece;
      continue;
    }
    const char* const end = piece->data() + piece->size();
    const auto status = std::from_chars(piece->data(), end, answer.status);
    if (status.ptr == end || std::from_chars(status.ptr + 1, end, size).ec != std::errc{}) {
      co_return error(std::errc::bad_message);
    }
  }
  co_return answer;
}

Task<std::expected<Child::Answer, std::string>> Child::ask(std::shared_ptr<Child> self,
                                                           std::string target, Nanos at_most) {
  auto asking = timeout(at_most, ask_now(self.get(), std::move(target)));
  auto said = co_await std::move(asking);
  if (!said) {
    co_return std::unexpected("does not answer: " + reason(said.error()));
  }
  co_return std::move(*said);
}

// ---- How one ends. ----

namespace {

struct SignalName {
  int number;
  std::string_view name;
};
// Those that end a process where nobody handles them, and that come.
constexpr std::array kSignals{
    SignalName{SIGABRT, "SIGABRT"}, SignalName{SIGALRM, "SIGALRM"}, SignalName{SIGBUS, "SIGBUS"},
    SignalName{SIGFPE, "SIGFPE"},   SignalName{SIGHUP, "SIGHUP"},   SignalName{SIGILL, "SIGILL"},
    SignalName{SIGINT, "SIGINT"},   SignalName{SIGKILL, "SIGKILL"}, SignalName{SIGPIPE, "SIGPIPE"},
    SignalName{SIGQUIT, "SIGQUIT"}, SignalName{SIGSEGV, "SIGSEGV"}, SignalName{SIGSYS, "SIGSYS"},
    SignalName{SIGTERM, "SIGTERM"}, SignalName{SIGTRAP, "SIGTRAP"}, SignalName{SIGXCPU, "SIGXCPU"},
    SignalName{SIGXFSZ, "SIGXFSZ"}};

}  // namespace

std::string ending_text(const os::ExitStatus& ended) {
  if (ended.signal == 0) {
    return "ended with " + std::to_string(ended.code);
  }
  const auto* const named = std::ranges::find(kSignals, ended.signal, &SignalName::number);
  return "was ended by signal " + std::to_string(ended.signal) +
         (named != kSignals.end() ? " (" + std::string(named->name) + ")" : std::string()) +
         (ended.dumped_core ? ", and left a core" : "") +
         (ended.signal == SIGKILL ? ", as the system does where memory is used up" : "");
}

}  // namespace vigil::app
