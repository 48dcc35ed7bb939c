// A call to another shard, as it travels: there, home again, and a word after it if its caller is
// cancelled meanwhile. It lives in its caller's frame, and allocates nothing.
#pragma once

#include <cerrno>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include "vigil/coro/offload.hpp"
#include "vigil/coro/scoped.hpp"
#include "vigil/loop/loop.hpp"

namespace vigil::detail {

// Fields are written by one loop at a time, which the letters hand over; `far_*` are the callee's
// until the call is home.
class RemoteCall : public Remote {
 public:
  // Starts the call in a scope of the other loop: false if there was no memory for it.
  using Begin = bool (*)(RemoteCall&, Scope&) noexcept;

  RemoteCall(Loop& home, Loop& there, Begin begin) noexcept
      : Remote{&RemoteCall::ask_to_stop}, home_(home), there_(there), begin_(begin) {}
  RemoteCall(const RemoteCall&) = delete;
  RemoteCall& operator=(const RemoteCall&) = delete;

  // ---- There. ----
  void arrive(Scope& in) noexcept {
    if (far_stopped_) {
      go_home(-ECANCELED);
    } else if (!begin_(*this, in)) {
      go_home(-ENOMEM);
    }
  }
  // The scope that a cancel goes to, while there is one.
  void runs_in(Scope* scope) noexcept {
    far_scope_ = scope;
    if (scope != nullptr && far_stopped_) {
      scope->cancel();
    }
  }
  // Ends it: nothing here belongs to this loop any more.
  void go_home(std::int32_t outcome) noexcept {
    result_ = outcome;
    answer_.of = this;
    answer_.complete = [](Op& op) { static_cast<Letter&>(op).of->came_home(); };
    home_.post(answer_);
  }

  // ---- At home. ----
  // Waits for it, and for the word that was sent after it: neither is the kernel's or ours to take
  // back.
  class Home {
   public:
    explicit Home(RemoteCall& call) noexcept : call_(call) {}
    class Awaiter {
     public:
      Awaiter(Node& node, RemoteCall& call) noexcept : node_(node), call_(call) {}
      bool await_ready() const noexcept { return false; }
      bool await_suspend(std::coroutine_handle<>) noexcept {
        if ((node_.flags & kCancelled) != 0 && !call_.answered_) {
          call_.cancel_there();
        }
        if (call_.over()) {
          return false;
        }
        node_.state = OpState::in_flight;
        call_.caller_ = &node_;
        return true;
      }
      std::int32_t await_resume() const noexcept { return call_.result_; }

     private:
      Node& node_;
      RemoteCall& call_;
    };
    Awaiter bind(Node& node) const noexcept {
      node.code = Opcode::remote;
      node.on = nullptr;
      node.data = reinterpret_cast<std::byte*>(static_cast<Remote*>(&call_));
      return Awaiter(node, call_);
    }

   private:
    RemoteCall& call_;
  };

 protected:
  std::exception_ptr failure_;

 private:
  struct Letter : Op {
    RemoteCall* of = nullptr;
  };

  bool over() const noexcept { return answered_ && !stopping_; }
  void came_home() noexcept {
    answered_ = true;
    go_on();
  }
  void go_on() noexcept {
    if (over() && caller_ != nullptr) {
      Loop::current()->continue_with(*std::exchange(caller_, nullptr));
    }
  }

  static void ask_to_stop(Remote& remote) noexcept {
    static_cast<RemoteCall&>(remote).cancel_there();
  }
  void cancel_there() noexcept {
    if (answered_ || stopping_) {
      return;
    }
    stopping_ = true;
    stop_.of = this;
    stop_.complete = [](Op& op) { static_cast<Letter&>(op).of->stop_there(); };
    there_.post(stop_);
  }
  // There. It may have come before the call, or after it went home.
  void stop_there() noexcept {
    far_stopped_ = true;
    if (far_scope_ != nullptr) {
      far_scope_->cancel();
    }
    stop_.complete = [](Op& op) {
      RemoteCall& call = *static_cast<Letter&>(op).of;
      call.stopping_ = false;
      call.go_on();
    };
    home_.post(stop_);
  }

  Loop& home_;
  Loop& there_;
  const Begin begin_;
  Node* caller_ = nullptr;
  Letter answer_;
  Letter stop_;
  Scope* far_scope_ = nullptr;
  std::int32_t result_ = 0;
  bool answered_ = false;
  bool stopping_ = false;  // its letter is under way
  bool far_stopped_ = false;
};

// What it runs, and what came of it.
template <class F, class... A>
class RemoteBody final : public RemoteCall {
 public:
  using Value = TaskValue<F, A...>;
  static_assert(!std::is_reference_v<Value>, "what a call to another shard returns is a value");

  RemoteBody(Loop& home, Loop& there, F body, A... args) noexcept
      : RemoteCall(home, there, &RemoteBody::begin), body_(body), args_(std::move(args)...) {}

  // What the body returned or threw.
  Value take() {
    if (failure_) {
      std::rethrow_exception(std::exchange(failure_, nullptr));
    }
    if constexpr (!std::is_void_v<Value>) {
      return std::move(*value_);
    }
  }

 private:
  static bool begin(RemoteCall& call, Scope& in) noexcept {
    return in.spawn(&RemoteBody::run, static_cast<RemoteBody*>(&call)).has_value();
  }

  static Task<> run(RemoteBody* self) {
    Scope* around = co_await ThisScope();
    std::int32_t outcome = 0;
    {
      Scope scope(around);
      self->runs_in(&scope);
      try {
        auto task = std::apply(self->body_, std::move(self->args_));
        auto whole = run_scope(scope, std::move(task));
        if constexpr (std::is_void_v<Value>) {
          co_await std::move(whole);
        } else {
          self->value_.emplace(co_await std::move(whole));
        }
      } catch (...) {
        self->failure_ = std::current_exception();
      }
      if constexpr (std::is_void_v<Value>) {
        outcome = scope.cancelled() && !self->failure_ ? -ECANCELED : 0;
      }
      self->runs_in(nullptr);
    }
    self->go_home(outcome);
  }

  F body_;
  std::tuple<A...> args_;
  std::optional<std::conditional_t<std::is_void_v<Value>, std::monostate, Value>> value_;
};

}  // namespace vigil::detail
