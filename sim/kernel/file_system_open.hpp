// OpenFile: the description that openat2(2) makes of a file or a directory.
#pragma once

#include <fcntl.h>

#include <cstdint>
#include <span>

#include "kernel/file.hpp"
#include "kernel/file_system_inode.hpp"
#include "kernel/process.hpp"

namespace vigil::sim {

class OpenFile final : public File {
 public:
  OpenFile(Kernel& kernel, InodeRef inode, int flags);
  ~OpenFile() override;

  std::uint32_t ready() const noexcept override;
  bool watchable() const noexcept override { return false; }
  std::int64_t read(std::span<std::byte> to) noexcept override;
  std::int64_t write(std::span<const std::byte> from) noexcept override;
  void closed() noexcept override;

  std::int64_t read_at(std::span<std::byte> to, std::uint64_t offset) noexcept;
  // Appends, whatever `offset` says, if it was opened so: as Linux's pwrite(2) does.
  std::int64_t write_at(std::span<const std::byte> from, std::uint64_t offset) noexcept;
  std::int32_t resize(std::uint64_t size) noexcept;
  std::int32_t allocate(std::uint64_t offset, std::uint64_t size, bool keep_size,
                        bool punch) noexcept;
  std::int32_t sync() noexcept;
  std::int32_t next_entry(Process::Entry& out);

  Inode& inode() const noexcept { return *inode_; }
  std::uint64_t& offset() noexcept { return offset_; }
  bool only_name() const noexcept { return (access & O_PATH) != 0; }
  bool readable() const noexcept { return !only_name() && (access & O_ACCMODE) != O_WRONLY; }
  bool direct() const noexcept { return (access & O_DIRECT) != 0; }
  bool writable() const noexcept { return !only_name() && (access & O_ACCMODE) != O_RDONLY; }

 private:
  std::int64_t read_device(std::span<std::byte> to) const noexcept;
  std::int64_t put(std::span<const std::byte> from, std::uint64_t& offset) noexcept;

  InodeRef inode_;
  bool closed_ = false;
  std::uint64_t offset_ = 0;
  // A directory's place is a name, not a number: it stays where it is while entries come and go.
  bool listing_ = false;
  EntryName place_{};
};

// Null if it is none.
OpenFile* open_file(File* file) noexcept;

}  // namespace vigil::sim
