// The heads of HTTP/1.1 messages (RFC 9110, RFC 9112) as views: a head is parsed in the bytes where
// it lies, and says where its parts are. Nothing is copied or allocated.
//
// Lifetime: every string_view of a head points into the buffer that was last given to its parser. A
// head belongs to one thread at a time. A head with its table (`RequestStorage`, some 1.2 KiB) is
// needed from the first byte of a message until its last use only, so servers take it from a pool.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "vigil/http/known_field.hpp"

namespace vigil::http {

// Methods of RFC 9110 section 9 and RFC 5789; case-sensitive. `other` is any other token:
// RequestHead::method_text() has it.
enum class Method : std::uint8_t {
  other,
  get,
  head,
  post,
  put,
  delete_,
  connect,
  options,
  trace,
  patch,
};
// The method's text; empty for `other`.
[[nodiscard]] std::string_view name_of(Method method) noexcept;

// A higher minor version of HTTP/1 is read as 1.1 (RFC 9110 section 2.5).
enum class Version : std::uint8_t { http_1_0, http_1_1 };

// RFC 9112 section 3.2.
enum class TargetForm : std::uint8_t {
  origin,     // "/path?query"
  absolute,   // "http://host/path?query"
  authority,  // "host:port", CONNECT only
  asterisk,   // "*", OPTIONS only
};

// How the end of a body is known (RFC 9112 section 6.3).
enum class BodyKind : std::uint8_t {
  none,         // there is no body
  length,       // so many bytes
  chunked,      // until the last chunk and the trailer section
  until_close,  // responses only: until the connection ends
  tunnel,       // responses only: 101, or 2xx to CONNECT; what follows is no longer HTTP
};
struct Framing {
  BodyKind kind = BodyKind::none;
  std::uint64_t length = 0;  // bytes; of `length` only
};

// Why a message is refused. Each has a status that a server answers, and a sentence.
enum class Fault : std::uint8_t {
  none,
  // The start line.
  bad_method,
  bad_target,
  target_not_for_method,
  bad_version,
  unsupported_version,
  bad_status,
  bad_reason,
  request_line_too_long,
  // Lines and fields.
  bare_lf,
  bare_cr,
  null_byte,
  control_byte,
  folded_line,
  empty_name,
  bad_name,
  blank_before_colon,
  line_without_colon,
  head_too_large,
  too_many_fields,
  // What the fields say.
  host_missing,
  host_repeated,
  host_invalid,
  length_repeated,
  length_invalid,
  length_and_coding,
  coding_in_1_0,
  coding_not_chunked_last,
  coding_unknown,
  connection_invalid,
  expectation_unknown,
  // The chunked body.
  chunk_size_invalid,
  chunk_size_too_large,
  chunk_extension_invalid,
  chunk_overhead,
  chunk_too_long,
  trailer_too_large,
  trailer_forbidden,
};
struct Refusal {
  std::uint16_t
      status;  // what a server answers: 400, 414, 417, 431, 501 or 505. A client or proxy: 502
  std::string_view reason;  // one sentence without a full stop, of static lifetime
};
[[nodiscard]] Refusal describe(Fault fault) noexcept;

// Limits on a head, in bytes. The number of fields is limited by the table that the caller
// provides.
struct HeadLimits {
  std::uint16_t request_line =
      8'192;                    // with its CRLF: 414. RFC 9112 section 3 asks for 8,000 at least
  std::uint16_t head = 32'768;  // all of it, up to and with the empty line: 431
};

// Where a field of a head lies, as offsets from the head's first byte.
struct FieldSlot {
  std::uint16_t name_at;
  std::uint16_t name_size;
  std::uint16_t value_at;
  std::uint16_t value_size;
  KnownField known;
};

// One field line. The value has no blanks at its ends; it may be empty.
struct Field {
  std::string_view name;
  std::string_view value;
  KnownField known;
};

namespace detail {
class FieldParser;
}

// The field lines of a head or trailer section, in the order of their coming.
class Fields {
 public:
  // `slots` is the table, at most as many as can be told apart (65,535). Borrowed for the life of
  // this object.
  explicit Fields(std::span<FieldSlot> slots) noexcept : slots_(slots) {}

  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  // `at` < size().
  [[nodiscard]] Field operator[](std::size_t at) const noexcept {
    const FieldSlot& slot = slots_[at];
    return {{base_ + slot.name_at, slot.name_size},
            {base_ + slot.value_at, slot.value_size},
            slot.known};
  }

  // Whether there is such a field, and whether there is more than one. Not for `KnownField::other`.
  [[nodiscard]] bool has(KnownField field) const noexcept { return (seen_ & bit(field)) != 0; }
  [[nodiscard]] bool repeated(KnownField field) const noexcept {
    return (repeated_ & bit(field)) != 0;
  }

  // The value of the first such field, without a search. Not for `KnownField::other`.
  [[nodiscard]] std::optional<std::string_view> find(KnownField field) const noexcept {
    if (!has(field)) {
      return std::nullopt;
    }
    return (*this)[first_[static_cast<std::size_t>(field)]].value;
  }
  // The value of the first field of that name, compared without case, by a search.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const noexcept;

  // Calls `visit(value)` for each such field in order: of fields that are lists (RFC 9110
  // section 5.3) all lines count.
  template <class Visit>
  void for_each(KnownField field, Visit visit) const {
    if (!has(field)) {
      return;
    }
    for (std::size_t at = first_[static_cast<std::size_t>(field)]; at < count_; ++at) {
      if (slots_[at].known == field) {
        visit((*this)[at].value);
      }
    }
  }

 private:
  friend class detail::FieldParser;
  static constexpr std::uint64_t bit(KnownField field) noexcept {
    return std::uint64_t{1} << static_cast<unsigned>(field);
  }

  std::span<FieldSlot> slots_;
  const char* base_ = nullptr;
  std::uint64_t seen_ = 0;
  std::uint64_t repeated_ = 0;
  std::uint32_t count_ = 0;
  std::array<std::uint16_t, kKnownFields> first_;  // of those in `seen_`
};
static_assert(kKnownFields <= 64, "Fields keeps one bit for each");

// A request's head. Meaningful when its parser said `complete`.
class RequestHead {
 public:
  // `slots` as for Fields: the most fields that a request may have.
  explicit RequestHead(std::span<FieldSlot> slots) noexcept : fields_(slots) {}

  // Lends room for a copy of the field lines that were read last. A client says the same lines with
  // each request, as a rule; a request whose lines are those, byte for byte, is compared and not
  // parsed. Lines that do not fit are parsed each time; so are those with credentials
  // (Authorization, Cookie, Proxy-Authorization), of which no copy is made. Borrowed for the life
  // of this head; none is lent unless asked.
  void remember_lines_in(std::span<char> room) noexcept {
    known_lines_ = room.data();
    known_room_ = static_cast<std::uint32_t>(room.size());
    known_size_ = 0;
  }

  [[nodiscard]] Method method() const noexcept { return method_; }
  [[nodiscard]] std::string_view method_text() const noexcept {
    return {base_ + target_at_ - 1 - method_size_, method_size_};
  }
  [[nodiscard]] Version version() const noexcept { return version_; }
  [[nodiscard]] const Fields& fields() const noexcept { return fields_; }

  // The request target as it came, and its parts. `path` is still percent-encoded, never empty, and
  // "*" for the asterisk form; of the authority form it is empty. `query` is without its '?';
  // nothing if there is none.
  [[nodiscard]] std::string_view target() const noexcept {
    return {base_ + target_at_, target_size_};
  }
  [[nodiscard]] TargetForm form() const noexcept { return form_; }
  [[nodiscard]] std::string_view path() const noexcept;
  [[nodiscard]] std::optional<std::string_view> query() const noexcept;
  // "host" or "host:port", validated: of the target if that has one, else of the Host field
  // (RFC 9112 section 3.2.2). Empty if there is none, which is right in HTTP/1.0 only, or if Host
  // is empty.
  [[nodiscard]] std::string_view authority() const noexcept;

  // The bytes of the head with its empty line: the body, or the next request, begins there.
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] const Framing& framing() const noexcept { return framing_; }
  // Whether the client lets the connection live after this exchange (RFC 9112 section 9.3).
  [[nodiscard]] bool keep_alive() const noexcept { return keep_alive_; }
  // Whether the client waits for 100 (Continue) before it sends the body (RFC 9110 section 10.1.1).
  [[nodiscard]] bool expects_continue() const noexcept { return expects_continue_; }
  // Whether the client asks to upgrade: the Upgrade field has the protocols (RFC 9110 section 7.8).
  [[nodiscard]] bool wants_upgrade() const noexcept { return wants_upgrade_; }

 private:
  friend class RequestParser;

  const char* base_ = nullptr;
  std::uint32_t size_ = 0;
  std::uint16_t method_size_ = 0;
  std::uint16_t target_at_ = 0;
  std::uint16_t target_size_ = 0;
  std::uint16_t authority_size_ = 0;  // of the absolute form; it stands after the scheme
  Method method_ = Method::other;
  Version version_ = Version::http_1_1;
  TargetForm form_ = TargetForm::origin;
  bool keep_alive_ = false;
  bool expects_continue_ = false;
  bool wants_upgrade_ = false;
  Framing framing_;
  Fields fields_;
  // The lines that `fields_` and all that follows from them were read from, in an HTTP/1.1 head.
  char* known_lines_ = nullptr;
  std::uint32_t known_room_ = 0;
  std::uint32_t known_size_ = 0;  // 0: none
};

// A response's head. Meaningful when its parser said `complete`.
class ResponseHead {
 public:
  explicit ResponseHead(std::span<FieldSlot> slots) noexcept : fields_(slots) {}

  [[nodiscard]] Version version() const noexcept { return version_; }
  // 100 to 599. 1xx other than 101 is followed by another response to the same request.
  [[nodiscard]] std::uint16_t status() const noexcept { return status_; }
  [[nodiscard]] std::string_view reason() const noexcept {
    return {base_ + reason_at_, reason_size_};
  }
  [[nodiscard]] const Fields& fields() const noexcept { return fields_; }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  // The answers to HEAD and CONNECT, 1xx, 204 and 304 have their own rules: RFC 9112 section 6.3.
  [[nodiscard]] const Framing& framing() const noexcept { return framing_; }
  // Whether the connection can be used again, once the body has been read.
  [[nodiscard]] bool keep_alive() const noexcept { return keep_alive_; }

 private:
  friend class ResponseParser;

  const char* base_ = nullptr;
  std::uint32_t size_ = 0;
  std::uint16_t status_ = 0;
  std::uint16_t reason_at_ = 0;
  std::uint16_t reason_size_ = 0;
  Version version_ = Version::http_1_1;
  bool keep_alive_ = false;
  Framing framing_;
  Fields fields_;
};

// How many fields a message may have unless its owner brings another table.
inline constexpr std::size_t kDefaultFields = 100;

// A head together with its table, to be kept in a pool.
template <class Head, std::size_t kSlots = kDefaultFields>
class WithSlots {
 public:
  WithSlots() noexcept : head(std::span<FieldSlot>(&slots_[0], kSlots)) {}
  WithSlots(const WithSlots&) = delete;
  WithSlots& operator=(const WithSlots&) = delete;

 private:
  FieldSlot slots_[kSlots];  // not cleared: the head knows how many of them mean anything

 public:
  Head head;
};
using RequestStorage = WithSlots<RequestHead>;
using ResponseStorage = WithSlots<ResponseHead>;
using TrailerStorage = WithSlots<Fields>;

}  // namespace vigil::http
