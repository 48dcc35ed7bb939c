// Parent: in one of several processes (`--processes`), the one that keeps the listeners.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "serve/handed.hpp"
#include "vigil/coro/task.hpp"
#include "vigil/net/messages.hpp"

namespace vigil::app {

// Shard 0's. Where there is none it is not there, and nothing is said.
class Parent {
 public:
  Parent() = default;
  ~Parent();
  Parent(const Parent&) = delete;
  Parent& operator=(const Parent&) = delete;

  // Gets its post and the sockets, over standard input. What is in the way, as a whole sentence, or
  // nothing.
  static Task<std::string> take_post(Parent* self, PassedSockets* into);

  bool there() const noexcept { return line_.is_open(); }
  unsigned number() const noexcept { return number_; }  // of this process, from 0
  unsigned shards() const noexcept { return shards_; }  // of each process
  // The line over which the parent asks, the caller's from now on.
  NativeHandle take_questions() noexcept { return std::exchange(questions_, kNoHandle); }

  // What it orders; empty: it has ended. Until it is cancelled: then the error says so.
  Task<Result<std::string>> next_order();
  // One task at a time.
  Task<> say(std::string_view word);

 private:
  bool take_word(std::string_view word, const std::vector<NativeHandle>& handles);

  MessageSocket line_;
  NativeHandle questions_ = kNoHandle;
  unsigned number_ = 0;
  unsigned shards_ = 0;
};

}  // namespace vigil::app
