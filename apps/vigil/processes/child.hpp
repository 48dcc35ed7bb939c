// Child: one process of `--processes`, as its parent has it.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "serve/succession.hpp"
#include "vigil/coro/sync.hpp"
#include "vigil/coro/task.hpp"
#include "vigil/net/messages.hpp"
#include "vigil/os/process.hpp"

namespace vigil::app {

// The parent's loop's.
class Child {
 public:
  // Which of them it is.
  struct Post {
    unsigned number = 0;
    unsigned processes = 0;
    unsigned shards = 0;
  };
  // The sockets of a listener, by how its address is configured. They stay the giver's.
  struct Gift {
    std::string at;
    std::vector<NativeHandle> handles;
  };
  struct Answer {
    unsigned status = 0;
    std::string text;
  };

  // Starts it, in the same way as this process was.
  static Result<std::shared_ptr<Child>> start(const Origin& origin, const Post& post);
  Child(os::Process process, MessageSocket line, MessageSocket questions) noexcept
      : process_(std::move(process)), line_(std::move(line)), questions_(std::move(questions)) {}
  ~Child();

  std::int32_t pid() const noexcept { return process_.pid(); }
  os::Process& process() noexcept { return process_; }

  // Gives it what it needs, and waits until it serves; false: it ended before. Errors: timed_out
  // (within a minute), operation_canceled, those of sendmsg(2).
  static Task<Result<bool>> begin(std::shared_ptr<Child> self, const std::vector<Gift>* gifts,
                                  const Post* post);
  bool serves() const noexcept { return serves_; }
  // Another is in its place: it ends when its connections have.
  bool leaves = false;

  // Of words.hpp. One that has ended hears nothing.
  static Task<> order(std::shared_ptr<Child> self, std::string_view word);
  // Has it read the configuration again: what it says to that (kReloaded, kRefused), empty where it
  // ended. One task at a time. Errors: timed_out.
  static Task<Result<std::string>> order_reload(std::shared_ptr<Child> self);
  // What it answers at `target`, as on an admin socket. The failure is the rest of a sentence.
  static Task<std::expected<Answer, std::string>> ask(std::shared_ptr<Child> self,
                                                      std::string target, Nanos at_most);

 private:
  Task<Result<>> give(const std::vector<Gift>* gifts, const Post* post);
  Task<Result<std::string>> hear();
  static Task<Result<std::string>> hear_of(Child* self, std::uint64_t reload);
  static Task<Result<bool>> give_and_wait(Child* self, const std::vector<Gift>* gifts,
                                          const Post* post);
  static Task<Result<Answer>> ask_now(Child* self, std::string target);

  os::Process process_;
  MessageSocket line_;
  MessageSocket questions_;
  NativeHandle its_questions_ = kNoHandle;  // until it has them
  Semaphore speaking_{1};
  Semaphore asking_{1};
  std::uint64_t questions_asked_ = 0;
  std::uint64_t reloads_ordered_ = 0;
  bool serves_ = false;
};

// How it ended: "was ended by signal 9 (SIGKILL)", "ended with 1".
std::string ending_text(const os::ExitStatus& ended);

}  // namespace vigil::app
