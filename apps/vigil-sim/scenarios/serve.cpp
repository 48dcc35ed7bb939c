// `vigil serve`, as it is, on a machine with files; clients that fetch them whole, in ranges and
// under conditions, some slowly, some leaving in the middle. Every byte is compared.
#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "scenarios/rows.hpp"
#include "scenarios/serve_programs.hpp"
#include "scenarios/support.hpp"

namespace vigil::scenarios {
namespace {

struct Shape {
  std::uint64_t hosts = 3;
  std::uint64_t connections = 3;
  std::uint64_t requests = 120;  // of each
  Nanos pause = std::chrono::seconds(8);
  std::uint32_t ranges = 20;      // of a hundred requests
  std::uint32_t conditions = 20;  // likewise, and so on
  std::uint32_t slow = 3;
  std::uint32_t aborted = 3;
  std::uint32_t missing = 5;
  std::uint32_t heads = 5;
};

struct Served {
  const char* path;
  std::size_t size;
};
// Of every way that a file is sent: from memory, from the cache, from the disk in shares.
constexpr std::array<Served, 6> kFiles{{{"/index.html", 700},
                                        {"/empty.txt", 0},
                                        {"/small.txt", 90},
                                        {"/sub/page.html", 9000},
                                        {"/sub/large.bin", 70'000},
                                        {"/huge.bin", 600'000}}};

Payload content_of(std::size_t file) noexcept { return Payload(77, file); }

void write_files(sim::Host& host) {
  for (std::size_t i = 0; i < kFiles.size(); ++i) {
    std::string content(kFiles[i].size, ' ');
    content_of(i).fill(std::as_writable_bytes(std::span(content)));
    host.write_file(std::string("/site") + kFiles[i].path, content);
  }
}

// What is asked for, and what must come.
struct Wish {
  std::size_t file = 0;
  std::size_t from = 0;  // of a range; both 0: the whole
  std::size_t to = 0;    // the byte behind it
  bool ranged = false;
  bool missing = false;
  bool head = false;
  bool slow = false;
  bool aborted = false;
  std::string tag;  // of If-None-Match
};

Wish wish(sim::Random& random, const Shape& shape, const std::array<std::string, 6>& tags) {
  Wish wish;
  wish.file = random.below(kFiles.size());
  const std::size_t size = kFiles[wish.file].size;
  const auto of_hundred = [&random](std::uint32_t share) { return random.below(100) < share; };
  wish.missing = of_hundred(shape.missing);
  if (of_hundred(shape.ranges) && size != 0) {
    wish.ranged = true;
    wish.from = random.below(size);
    wish.to = wish.from + 1 + random.below(size - wish.from);
  } else if (of_hundred(shape.conditions)) {
    wish.tag = tags[wish.file];
  }
  wish.head = of_hundred(shape.heads);
  wish.slow = of_hundred(shape.slow);
  wish.aborted = of_hundred(shape.aborted);
  return wish;
}

Result<http::FieldLines> fields_of(const Wish& wish, std::span<char> room) {
  http::HeadWriter lines(room);
  lines.fields();
  if (wish.ranged) {
    lines.field(http::KnownField::range,
                "bytes=" + std::to_string(wish.from) + "-" + std::to_string(wish.to - 1));
  }
  if (!wish.tag.empty()) {
    lines.field(http::KnownField::if_none_match, wish.tag);
  }
  return lines.finish_lines();
}

// The body, piece by piece. The size of what came.
Task<Result<std::size_t>> read_body(http::Connection* connection, const Wish* wish,
                                    std::size_t from, bool check, sim::Random* random) {
  std::size_t got = 0;
  for (;;) {
    auto reading = connection->read();
    const auto piece = co_await std::move(reading);
    if (!piece) {
      co_return std::unexpected(piece.error());
    }
    if (piece->empty()) {
      co_return got;
    }
    if (check && !content_of(wish->file).matches(*piece, from + got)) {
      Books::wrong(std::string(kFiles[wish->file].path) + " came with wrong bytes from " +
                   std::to_string(from + got));
    }
    got += piece->size();
    if (wish->aborted) {
      connection->close();
      co_return got;
    }
    if (wish->slow && got < 200'000) {
      static_cast<void>(co_await think(*random, std::chrono::milliseconds(300)));
    }
  }
}

Task<Result<>> fetch(http::Connection* connection, const Wish* wish, std::string* tag,
                     sim::Random* random) {
  std::array<char, 512> room;
  const auto lines = fields_of(*wish, room);
  const std::string path = wish->missing ? "/nothing/here" : std::string(kFiles[wish->file].path);
  auto asking = connection->ask({.method = wish->head ? http::Method::head : http::Method::get,
                                 .target = path,
                                 .host = "server",
                                 .lines = *lines});
  const auto head = co_await std::move(asking);
  if (!head) {
    co_return std::unexpected(head.error());
  }
  const unsigned status = (*head)->status();
  const bool whole = status == 200;
  const bool part = status == 206;
  if (const auto seen = (*head)->fields().find(http::KnownField::etag); whole && seen) {
    *tag = std::string(*seen);
  }
  auto reading =
      read_body(connection, wish, part ? wish->from : 0, (whole || part) && !wish->missing, random);
  const auto size = co_await std::move(reading);
  if (!size) {
    co_return std::unexpected(size.error());
  }
  if (status == 500 || status == 503 || status == 408) {
    co_return error(std::errc::resource_unavailable_try_again);  // it said that it cannot
  }
  if (wish->aborted) {
    co_return Result<>{};
  }
  if (wish->missing) {
    Books::must(status == 404, "what is not there was not answered with 404");
  } else if (status == 304) {
    Books::must(!wish->tag.empty() && *size == 0, "304 without a condition, or with a body");
  } else if (wish->head) {
    Books::must((whole || part) && *size == 0, "HEAD was answered with a body, or an error");
  } else if (part) {
    Books::must(wish->ranged && *size == wish->to - wish->from, "a range came with another size");
  } else {
    Books::must(whole && !wish->ranged, "a file that is there was answered with an error");
    Books::must(*size == kFiles[wish->file].size, "half a file looked whole");
  }
  co_return Result<>{};
}

Task<> client(Address server, Shape shape, std::uint64_t id, std::uint64_t seed,
              std::uint64_t* done, Books* books) {
  sim::Random random(seed + *done * 7 + id, "serve client");
  http::Client pool;
  std::array<std::string, 6> tags;
  unsigned tries = 0;
  while (*done < shape.requests) {
    auto connecting = pool.connect(server);
    auto limited = timeout(std::chrono::seconds(30), std::move(connecting));
    auto connection = co_await std::move(limited);
    if (!connection) {
      books->failed(connection.error(), "a connect");
      auto waiting = back_off(random, tries++);
      if (!co_await std::move(waiting)) {
        co_return;
      }
      continue;
    }
    tries = 0;
    ++*done;
    const Wish asked = wish(random, shape, tags);
    auto fetching = fetch(&*connection, &asked, &tags[asked.file], &random);
    auto in_time = timeout(std::chrono::seconds(200), std::move(fetching));
    const Result<> fetched = co_await std::move(in_time);
    if (fetched) {
      books->answered();
      pool.keep(std::move(*connection));
    } else {
      books->failed(fetched.error(), "a request");
    }
    if (!co_await think(random, shape.pause)) {
      co_return;
    }
  }
}

void play(Run& run, const Shape& shape) {
  play_crowd(run, shape, kSitePort, site, client, write_files);
}

void play_reloads(Run& run, Task<int> (*program)()) {
  play_crowd(run, Shape{.pause = std::chrono::seconds(1)}, kSitePort, program, client, write_files);
}

constexpr Scenario kRows[] = {
    {"serve", "vigil serve and 9 clients: files, ranges, conditions, slow and aborted readers",
     [](Run& run) { play(run, {}); }},
    {"serve-ranges", "ranges alone", [](Run& run) { play(run, {.ranges = 100}); }},
    {"serve-conditions", "what a client has already is not sent again",
     [](Run& run) { play(run, {.ranges = 0, .conditions = 100}); }},
    {"serve-slow", "clients that read slowly",
     [](Run& run) { play(run, {.requests = 40, .pause = std::chrono::seconds(1), .slow = 100}); }},
    {"serve-aborted", "clients that leave in the middle",
     [](Run& run) { play(run, {.pause = std::chrono::seconds(1), .aborted = 60}); }},
    {"serve-reload", "a configuration that changes, and a log that is opened again, under load",
     [](Run& run) { play_reloads(run, site_that_is_reloaded); }},
    {"serve-shards", "the same on three shards",
     [](Run& run) { play_reloads(run, site_on_shards); }},
    {"serve-handoff", "the same, and the first of them hands the connections out",
     [](Run& run) { play_reloads(run, site_handed_out); }},
};

}  // namespace

std::span<const Scenario> serve_rows() noexcept { return kRows; }

}  // namespace vigil::scenarios
