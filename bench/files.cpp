// Random reads of 4 KiB inside a loop, three ways: as pread(2) on the loop's thread (naive), as
// fs::File::read_at through the file lane, and natively on io_uring; alone for their cost, or
// beside an echo server on the same loop for what they do to its turns.
//
// bench_files --way naive|lane|ring [--cold] [--echo] [--reads N] [--at-once N] FILE
//
// FILE is made if it is not there (64 MiB). --cold drops it from memory first
// (posix_fadvise(DONTNEED)), and no page is read twice. One line of JSON: nanoseconds of CPU and of
// time a read; with --echo, where the loop never waits, the turns by their length instead.
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "vigil/coro/scoped.hpp"
#include "vigil/coro/sleep.hpp"
#include "vigil/fs/file.hpp"
#include "vigil/net/tcp.hpp"

namespace {

using namespace vigil;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kRead = 4096;
constexpr std::uint64_t kFile = std::uint64_t{64} << 20;
constexpr std::size_t kPages = kFile / kRead;

struct Wanted {
  std::string way;
  std::string path;
  bool cold = false;
  bool echo = false;
  std::size_t reads = 4000;
  std::size_t at_once = 8;
};

struct Turns {
  static constexpr std::size_t kBuckets = 20;  // the i-th: below 2^i microseconds
  std::array<std::uint64_t, kBuckets> by_length{};
  std::int64_t longest_ns = 0;

  void add(Nanos took) noexcept {
    longest_ns = std::max(longest_ns, std::int64_t{took.count()});
    std::size_t bucket = 0;
    while (bucket + 1 != kBuckets && took >= std::chrono::microseconds(1LL << bucket)) {
      ++bucket;
    }
    ++by_length[bucket];
  }
};

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

// Every page once, in an order that the kernel cannot guess.
std::vector<std::uint32_t> pages() {
  std::vector<std::uint32_t> order(kPages);
  std::uint64_t state = 88172645463325252ULL;
  for (std::uint32_t i = 0; i != order.size(); ++i) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    const auto other = static_cast<std::size_t>(state % (i + 1));
    order[i] = order[other];
    order[other] = i;
  }
  return order;
}

// The first bytes of a page are its number.
void make_file(const Wanted& wanted) {
  const int file = ::open(wanted.path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0) {
    fail(wanted.path.c_str());
  }
  if (::lseek(file, 0, SEEK_END) != static_cast<off_t>(kFile)) {
    std::vector<std::uint64_t> page(kRead / 8, 7);
    for (std::uint64_t i = 0; i != kPages; ++i) {
      page[0] = i;
      if (::pwrite(file, page.data(), kRead, static_cast<off_t>(i * kRead)) !=
          static_cast<ssize_t>(kRead)) {
        fail("writing the file");
      }
    }
  }
  if (::fsync(file) != 0) {
    fail("fsync");
  }
  std::vector<char> all(1 << 20);
  for (std::uint64_t at = 0; !wanted.cold && at != kFile; at += all.size()) {
    if (::pread(file, all.data(), all.size(), static_cast<off_t>(at)) < 0) {
      fail("reading the file");
    }
  }
  if (wanted.cold) {
    ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
  }
  ::close(file);
}

struct Job {
  const Wanted& wanted;
  std::vector<std::uint32_t> order;
  std::size_t next = 0;
  std::size_t echoes = 0;
  bool over = false;
};

Task<> read_some(const fs::File* file, Job* work) {
  std::vector<std::byte> room(kRead);
  const bool naive = work->wanted.way == "naive";
  while (work->next != work->wanted.reads) {
    const std::uint32_t page = work->order[work->next++ % kPages];
    const std::uint64_t offset = std::uint64_t{page} * kRead;
    if (naive) {
      if (::pread(file->native_handle(), room.data(), kRead, static_cast<off_t>(offset)) !=
          static_cast<ssize_t>(kRead)) {
        fail("pread");
      }
      co_await yield();
    } else {
      const auto got = co_await file->read_at(room, offset);
      if (!got || *got != kRead) {
        fail("read_at");
      }
    }
    std::uint64_t number = 0;
    std::memcpy(&number, room.data(), sizeof number);
    if (number != page) {
      std::fputs("bench_files: a page holds something else\n", stderr);
      std::exit(1);
    }
  }
}

Task<> read_all(Job* work) {
  auto opening = fs::File::open(work->wanted.path);
  auto file = co_await std::move(opening);
  if (!file) {
    fail("open");
  }
  ::posix_fadvise(file->native_handle(), 0, 0, POSIX_FADV_RANDOM);
  auto all = scoped(
      [](Scope& scope, const fs::File* from, Job* of) -> Task<> {
        for (std::size_t i = 0; i != of->wanted.at_once; ++i) {
          if (!scope.spawn(&read_some, from, of)) {
            fail("spawn");
          }
        }
        co_return;
      },
      &*file, work);
  co_await std::move(all);
  work->over = true;
}

Task<> echo(TcpStream peer, Job* job) {
  for (;; ++job->echoes) {
    auto bytes = co_await peer.receive();
    if (!bytes || bytes->empty() || !co_await peer.send(bytes->bytes())) {
      co_return;
    }
  }
}

// A client in a process of its own asks each millisecond; its other end is this loop's.
pid_t start_client(int ours) {
  const pid_t child = ::fork();
  if (child == 0) {
    std::array<char, 64> text{};
    while (::send(ours, text.data(), text.size(), MSG_NOSIGNAL) > 0 &&
           ::recv(ours, text.data(), text.size(), MSG_WAITALL) > 0) {
      ::usleep(1000);
    }
    ::_exit(0);
  }
  return child;
}

double cpu_ns() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto ns = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_usec) * 1e3;
  };
  return ns(used.ru_utime) + ns(used.ru_stime);
}

// With echo it never waits, so that a turn's time is all its own, and counts those that resumed
// somebody.
void turn_to_the_end(Loop& loop, const Job& job, Turns& turns) {
  while (!job.over) {
    if (!job.wanted.echo) {
      loop.turn();
      continue;
    }
    const std::size_t before = job.next + job.echoes;
    const auto begun = Clock::now();
    loop.turn(Instant{});
    const Nanos took = Clock::now() - begun;
    if (job.next + job.echoes != before) {
      turns.add(took);
    }
  }
}

Wanted parse(int argc, char** argv) {
  Wanted wanted;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const bool more = i + 1 < argc;
    if (word == "--cold") {
      wanted.cold = true;
    } else if (word == "--echo") {
      wanted.echo = true;
    } else if (word == "--way" && more) {
      wanted.way = argv[++i];
    } else if (word == "--reads" && more) {
      wanted.reads = std::strtoul(argv[++i], nullptr, 10);
    } else if (word == "--at-once" && more) {
      wanted.at_once = std::strtoul(argv[++i], nullptr, 10);
    } else {
      wanted.path = word;
    }
  }
  return wanted;
}

void print(const Wanted& wanted, double cpu, double time, const Turns& turns) {
  const auto reads = static_cast<double>(wanted.reads);
  std::printf("{\"way\": \"%s\", \"cold\": %s, \"reads\": %zu, \"cpu_ns\": %.1f, \"time_ns\": %.1f",
              wanted.way.c_str(), wanted.cold ? "true" : "false", wanted.reads, cpu / reads,
              time / reads);
  if (wanted.echo) {
    std::printf(", \"longest_turn_us\": %.1f, \"turns\": [",
                static_cast<double>(turns.longest_ns) / 1e3);
    for (std::size_t i = 0; i != Turns::kBuckets; ++i) {
      std::printf("%s%llu", i == 0 ? "" : ", ",
                  static_cast<unsigned long long>(turns.by_length[i]));
    }
    std::printf("]");
  }
  std::printf("}\n");
}

}  // namespace

int main(int argc, char** argv) {
  const Wanted wanted = parse(argc, argv);
  const bool known = wanted.way == "naive" || wanted.way == "lane" || wanted.way == "ring";
  if (!known || wanted.path.empty() || wanted.reads == 0 || wanted.at_once == 0) {
    std::fprintf(
        stderr,
        "usage: %s --way naive|lane|ring [--cold] [--echo] [--reads N] [--at-once N] FILE\n",
        argv[0]);
    return 2;
  }
  make_file(wanted);
  std::array<int, 2> ends{-1, -1};
  if (wanted.echo && ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    fail("socketpair");
  }
  const pid_t client = wanted.echo ? start_client(ends[1]) : 0;
  ::close(ends[1]);
  auto loop = Loop::create({.engine = wanted.way == "ring" ? "uring" : "epoll"});
  if (!loop) {
    std::fprintf(stderr, "bench_files: no loop: %s\n", loop.error().message().c_str());
    return 1;
  }
  Job work{.wanted = wanted, .order = pages()};
  Turns turns;
  {
    Scope root(nullptr);
    if (wanted.echo) {
      auto stream = TcpStream::adopt(ends[0]);
      if (!stream || !root.spawn(&echo, std::move(*stream), &work)) {
        fail("echo");
      }
    }
    const double cpu = cpu_ns();
    const auto begun = Clock::now();
    if (!root.spawn(&read_all, &work)) {
      fail("spawn");
    }
    turn_to_the_end(**loop, work, turns);
    const auto took = static_cast<double>(Nanos(Clock::now() - begun).count());
    print(wanted, cpu_ns() - cpu, took, turns);
    root.cancel();
    while (root.live() != 0) {
      (*loop)->turn(Instant{});
    }
  }
  if (client > 0) {
    ::kill(client, SIGTERM);
    ::waitpid(client, nullptr, 0);
  }
  return 0;
}
