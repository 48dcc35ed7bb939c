// Copies of figures, under a lock that their owners take when they come and go.
#include "admin/panel.hpp"

#include <condition_variable>
#include <exception>
#include <memory>
#include <utility>

#include "vigil/base/version.hpp"
#include "vigil/loop/loop.hpp"

namespace vigil::app {

void Panel::resize(unsigned shards) {
  const std::scoped_lock lock(mutex_);
  shards_.resize(shards);
}

void Panel::show(unsigned shard, const Shard& figures) noexcept {
  const std::scoped_lock lock(mutex_);
  shards_[shard] = figures;
}

void Panel::show_listeners(std::vector<Listener> listeners) noexcept {
  const std::scoped_lock lock(mutex_);
  listeners_.swap(listeners);
}

void Panel::hide_listener(const Acceptors& acceptors) noexcept {
  const std::scoped_lock lock(mutex_);
  std::erase_if(listeners_, [&](const Listener& each) { return each.acceptors == &acceptors; });
}

Snapshot Panel::snapshot() const {
  Snapshot taken;
  taken.version = version_text();
  taken.draining = draining();
  if (watcher_ != nullptr) {
    for (const StallFigures& each : watcher_->figures()) {
      taken.stalls.push_back({.number = static_cast<unsigned>(taken.stalls.size()),
                              .stalls = each.stalls,
                              .not_run = each.not_run,
                              .longest = each.longest,
                              .total = each.total});
    }
  }
  const std::scoped_lock lock(mutex_);
  for (unsigned number = 0; number != shards_.size(); ++number) {
    const Shard& shard = shards_[number];
    if (shard.loop == nullptr) {
      continue;
    }
    taken.engine = shard.loop->engine().traits().name;
    taken.shards.push_back({.number = number,
                            .loop = shard.loop->figures(),
                            .http = shard.server->figures(),
                            .log_dropped = shard.log_dropped->get()});
  }
  for (const Listener& listener : listeners_) {
    taken.listeners.push_back({.at = listener.at,
                               .accept = std::string(name_of(listener.acceptors->strategy())),
                               .shards = listener.acceptors->figures()});
  }
  return taken;
}

// ---- Asking the shards. ----

namespace {

// Who asks may have stopped waiting when the last shard answers.
struct Heard {
  std::mutex mutex;
  std::condition_variable news;
  std::optional<Panel::Told> told;
  std::vector<unsigned> silent;
};

}  // namespace

// A letter of its own to each loop, which ends where that loop does, if it never turned.
struct Panel::Question : Op {
  const Panel* panel = nullptr;
  NativeHandle handle = kNoHandle;
  unsigned shard = 0;
  std::shared_ptr<Heard> heard;

  static void arrived(Op& op) noexcept {
    const std::unique_ptr<Question> self(&static_cast<Question&>(op));
    if (op.result < 0) {
      return;
    }
    std::optional<http::ConnectionView> view;
    try {
      view = self->panel->look_here(self->shard, self->handle);
    } catch (const std::exception&) {
      return;  // no memory for the answer: there is none
    }
    const std::scoped_lock lock(self->heard->mutex);
    std::erase(self->heard->silent, self->shard);
    if (view) {
      self->heard->told = Told{self->shard, std::move(*view)};
    }
    self->heard->news.notify_one();
  }
};

// On the shard's own thread: its server is there for as long as this runs, or it is not shown.
std::optional<http::ConnectionView> Panel::look_here(unsigned shard, NativeHandle handle) const {
  const http::Server* server = nullptr;
  {
    const std::scoped_lock lock(mutex_);
    server = shards_[shard].server;
  }
  return server != nullptr ? server->look_at(handle) : std::nullopt;
}

Panel::Answers Panel::ask_for(NativeHandle handle, Nanos at_most) const {
  const auto heard = std::make_shared<Heard>();
  {
    // A loop outlives its being shown, so it is there to be written to.
    const std::scoped_lock lock(mutex_);
    std::vector<std::unique_ptr<Question>> letters(shards_.size());
    for (unsigned number = 0; number != shards_.size(); ++number) {
      if (shards_[number].loop != nullptr) {
        letters[number] = std::make_unique<Question>();
        Question& letter = *letters[number];
        letter.code = Opcode::letter;
        letter.complete = &Question::arrived;
        letter.panel = this;
        letter.handle = handle;
        letter.shard = number;
        letter.heard = heard;
        heard->silent.push_back(number);
      }
    }
    for (unsigned number = 0; number != shards_.size(); ++number) {
      if (letters[number]) {
        shards_[number].loop->post(*letters[number].release());
      }
    }
  }
  std::unique_lock lock(heard->mutex);
  heard->news.wait_for(lock, at_most, [&] { return heard->told || heard->silent.empty(); });
  return {heard->told, heard->silent};
}

// ---- From one process to the next. ----

void Panel::hear_of_wish(const Ear& ear) noexcept {
  const std::scoped_lock lock(mutex_);
  of_wish_ = ear;
}

void Panel::hear_of_successor(const Ear& ear) noexcept {
  const std::scoped_lock lock(mutex_);
  of_successor_ = ear;
}

// A letter to a loop, where the ear is or is not by then.
struct Panel::Word : Op {
  const Panel* panel = nullptr;
  Ear Panel::* to = nullptr;

  static void arrived(Op& op) noexcept {
    const std::unique_ptr<Word> self(&static_cast<Word&>(op));
    Ear ear;
    {
      const std::scoped_lock lock(self->panel->mutex_);
      ear = self->panel->*self->to;
    }
    if (op.result >= 0 && ear.loop != nullptr) {
      ear.heard(ear.context);
    }
  }
};

// With the lock.
void Panel::say(Ear Panel::* to) const {
  if (Loop* loop = (this->*to).loop) {
    auto letter = std::make_unique<Word>();
    letter->code = Opcode::letter;
    letter->complete = &Word::arrived;
    letter->panel = this;
    letter->to = to;
    loop->post(*letter.release());
  }
}

bool Panel::ask_to_give_way() const {
  const std::scoped_lock lock(mutex_);
  say(&Panel::of_wish_);
  return of_wish_.loop != nullptr;
}

void Panel::tell_succession(std::int32_t process, std::string said) {
  const std::scoped_lock lock(mutex_);
  ++succession_.tries;
  succession_.process = process;
  succession_.said = std::move(said);
  if (process != 0) {
    say(&Panel::of_successor_);
  }
}

Panel::Succession Panel::succession() const {
  const std::scoped_lock lock(mutex_);
  return succession_;
}

}  // namespace vigil::app
