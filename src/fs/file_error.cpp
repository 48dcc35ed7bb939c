// Sentences for what EINVAL does not tell.
#include "vigil/fs/file_error.hpp"

#include <string>

#include "vigil/loop/file_arguments.hpp"

namespace vigil::fs {
namespace {

class FileCategory final : public std::error_category {
 public:
  const char* name() const noexcept override { return "vigil.file"; }
  std::string message(int value) const override {
    switch (static_cast<FileError>(value)) {
      case FileError::misaligned:
        return "direct I/O takes addresses that are multiples of the status's direct_memory, and "
               "offsets and sizes that are multiples of its direct_offset";
      case FileError::no_direct_io:
        return "this file system has no direct I/O: open the file without it";
    }
    return "unknown";
  }
  std::error_condition default_error_condition(int) const noexcept override {
    return std::errc::invalid_argument;
  }
};

}  // namespace

const std::error_category& file_category() noexcept {
  static const FileCategory category;
  return category;
}

std::error_code make_error_code(FileError what) noexcept {
  return {static_cast<int>(what), file_category()};
}

std::unexpected<std::error_code> detail::file_failed(std::int32_t negative) noexcept {
  switch (-negative) {
    case kMisaligned:
      return std::unexpected(make_error_code(FileError::misaligned));
    case kNoDirect:
      return std::unexpected(make_error_code(FileError::no_direct_io));
    default:
      return failed(negative);
  }
}

}  // namespace vigil::fs
