// Names, sentences, and the parts of a target that are found only when asked for.
#include "vigil/http/message.hpp"

#include <algorithm>

#include "http/known_names.hpp"
#include "vigil/http/fields.hpp"

namespace vigil::http {

std::string_view name_of(KnownField field) noexcept {
  return detail::kKnownNames[static_cast<std::size_t>(field)];
}

KnownField known_field(std::string_view name) noexcept {
  return name.empty() ? KnownField::other : detail::find_known(name.data(), name.size());
}

std::string_view name_of(Method method) noexcept {
  static constexpr std::array<std::string_view, 10> kNames = {
      "", "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"};
  return kNames[static_cast<std::size_t>(method)];
}

std::optional<std::string_view> Fields::find(std::string_view name) const noexcept {
  for (std::size_t at = 0; at < count_; ++at) {
    const Field field = (*this)[at];
    if (equal_ignoring_case(field.name, name)) {
      return field.value;
    }
  }
  return std::nullopt;
}

namespace {

// The target of the absolute form behind its authority: "" or "/..." or "?...".
std::string_view behind_authority(std::string_view target, std::size_t authority_size) noexcept {
  return target.substr(target.find("//") + 2 + authority_size);
}

}  // namespace

std::string_view RequestHead::path() const noexcept {
  switch (form_) {
    case TargetForm::origin:
      return target().substr(0, target().find('?'));
    case TargetForm::absolute: {
      const std::string_view rest = behind_authority(target(), authority_size_);
      const std::string_view path = rest.substr(0, rest.find('?'));
      if (!path.empty()) {
        return path;
      }
      // RFC 9112 section 3.2.4: without path and query, OPTIONS asks about the server as a whole.
      return method_ == Method::options && rest.empty() ? "*" : "/";
    }
    case TargetForm::asterisk:
      return target();
    case TargetForm::authority:
      break;
  }
  return {};
}

std::optional<std::string_view> RequestHead::query() const noexcept {
  const std::size_t mark = target().find('?');
  if (mark == std::string_view::npos) {
    return std::nullopt;
  }
  return target().substr(mark + 1);
}

std::string_view RequestHead::authority() const noexcept {
  if (form_ == TargetForm::authority) {
    return target();
  }
  if (form_ == TargetForm::absolute) {
    return target().substr(target().find("//") + 2, authority_size_);
  }
  return fields_.find(KnownField::host).value_or(std::string_view());
}

}  // namespace vigil::http
