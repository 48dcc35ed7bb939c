// The HTTP client against nginx, on every engine of the machine.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "tests/support/http_support.hpp"
#include "tests/support/not_run.hpp"
#include "tests/support/temporary_directory.hpp"
#include "vigil/http/client.hpp"

namespace vigil::test {
namespace {

using http::Connection;

class HttpClientNginxTest : public EngineTest {};
INSTANTIATE_ON_EVERY_ENGINE(HttpClientNginxTest);

Task<Result<std::string>> fetch(Connection& connection, http::Request request,
                                std::string body = "") {
  auto asking = connection.ask(request, as_bytes(body));
  auto head = co_await std::move(asking);
  if (!head) {
    co_return std::unexpected(head.error());
  }
  auto reading = connection.read_all();
  co_return co_await std::move(reading);
}

class Nginx {
 public:
  Nginx() {
    const std::string at = folder_.path();
    socket = at + "/socket";
    std::ofstream(at + "/small.txt") << "small\n";
    std::ofstream(at + "/large.bin") << payload(9, 9, 1'000'000);
    std::ofstream(at + "/nginx.conf")
        << "daemon off; master_process off; pid " << at << "/pid; error_log " << at << "/error;\n"
        << "events {}\nhttp { access_log off; client_body_temp_path " << at
        << "/b; proxy_temp_path " << at << "/p; fastcgi_temp_path " << at << "/f; uwsgi_temp_path "
        << at << "/u; scgi_temp_path " << at << "/s;\n"
        << "gzip on; gzip_min_length 1; gzip_types text/plain application/octet-stream;\n"
        << "server { listen unix:" << socket << "; root " << at
        << "; client_max_body_size 1k; } }\n";
    const std::string conf = at + "/nginx.conf";
    const std::string program = find_program("nginx");
    child_ = ::fork();
    if (child_ == 0) {
      ::execl(program.c_str(), "nginx", "-p", at.c_str(), "-e", (at + "/error").c_str(), "-c",
              conf.c_str(), nullptr);
      ::_exit(127);
    }
  }
  ~Nginx() {
    ::kill(child_, SIGTERM);
    ::waitpid(child_, nullptr, 0);
  }
  Nginx(const Nginx&) = delete;
  Nginx& operator=(const Nginx&) = delete;

  std::string socket;

 private:
  TemporaryDirectory folder_;
  pid_t child_ = -1;
};

TEST_P(HttpClientNginxTest, UnderstandsWhatItAnswers) {
  VIGIL_NEEDS_PROGRAM("nginx");
  const Nginx nginx;
  run(
      [](std::string socket) -> Task<> {
        const Address at = *Address::parse("unix:" + socket);
        Result<Connection> connection = error(std::errc::connection_refused);
        for (int i = 0; i < 500 && !connection; ++i) {
          auto connecting = Connection::connect(at);
          auto made = co_await std::move(connecting);
          connection = std::move(made);
          if (!connection) {
            co_await sleep_for(10ms);
          }
        }
        CO_ASSERT_OK(connection);
        auto small = fetch(*connection, {.target = "/small.txt", .host = "a"});
        EXPECT_EQ((co_await std::move(small)).value_or("none"), "small\n");
        auto large = fetch(*connection, {.target = "/large.bin", .host = "a"});
        EXPECT_EQ((co_await std::move(large)).value_or("none") == payload(9, 9, 1'000'000), true);
        auto missing = connection->ask({.target = "/none", .host = "a"});
        auto head = co_await std::move(missing);
        CO_ASSERT_OK(head);
        EXPECT_EQ((*head)->status(), 404u);
        auto rest = connection->read_all();
        CO_ASSERT_OK(co_await std::move(rest));
        // Compressed on the fly: chunked.
        auto squeezed = connection->ask(
            {.target = "/large.bin", .host = "a", .lines = "Accept-Encoding: gzip\r\n"});
        auto chunked = co_await std::move(squeezed);
        CO_ASSERT_OK(chunked);
        EXPECT_EQ((*chunked)->framing().kind, http::BodyKind::chunked);
        auto reading = connection->read_all();
        const auto bytes = co_await std::move(reading);
        CO_ASSERT_OK(bytes);
        EXPECT_TRUE(bytes->starts_with("\x1f\x8b"));
        EXPECT_TRUE(connection->reusable());
        const std::string body(20'000, 'x');
        auto posting = connection->ask(
            {.method = http::Method::post, .target = "/small.txt", .host = "a"}, as_bytes(body));
        auto refused = co_await std::move(posting);
        CO_ASSERT_OK(refused);
        EXPECT_EQ((*refused)->status(), 413u);
      },
      nginx.socket);
}

}  // namespace
}  // namespace vigil::test
