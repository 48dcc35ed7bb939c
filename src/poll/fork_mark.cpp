// One page for the whole process, never given back.
#include "poll/fork_mark.hpp"

#include <sys/mman.h>
#include <unistd.h>

namespace vigil {
namespace {

// Where the kernel is too old to clear it, the mark holds always: a child is then not found out.
std::uint64_t* shared_word() noexcept {
  static std::uint64_t never_cleared = 0;
  static std::uint64_t* const word = [] {
    const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    void* page = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
      return &never_cleared;
    }
    if (::madvise(page, size, MADV_WIPEONFORK) != 0) {
      ::munmap(page, size);
      return &never_cleared;
    }
    return static_cast<std::uint64_t*>(page);
  }();
  return word;
}

}  // namespace

ForkMark::ForkMark() noexcept
    : word_(shared_word()), process_(static_cast<std::uint64_t>(::getpid())) {
  __atomic_store_n(word_, process_, __ATOMIC_RELAXED);
}

}  // namespace vigil
