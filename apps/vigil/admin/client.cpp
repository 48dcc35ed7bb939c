// Finding servers by their sockets, and asking them.
#include "admin/client.hpp"

#include <algorithm>
#include <charconv>

#include "admin/socket.hpp"
#include "vigil/coro/scoped.hpp"
#include "vigil/http/client.hpp"
#include "vigil/runtime/explain.hpp"

namespace vigil::app {
namespace {

// A server whose admin loop does not answer in this time is not there.
constexpr Nanos kPatience = std::chrono::seconds(5);

Task<Result<AdminAnswer>> ask(std::string path, std::string target, http::Method method) {
  const auto address = Address::local(path);
  if (!address) {
    co_return std::unexpected(address.error());
  }
  auto connecting = http::Connection::connect(*address);
  auto connection = co_await std::move(connecting);
  if (!connection) {
    co_return std::unexpected(connection.error());
  }
  auto asking =
      connection->ask({.method = method, .target = target, .host = "localhost", .close = true});
  const auto head = co_await std::move(asking);
  if (!head) {
    co_return std::unexpected(head.error());
  }
  AdminAnswer answer;
  answer.status = (*head)->status();
  auto reading = connection->read_all();
  auto text = co_await std::move(reading);
  if (!text) {
    co_return std::unexpected(text.error());
  }
  answer.text = std::move(*text);
  co_return answer;
}

}  // namespace

namespace {

Task<std::expected<AdminAnswer, std::string>> ask_within(Nanos at_most, std::string path,
                                                         std::string target, http::Method method) {
  auto asking = timeout(at_most, ask(path, std::move(target), method));
  auto said = co_await std::move(asking);
  if (!said) {
    co_return std::unexpected("the server at " + path +
                              " does not answer: " + reason(said.error()) + ".");
  }
  co_return std::move(*said);
}

}  // namespace

Task<std::expected<AdminAnswer, std::string>> query_admin(std::string path, std::string target) {
  return ask_within(kPatience, std::move(path), std::move(target), http::Method::get);
}

Task<std::expected<AdminAnswer, std::string>> order_admin(std::string path, std::string target,
                                                          Nanos at_most) {
  return ask_within(at_most, std::move(path), std::move(target), http::Method::post);
}

Task<std::expected<std::string, std::string>> ask_admin(std::string path, std::string target) {
  auto asking = query_admin(path, std::move(target));
  auto said = co_await std::move(asking);
  if (said && said->status == 503) {
    co_return std::unexpected("the server at " + path +
                              " cannot tell: " + said->text.substr(0, said->text.find('\n')) + ".");
  }
  if (said && said->status != 200) {
    co_return std::unexpected("the server at " + path + " does not answer: " +
                              reason(std::make_error_code(std::errc::bad_message)) + ".");
  }
  if (!said) {
    co_return std::unexpected(std::move(said.error()));
  }
  co_return std::move(said->text);
}

Task<std::vector<Running>> find_running() {
  std::vector<Running> all;
  for (const std::string& directory : admin_directories()) {
    auto looking = sockets_in(directory);
    std::vector<std::string> paths = co_await std::move(looking);
    for (std::string& path : paths) {
      auto asking = ask_admin(path, "/status.json");
      auto said = co_await std::move(asking);
      auto overview = said ? overview_of(*said) : std::nullopt;
      if (overview) {
        all.push_back({std::move(path), std::move(*said), std::move(*overview)});
      }
    }
  }
  std::ranges::sort(all, {}, [](const Running& one) { return one.overview.process; });
  co_return all;
}

Task<std::expected<std::string, std::string>> find_socket(std::string target) {
  if (target.find('/') != std::string::npos) {
    co_return target;
  }
  auto finding = find_running();
  const std::vector<Running> all = co_await std::move(finding);
  std::string there;
  for (const Running& one : all) {
    const std::string number = std::to_string(one.overview.process);
    if (number == target || (target.empty() && all.size() == 1)) {
      co_return one.path;
    }
    there += (there.empty() ? "" : ", ") + number;
  }
  if (all.empty()) {
    std::string places;
    for (const std::string& directory : admin_directories()) {
      places += (places.empty() ? "" : " and ") + directory;
    }
    co_return std::unexpected("no server shows itself in " + places +
                              ": is it yours, and was it started without --admin off?");
  }
  co_return std::unexpected(target.empty() ? "several servers run here: name one of " + there + "."
                                           : "no server has the number " + target +
                                                 ". There is: " + there + ".");
}

}  // namespace vigil::app
