// System calls that fail, from outside (strace --inject), every nth time: the server lives, answers
// right when they work again or right away, and ends with 0. Hazards 1, 12, 14, 62.
#include <algorithm>
#include <ostream>

#include "tests/support/peer.hpp"
#include "tests/support/program.hpp"
#include "tests/support/streams.hpp"

namespace vigil::test {
namespace {

// How far the failure may be felt.
enum class Felt {
  nowhere,      // each client has its answer
  connections,  // some connections end early; others are right
};

struct Injection {
  std::string name;
  std::string calls;
  std::string what;  // error=..., retval=..., delay_enter=..., and when=
  Felt felt = Felt::nowhere;

  friend void PrintTo(const Injection& injection, std::ostream* out) {
    *out << injection.calls << ":" << injection.what;
  }
};

const std::vector<Injection>& injections() {
  static const std::vector<Injection> all{
      {"WaitInterrupted", "epoll_wait,epoll_pwait", "error=EINTR:when=1+2"},
      {"ReceiveInterrupted", "recvfrom", "error=EINTR:when=1+2"},
      {"SendInterrupted", "sendto,sendmsg,sendfile", "error=EINTR:when=1+2"},
      {"ReceiveWouldBlock", "recvfrom", "error=EAGAIN:when=2+3", Felt::connections},
      {"SendReset", "sendto,sendmsg,sendfile", "error=ECONNRESET:when=3+4", Felt::connections},
      {"ReceiveReset", "recvfrom", "error=ECONNRESET:when=3+4", Felt::connections},
      {"ReceiveNoMemory", "recvfrom", "error=ENOMEM:when=3+4", Felt::connections},
      {"SendNoBuffers", "sendto", "error=ENOBUFS:when=3+4", Felt::connections},
      {"SendLies", "sendto", "retval=1:when=3+4", Felt::connections},
      {"AcceptInterrupted", "accept4", "error=EINTR:when=1+2"},
      {"AcceptTooManyOpen", "accept4", "error=EMFILE:when=1+2"},
      {"AcceptTooManyInSystem", "accept4", "error=ENFILE:when=1+2"},
      {"AcceptNoMemory", "accept4", "error=ENOMEM:when=1+2"},
      {"AcceptAborted", "accept4", "error=ECONNABORTED:when=1+2"},
      {"AcceptNetworkDown", "accept4", "error=ENETDOWN:when=1+2"},
      {"AcceptUnreachable", "accept4", "error=EHOSTUNREACH:when=1+2"},
      {"AcceptForbidden", "accept4", "error=EPERM:when=1+2"},
      {"WatchNoMemory", "epoll_ctl", "error=ENOMEM:when=6+3", Felt::connections},
      {"WatchNoRoom", "epoll_ctl", "error=ENOSPC:when=6+3", Felt::connections},
      {"SlowWait", "epoll_wait,epoll_pwait", "delay_exit=3000:when=1+2"},
      {"SlowReceive", "recvfrom", "delay_enter=2000:when=1+2"},
      {"SlowFiles", "openat,openat2,statx,newfstatat,fstat,pread64", "delay_enter=5000"},
      {"FilesInterrupted", "openat2", "error=EINTR:when=1+2"},
      {"FilesTooManyOpen", "openat2", "error=EMFILE:when=1+2", Felt::connections},
      {"FilesUnreadable", "pread64", "error=EIO:when=1+2", Felt::connections},
      {"SendFileBroken", "sendfile", "error=EIO:when=1+2", Felt::connections},
  };
  return all;
}

// Files are named to strace: the loader reads the program itself with the same calls.
std::vector<std::string> of_files(const TemporaryDirectory& root) {
  std::vector<std::string> words;
  for (const auto& entry : std::filesystem::directory_iterator(root.path())) {
    words.insert(words.end(), {"-P", entry.path().string()});
  }
  return words;
}

// strace that leaves the program itself in the place of a child: signals and status are its own.
std::vector<std::string> strace(const Injection& injection,
                                const std::vector<std::string>& more = {}) {
  std::vector<std::string> words{find_program("strace"),
                                 "-D",
                                 "-f",
                                 "-qq",
                                 "-o",
                                 "/dev/null",
                                 "-e",
                                 "trace=" + injection.calls,
                                 "-e",
                                 "inject=" + injection.calls + ":" + injection.what};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

class HostileSystemCalls : public testing::TestWithParam<Injection> {
 protected:
  void SetUp() override {
    VIGIL_NEEDS_STRACE();
    for (unsigned i = 0; i < kFiles; ++i) {
      root.write(std::to_string(i), payload(i, 0, size(i)));
    }
  }
  static constexpr unsigned kFiles = 12;
  static std::size_t size(unsigned file) { return file % 3 == 2 ? 150'000 : 500 + file; }
  // The sanitizer's own leak check cannot run below a tracer.
  static ProgramOptions under(std::vector<std::string> words) {
    return {.under = std::move(words), .environment = {"ASAN_OPTIONS=detect_leaks=0"}};
  }

  TemporaryDirectory root;
};

TEST_P(HostileSystemCalls, ThatFailEveryNthTimeStopNoService) {
  const Injection& injection = GetParam();
  Program server(
      {"vigil", "serve", root.path(), "--listen", "127.0.0.1:0", "--log", "off", "--engine",
       "epoll", "--cache-body", "1K"},
      under(strace(injection,
                   injection.calls == "pread64" ? of_files(root) : std::vector<std::string>{})));
  const std::uint16_t port = server.port();
  int right = 0;
  int all = 0;
  for (unsigned i = 0; i < kFiles; ++i) {
    Peer peer(port);
    for (unsigned more = 0; more < 2; ++more) {
      const Peer::Answer answer = peer.get("/" + std::to_string(i));
      ++all;
      const bool is_right = answer.status == 200 && answer.body == payload(i, 0, size(i));
      right += is_right ? 1 : 0;
      if (injection.felt == Felt::nowhere) {
        ASSERT_TRUE(is_right) << injection.name << " file " << i << " status " << answer.status
                              << " bytes " << answer.body.size() << "\n"
                              << server.errors();
      } else if (answer.status == 200 && answer.whole && injection.name != "SendLies") {
        ASSERT_TRUE(is_right) << "whole, and not what was asked for";
      }
    }
  }
  EXPECT_GT(right, 0) << "of " << all;
  EXPECT_EQ(server.end(), 0) << server.errors();
  EXPECT_EQ(server.errors(), "");
}

TEST_P(HostileSystemCalls, ThatFailEveryNthTimeStopNoEcho) {
  const Injection& injection = GetParam();
  if (injection.name.find("File") != std::string::npos) {
    return;  // an echo has none
  }
  Program server({"echo", "--engine", "epoll", "0"}, under(strace(injection)));
  const std::uint16_t port = server.port();
  int right = 0;
  for (unsigned i = 0; i < 12; ++i) {
    Peer peer(port);
    for (unsigned more = 0; more < 3; ++more) {
      const bool same =
          peer.echoes(payload(i, more, 1 + 611 * i), injection.felt == Felt::nowhere ? 20s : 300ms);
      right += same ? 1 : 0;
      if (injection.felt == Felt::nowhere) {
        ASSERT_TRUE(same) << injection.name << " connection " << i << " message " << more;
      } else if (!same) {
        break;
      }
    }
  }
  EXPECT_GT(right, 0);
  EXPECT_EQ(server.end(), 0) << server.errors();
}

INSTANTIATE_TEST_SUITE_P(Injected, HostileSystemCalls, testing::ValuesIn(injections()),
                         [](const auto& injected) { return injected.param.name; });

class HostileLog : public HostileSystemCalls {};

TEST_P(HostileLog, IsServedOnWithoutItAndWhatIsDroppedIsCounted) {
  const std::string log = root / "log";
  Program server({"vigil", "serve", root.path(), "--listen", "127.0.0.1:0", "--log-file", log},
                 under(strace(GetParam(), {"-P", log})));
  const std::uint16_t port = server.port();
  constexpr std::uint64_t kRequests = 50;
  Peer peer(port);
  for (unsigned i = 0; i < kRequests; ++i) {
    ASSERT_EQ(peer.get("/0").body, payload(0, 0, size(0)));
    if (i == kRequests / 2) {
      EXPECT_TRUE(eventually([&] { return !server.errors().empty(); }));
    }
  }
  // The first write failed. The next ones work, and each request is a line or counted.
  const auto told = [&] {
    const std::string text = root.read("log");
    auto lines = static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
    constexpr std::string_view kDropped = "\"dropped_lines\":";
    for (std::size_t at = 0; (at = text.find(kDropped, at)) != std::string::npos; ++at) {
      lines += std::strtoull(text.c_str() + at + kDropped.size(), nullptr, 10) - 1;
    }
    return lines;
  };
  EXPECT_TRUE(eventually([&] { return told() == kRequests; })) << told() << "\n"
                                                               << root.read("log");
  EXPECT_NE(root.read("log").find("dropped_lines"), std::string::npos);
  const std::string said = server.errors();
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1) << said;
  EXPECT_TRUE(said.starts_with("vigil serve: cannot write the log to " + log)) << said;
  EXPECT_EQ(server.end(), 0);
}

INSTANTIATE_TEST_SUITE_P(Injected, HostileLog,
                         testing::Values(Injection{"DiskFull", "write", "error=ENOSPC:when=1"},
                                         Injection{"PipeClosed", "write", "error=EPIPE:when=1"},
                                         Injection{"DiskBroken", "write", "error=EIO:when=1"}),
                         [](const auto& injected) { return injected.param.name; });

}  // namespace
}  // namespace vigil::test
