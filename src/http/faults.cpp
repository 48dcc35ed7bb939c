// What is said about each fault: the status a server answers, and one sentence.
#include "vigil/http/message.hpp"

namespace vigil::http {

Refusal describe(Fault fault) noexcept {
  switch (fault) {
    case Fault::none:
      return {200, "nothing is wrong"};
    case Fault::bad_method:
      return {400, "the request line does not begin with a method and one space"};
    case Fault::bad_target:
      return {400,
              "the request target is not a path, an http URI, host:port or *, in visible ASCII "
              "without #"};
    case Fault::target_not_for_method:
      return {400, "the form of the request target does not fit the method"};
    case Fault::bad_version:
      return {400, "the start line does not name a version of HTTP where it must"};
    case Fault::unsupported_version:
      return {505, "only HTTP/1.0 and HTTP/1.1 are spoken here"};
    case Fault::bad_status:
      return {400, "the status code is not a number from 100 to 599"};
    case Fault::bad_reason:
      return {400, "the status code is not followed by one space and a reason, or the line's end"};
    case Fault::request_line_too_long:
      return {414, "the request line is too long"};
    case Fault::bare_lf:
      return {400, "a line ends with LF alone instead of CRLF"};
    case Fault::bare_cr:
      return {400, "a CR is not followed by LF"};
    case Fault::null_byte:
      return {400, "there is a NUL byte in the head"};
    case Fault::control_byte:
      return {400, "there is a control byte in the head"};
    case Fault::folded_line:
      return {400, "a field line begins with a blank (obsolete line folding)"};
    case Fault::empty_name:
      return {400, "a field line has no name before its colon"};
    case Fault::bad_name:
      return {400, "a field name has a byte that is not allowed there"};
    case Fault::blank_before_colon:
      return {400, "there is a blank between a field name and its colon"};
    case Fault::line_without_colon:
      return {400, "a field line has no colon"};
    case Fault::head_too_large:
      return {431, "the head is too large"};
    case Fault::too_many_fields:
      return {431, "there are too many fields"};
    case Fault::host_missing:
      return {400, "the Host field is missing"};
    case Fault::host_repeated:
      return {400, "there is more than one Host field"};
    case Fault::host_invalid:
      return {400, "the Host field is not a host and an optional port"};
    case Fault::length_repeated:
      return {400, "there is more than one Content-Length field"};
    case Fault::length_invalid:
      return {400, "Content-Length is not one number below 2^63"};
    case Fault::length_and_coding:
      return {400, "there are both Content-Length and Transfer-Encoding"};
    case Fault::coding_in_1_0:
      return {400, "Transfer-Encoding is not allowed in HTTP/1.0"};
    case Fault::coding_not_chunked_last:
      return {400, "the last transfer coding is not chunked, or chunked is applied twice"};
    case Fault::coding_unknown:
      return {501, "no transfer coding but chunked is implemented"};
    case Fault::connection_invalid:
      return {400, "the Connection field is not a list of tokens"};
    case Fault::expectation_unknown:
      return {417, "no expectation but 100-continue can be met"};
    case Fault::chunk_size_invalid:
      return {400, "a chunk does not begin with a hexadecimal size and CRLF"};
    case Fault::chunk_size_too_large:
      return {400, "a chunk size has more than 16 digits or is not below 2^63"};
    case Fault::chunk_extension_invalid:
      return {400, "a chunk extension has a control byte or no CRLF at its end"};
    case Fault::chunk_overhead:
      return {400, "the chunks carry far more framing than content"};
    case Fault::chunk_too_long:
      return {400, "the content of a chunk is not followed by CRLF"};
    case Fault::trailer_too_large:
      return {431, "the trailer section is too large"};
    case Fault::trailer_forbidden:
      return {400, "a trailer field is one that must stand in the head"};
  }
  return {400, "the message is malformed"};
}

}  // namespace vigil::http
