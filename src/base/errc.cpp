// The words of vigil's own errors.
#include "vigil/base/errc.hpp"

#include <string>

namespace vigil {
namespace {

class VigilCategory final : public std::error_category {
 public:
  const char* name() const noexcept override { return "vigil"; }
  std::string message(int value) const override {
    return static_cast<Errc>(value) == Errc::forked
               ? "this loop's ring belongs to the parent process: make a new Loop in the child"
               : "no error of vigil's has this number";
  }
  std::error_condition default_error_condition(int value) const noexcept override {
    return static_cast<Errc>(value) == Errc::forked
               ? std::make_error_condition(std::errc::operation_not_permitted)
               : std::error_condition(value, *this);
  }
};

}  // namespace

const std::error_category& vigil_category() noexcept {
  static const VigilCategory category;
  return category;
}

}  // namespace vigil
