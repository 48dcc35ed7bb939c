// What the admin socket and the status address answer: figures as text, JSON and a page.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "admin/panel.hpp"
#include "vigil/http/server.hpp"

namespace vigil::app {

// One loop's.
struct AdminService {
  const Panel* panel = nullptr;
  std::uint64_t descriptor_limit = 0;
  Instant began{};
  // A loopback address is for this machine, and a page of another site, whose name was made to
  // resolve to it (DNS rebinding), must not read it: it answers no such name.
  bool own_names_only = false;
  // Who asks is the server's owner, and may see who its clients are.
  bool to_owner = false;
};

// What is asked, however it came. Borrowed.
struct AdminQuestion {
  http::Method method = http::Method::get;
  std::string_view path;
  std::optional<std::string_view> query = std::nullopt;
  std::string_view authority = {};
};

struct Said {
  unsigned status = 200;
  std::string_view type = "text/plain; charset=utf-8";
  std::string text;
};

AdminQuestion question_of(const http::RequestHead& request) noexcept;
// An answer that comes before all routes: to what is no question, or not for who asks; or nothing.
std::optional<Said> refusal(const AdminQuestion& question, bool own_names_only);
// Of the page and the files that it needs; nothing for other paths.
std::optional<Said> part_of_page(std::string_view path);
// To what has no answer: the paths that have one.
Said nothing_here(bool to_owner);

inline constexpr std::string_view kJsonType = "application/json";
inline constexpr std::string_view kRestart = "/restart";  // by POST

Task<Said> answer_question(const AdminQuestion* question, AdminService* service);
Task<> respond_with(http::Exchange* exchange, const Said* said);

// The handler of an http::Server.
Task<> answer_admin(http::Exchange& exchange, AdminService& service);

}  // namespace vigil::app
