// The sentences of the errors: what failed, and what to do instead.
#include "vigil/poll/poller_error.hpp"

#include <string>

#include "poll/selector.hpp"

namespace vigil {
namespace {

struct Advice {
  std::errc condition;
  const char* sentence;
};

Advice advice(PollerErrc code) noexcept {
  switch (code) {
    case PollerErrc::not_pollable:
      return {std::errc::operation_not_permitted,
              "this kind of file cannot be waited for, since it is always ready: read and write it "
              "directly, on a "
              "thread of its own if that takes long"};
    case PollerErrc::already_added:
      return {
          std::errc::file_exists,
          "it was added already: modify() the source that watches it, or remove() that one first"};
    case PollerErrc::closed_descriptor:
      return {std::errc::bad_file_descriptor,
              "the descriptor is closed: remove() a source before closing its descriptor, or use "
              "Poller::close()"};
    case PollerErrc::above_limit:
      return {std::errc::too_many_files_open,
              "the select backend watches descriptors below 1024 only: choose the epoll or poll "
              "backend, or hold "
              "fewer descriptors open"};
    case PollerErrc::unknown_source:
      return {std::errc::no_such_file_or_directory,
              "no such source: its token was removed already, or belongs to another Poller"};
    case PollerErrc::wrong_source:
      return {std::errc::invalid_argument,
              "a source keeps its kind and what it watches: remove() it and add() the other one"};
    case PollerErrc::bad_exclusive:
      return {std::errc::invalid_argument,
              "an exclusive source is level or edge, without kPeerClosed, and is not modified: "
              "remove() and add() it"};
    case PollerErrc::bad_time:
      return {std::errc::invalid_argument,
              "a timer's period cannot be negative: zero makes it fire once"};
    case PollerErrc::bad_interest:
      return {std::errc::invalid_argument,
              "the interest must be made of Ready bits (descriptor) or at least one VnodeChange "
              "bit (vnode)"};
    case PollerErrc::unknown_backend:
      return {std::errc::invalid_argument, "no backend of that name"};
    case PollerErrc::spent_source:
      return {std::errc::no_such_process,
              "the process has ended and was told: remove() the source"};
    case PollerErrc::watch_limit:
      return {std::errc::no_space_on_device,
              "the user's limit of watches is reached: remove some, or raise "
              "fs.epoll.max_user_watches or "
              "fs.inotify.max_user_watches"};
    case PollerErrc::forked:
      return {std::errc::operation_not_permitted,
              "this Poller is the parent process's: create a new one after fork()"};
  }
  return {std::errc::invalid_argument, "unknown error of a Poller"};
}

class PollerCategory final : public std::error_category {
 public:
  const char* name() const noexcept override { return "vigil.poller"; }

  std::string message(int value) const override {
    const auto code = static_cast<PollerErrc>(value);
    std::string sentence = advice(code).sentence;
    if (code == PollerErrc::unknown_backend) {
      const char* before = ": choose ";
      for (const SelectorRow* row = first_selector(); row != nullptr; row = row->next) {
        sentence.append(before).append(row->name);
        before = row->next != nullptr && row->next->next == nullptr ? " or " : ", ";
      }
    }
    return sentence;
  }

  std::error_condition default_error_condition(int value) const noexcept override {
    return std::make_error_condition(advice(static_cast<PollerErrc>(value)).condition);
  }
};

}  // namespace

const std::error_category& poller_category() noexcept {
  static const PollerCategory category;
  return category;
}

}  // namespace vigil
