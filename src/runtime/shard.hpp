// Shard: one loop of a set, as its host's body and as its set's member.
#pragma once

#include <atomic>
#include <memory>
#include <optional>

#include "vigil/runtime/shards.hpp"

namespace vigil::detail {

class Shard final : public ShardBody {
 public:
  using Word = Shards::Word;

  Shard(Shards& set, unsigned index) noexcept : set_(set), index_(index) {}
  ~Shard() override { thread_.reset(); }

  Loop& loop() const noexcept { return *loop_; }

  // ---- Shard 0's loop. ----
  void set_loop(Loop& loop) noexcept { loop_ = &loop; }
  Result<> start(Host& host, const ThreadPlace& place) noexcept;
  // What came of start() or of a word, once that was answered.
  Result<> result() const noexcept { return result_; }
  bool alive() const noexcept { return alive_; }
  void tell(Word word) noexcept;
  // After it is not alive any more.
  void join() noexcept { thread_.reset(); }

  // ---- Its own loop. ----
  Loop* begin(Host* host, Syscalls* syscalls) noexcept override;
  bool over() noexcept override;
  void end() noexcept override;
  Scope* root() noexcept override { return root_ ? &*root_ : nullptr; }
  // Takes up calls from now on, in scopes inside `around`, whose cancel is held back.
  Result<> open(Scope* around) noexcept;
  // Cancels what was called here; co_await Join(calls()) then.
  void cancel() noexcept { calls_->cancel(); }
  Scope& calls() noexcept { return *calls_; }
  void let_go() noexcept {
    calls_.reset();
    root_.reset();
  }

 private:
  struct Letter : Op {
    Shard* of = nullptr;
  };

  static Task<> take_up(Scope* calls, ShardChannel<RemoteCall*>* from);
  static Task<> cancel_calls(Shard* self);
  static void arrived(Op& op) noexcept;
  void hear() noexcept;
  void answer() noexcept;

  Shards& set_;
  const unsigned index_;
  Loop* loop_ = nullptr;
  Loop* home_ = nullptr;
  std::unique_ptr<Loop> own_loop_;
  std::optional<Scope> root_;
  std::optional<Scope> calls_;
  Letter letter_;
  Word word_ = Word::open;
  Result<> result_;
  bool ending_ = false;
  std::atomic<bool> posted_{false};  // the last word was, and its poster is back
  bool gone_ = false;                // its loop is
  bool alive_ = false;               // as far as shard 0 knows
  std::unique_ptr<Host::Thread> thread_;
};

}  // namespace vigil::detail
