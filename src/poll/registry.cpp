// The table of selectors. The library's own rows are constants, so that a static library keeps
// them; others follow.
#include "poll/backends.hpp"

namespace vigil {
namespace {

constinit SelectorRow select_row{"select", make_select_selector, nullptr};
constinit SelectorRow poll_row{"poll", make_poll_selector, &select_row};
constinit SelectorRow epoll_row{"epoll", make_epoll_selector, &poll_row};

}  // namespace

SelectorRow* first_selector() noexcept { return &epoll_row; }

void add_selector(SelectorRow& row) noexcept {
  SelectorRow* last = first_selector();
  for (; last->next != nullptr; last = last->next) {
    if (last == &row) {
      return;
    }
  }
  if (last != &row) {
    row.next = nullptr;
    last->next = &row;
  }
}

const SelectorRow* find_selector(std::string_view name) noexcept {
  for (const SelectorRow* row = first_selector(); row != nullptr; row = row->next) {
    if (row->name == name) {
      return row;
    }
  }
  return nullptr;
}

}  // namespace vigil
