// Pages in memory: asked by a read that may not wait, whose bytes nobody wants.
#include "loop/file_presence.hpp"

#include <fcntl.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "loop/operations.hpp"

namespace vigil {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kPieces = kFileShare / kPage;

// The bytes all go to one page, again and again, which stays in the processor's nearest cache: a
// third of what it costs to copy them anywhere else.
std::int32_t read_nowhere(int file, std::uint64_t offset, std::uint64_t size, int flags) noexcept {
  alignas(64) std::array<std::byte, kPage> nowhere;
  std::array<iovec, kPieces> vectors;
  std::size_t count = 0;
  for (; size != 0 && count != vectors.size(); ++count) {
    const auto piece = static_cast<std::size_t>(std::min<std::uint64_t>(size, kPage));
    vectors[count] = {nowhere.data(), piece};
    size -= piece;
  }
  return outcome([&] {
    return ::preadv2(file, vectors.data(), static_cast<int>(count), static_cast<off_t>(offset),
                     flags);
  });
}

// Whether the byte at `offset` can be read without a wait; not at the file's end either.
bool at_hand(int file, std::uint64_t offset) noexcept {
  return read_nowhere(file, offset, 1, RWF_NOWAIT) == 1;
}

// To some milliseconds, for next to nothing.
Instant coarse_now() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return Instant{std::chrono::seconds(now.tv_sec) + Nanos(now.tv_nsec)};
}

// Nearly all sends of a file follow another of the same: a look at both ends is enough then.
bool seen_lately(const SendFile& file, std::uint64_t end, Instant now) noexcept {
  return file.residency != nullptr && file.residency->covers(file.offset, end, now) &&
         at_hand(file.file, file.offset) && at_hand(file.file, end - 1);
}

}  // namespace

// mincore(2) says "in memory" of files that are not the caller's, and cachestat(2) counts pages
// that are still being read; a read that is refused is neither.
bool look_for_pages(SendFile& file) noexcept {
  if (std::exchange(file.fetched, false)) {
    return true;  // what was just brought is sent at once, so that each fetch gets on
  }
  if (file.offset < file.in_memory) {
    // The socket was full for a while: what was there may have left.
    if (read_nowhere(file.file, file.offset, 1, RWF_NOWAIT) != -EAGAIN) {
      return true;
    }
  }
  const Instant now = coarse_now();
  const std::uint64_t share = std::min(file.size, kFileShare);
  if (seen_lately(file, file.offset + share, now)) {
    file.in_memory = file.offset + share;
    return true;
  }
  file.in_memory = file.offset;
  const std::int32_t found = read_nowhere(file.file, file.offset, share, RWF_NOWAIT);
  if (found < 0) {
    return false;
  }
  if (file.residency != nullptr) {
    file.residency->found(file.offset, file.offset + static_cast<std::uint64_t>(found), now);
  }
  // Where the file ends, sendfile(2) may say so.
  file.in_memory += found == 0 ? file.size : static_cast<std::uint64_t>(found);
  return true;
}

std::int32_t fetch(SendFile& file) noexcept {
  const std::uint64_t share = std::min(file.size, kFileShare);
  ::posix_fadvise(file.file, static_cast<off_t>(file.offset), static_cast<off_t>(share),
                  POSIX_FADV_WILLNEED);
  std::uint64_t got = 0;
  while (got != share) {
    const std::int32_t step = read_nowhere(file.file, file.offset + got, share - got, 0);
    if (step < 0) {
      return step;
    }
    if (step == 0) {
      break;
    }
    got += static_cast<std::uint64_t>(step);
  }
  if (file.size > share) {
    ::posix_fadvise(file.file, static_cast<off_t>(file.offset + share), kFileShare,
                    POSIX_FADV_WILLNEED);
  }
  file.in_memory = file.offset + share;
  file.fetched = true;
  return 0;
}

}  // namespace vigil
