// Errors are made out of line and cold: a Result's happy path stays small.
#include "vigil/base/result.hpp"

#include "vigil/base/errc.hpp"

namespace vigil {

std::unexpected<std::error_code> error(int number) noexcept {
  return std::unexpected(std::error_code(number, std::generic_category()));
}

std::unexpected<std::error_code> error(std::errc code) noexcept {
  return std::unexpected(std::make_error_code(code));
}

std::unexpected<std::error_code> failed(std::int32_t negative) noexcept {
  return negative == kForked ? std::unexpected(make_error_code(Errc::forked)) : error(-negative);
}

}  // namespace vigil
