// The codec held against another parser on the same inputs: the fuzzing corpus and mutations of it.
// Where we differ, the difference has a name and a reason in tests/fuzz/http_differences.txt; one
// that is not listed there is an error, and so is one that is listed and no longer seen.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace vigil::http {

// What a parser makes of one message.
struct Verdict {
  enum class Kind { wants_head, wants_body, message, refused };
  Kind kind;
  std::string text;          // the head and "[content]", or why it is refused
  std::size_t consumed = 0;  // of a whole message
  bool in_body = false;      // refused behind the head
};
using Verdicts = std::vector<Verdict>;

struct Input {
  bool request;
  std::string bytes;
};

// As they stand in a Verdict's text.
void append_field(std::string& text, std::string_view name, std::string_view value);

// All messages of `bytes`, as `read_one` finds them, to the first that is not whole.
template <class ReadOne>
Verdicts read_all(std::string_view bytes, ReadOne read_one) {
  Verdicts verdicts;
  do {
    verdicts.push_back(read_one(bytes));
    bytes.remove_prefix(std::min(bytes.size(), verdicts.back().consumed));
  } while (verdicts.back().kind == Verdict::Kind::message && !bytes.empty() &&
           verdicts.back().consumed > 0);
  return verdicts;
}

// The corpus, and so many mutations of each of its files.
std::vector<Input> inputs(std::size_t mutations_each);

// Fails the test for each difference between us and `peer`, who said `theirs` of `all`, that is not
// listed; and for each that is listed and was not seen.
void compare(const std::string& peer, const std::vector<Input>& all,
             const std::vector<Verdicts>& theirs);

}  // namespace vigil::http
