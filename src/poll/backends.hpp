// The backends that the registry names, one file each.
#pragma once

#include <memory>
#include <new>

#include "poll/selector.hpp"

namespace vigil {

// A backend that acquires something from the system by its open().
template <class S>
Result<std::unique_ptr<Selector>> make_opened() {
  std::unique_ptr<S> made(new (std::nothrow) S);
  if (!made) {
    return error(std::errc::not_enough_memory);
  }
  if (auto opened = made->open(); !opened) {
    return std::unexpected(opened.error());
  }
  return made;
}

Result<std::unique_ptr<Selector>> make_epoll_selector();
Result<std::unique_ptr<Selector>> make_poll_selector();
Result<std::unique_ptr<Selector>> make_select_selector();
Result<std::unique_ptr<Selector>> make_null_selector();  // the porting template; in no row

}  // namespace vigil
