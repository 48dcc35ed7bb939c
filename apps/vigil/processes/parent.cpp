// What a process gets from its parent, and hears of it.
#include "processes/parent.hpp"

#include <array>
#include <charconv>

#include "processes/words.hpp"
#include "vigil/coro/scoped.hpp"
#include "vigil/loop/loop.hpp"
#include "vigil/runtime/explain.hpp"

namespace vigil::app {
namespace {

Task<Result<ReceivedMessage>> receive(MessageSocket* from, std::span<std::byte> room,
                                      std::vector<NativeHandle>* handles) {
  co_return co_await from->receive(room, *handles);
}

// "1 4 2": as many numbers as there is room for.
bool read_numbers(std::string_view text, std::span<unsigned> into) {
  for (unsigned& number : into) {
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (fault != std::errc{}) {
      return false;
    }
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  }
  return text.empty();
}

}  // namespace

Parent::~Parent() {
  if (questions_ != kNoHandle) {
    Loop::current()->syscalls().close(questions_);
  }
}

bool Parent::take_word(std::string_view word, const std::vector<NativeHandle>& handles) {
  std::array<unsigned, 3> numbers{};
  if (!word.starts_with(kPost) || handles.size() != 1 ||
      !read_numbers(word.substr(kPost.size()), numbers)) {
    return false;
  }
  number_ = numbers[0];
  shards_ = numbers[2];
  questions_ = handles.front();
  return true;
}

Task<std::string> Parent::take_post(Parent* self, PassedSockets* into) {
  const std::string refused = "vigil serve: cannot serve for a parent process: ";
  constexpr NativeHandle kStandardInput = 0;
  auto line = MessageSocket::adopt(kStandardInput);
  if (!line) {
    co_return refused + "standard input is not the line to it (" + kProcess +
        " is for --processes alone).";
  }
  self->line_ = std::move(*line);
  into->be_all();
  for (;;) {
    std::array<std::byte, 256> room;
    std::vector<NativeHandle> handles(Datagram::kMostHandles, kNoHandle);
    auto receiving = timeout(kStartPatience, receive(&self->line_, room, &handles));
    const auto came = co_await std::move(receiving);
    if (!came || came->ended()) {
      co_return refused + (came ? std::string("it has ended.") : reason(came.error()) + ".");
    }
    const std::string_view word = as_text(ByteView(room).first(came->size));
    if (word == kAll) {
      co_return std::string();
    }
    handles.resize(came->handles);
    if (self->take_word(word, handles)) {
      continue;
    }
    if (const std::string why = take_sockets_of(word, handles, *came, into); !why.empty()) {
      co_return refused + why + ".";
    }
  }
}

Task<Result<std::string>> Parent::next_order() {
  std::array<std::byte, 64> room;
  const auto came = co_await line_.receive(room);
  if (!came && came.error() == std::errc::operation_canceled) {
    co_return std::unexpected(came.error());
  }
  // What it says is short; a line that broke is one that ended.
  co_return std::string(came ? as_text(ByteView(room).first(came->size)) : std::string_view());
}

Task<> Parent::say(std::string_view word) {
  if (line_.is_open()) {
    static_cast<void>(co_await line_.send(as_bytes(word)));
  }
}

}  // namespace vigil::app
