// The environment of a program that is started.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <vector>

namespace vigil {

// Two lists of "NAME=value", each ended by null, as one, also ended by null: `more` first, then
// what it does not replace. Either may be null. Valid as long as the texts are.
inline std::vector<const char*> with_more(const char* const* first, const char* const* more) {
  std::vector<const char*> all;
  const auto named_as = [](const char* one) {
    return [one, size = std::strcspn(one, "=")](const char* other) {
      return std::strncmp(one, other, size) == 0 && std::strcspn(other, "=") == size;
    };
  };
  for (; more != nullptr && *more != nullptr; ++more) {
    all.push_back(*more);
  }
  const auto count = static_cast<std::ptrdiff_t>(all.size());
  for (; first != nullptr && *first != nullptr; ++first) {
    if (std::none_of(all.begin(), all.begin() + count, named_as(*first))) {
      all.push_back(*first);
    }
  }
  all.push_back(nullptr);
  return all;
}

}  // namespace vigil
