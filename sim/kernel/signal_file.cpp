// Signals and ends of processes as descriptions.
#include "kernel/signal_file.hpp"

#include <fcntl.h>
#include <sys/signalfd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "kernel/kernel.hpp"

namespace vigil::sim {

SignalFile::SignalFile(Process& process, std::uint64_t mask) noexcept
    : File(process.kernel()), process_(process), mask_(mask), relay_(*this) {
  access = O_RDWR;
  has_write = false;
  process.signals_.add(relay_);
}

void SignalFile::set_mask(std::uint64_t mask) noexcept {
  mask_ = mask;
  if (relay_.queue != nullptr) {
    process_.signals_.wake(0);
  }
}

std::uint32_t SignalFile::ready() const noexcept {
  return relay_.queue != nullptr && (process_.pending_signals() & mask_) != 0
             ? std::uint32_t{kReadable}
             : 0U;
}

std::int64_t SignalFile::read(std::span<std::byte> to) noexcept {
  constexpr std::size_t kRecord = sizeof(signalfd_siginfo);
  if (to.size() < kRecord) {
    return -EINVAL;
  }
  std::size_t given = 0;
  Process::Pending taken{};
  while (given + kRecord <= to.size() && relay_.queue != nullptr &&
         process_.take_signal(mask_, taken)) {
    signalfd_siginfo record{};
    record.ssi_signo = static_cast<std::uint32_t>(taken.signal);
    record.ssi_code = taken.code;
    record.ssi_pid = static_cast<std::uint32_t>(taken.sender);
    record.ssi_status = taken.status;
    record.ssi_int = taken.value;
    std::memcpy(to.data() + given, &record, kRecord);
    given += kRecord;
  }
  return given == 0 ? -EAGAIN : static_cast<std::int64_t>(given);
}

ProcessFile::ProcessFile(Kernel& kernel, std::shared_ptr<ProcessEnd> end) noexcept
    : File(kernel), end_(std::move(end)), relay_(*this) {
  access = O_RDWR;
  has_read = false;
  has_write = false;
  end_->queue.add(relay_);
}

std::uint32_t ProcessFile::ready() const noexcept { return end_->ended ? kReadable | kRdNorm : 0U; }

}  // namespace vigil::sim
