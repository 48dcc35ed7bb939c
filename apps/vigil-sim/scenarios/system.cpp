// What a program asks of its machine: files, directories, changes, pipes, signals, datagrams.
#include <algorithm>
#include <array>
#include <csignal>
#include <string>
#include <vector>

#include "faces/seat.hpp"
#include "scenarios/rows.hpp"
#include "scenarios/support.hpp"

namespace vigil::scenarios {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A failure of a disk or of memory is told as what it is; any other is wrong.
void told(Books* books, const std::error_code& error, std::string_view doing) {
  if (error != std::errc::operation_canceled) {
    books->failed(error, doing);
  }
}

// Written, read back in pieces, and found to be the same, or an error.
Task<Result<>> write_and_read(std::string path, const Payload* payload, std::size_t size) {
  auto opening = fs::File::open(path, {.write = true, .create = true, .truncate = true});
  auto file = co_await std::move(opening);
  if (!file) {
    co_return std::unexpected(file.error());
  }
  std::vector<std::byte> bytes(size);
  payload->fill(bytes);
  if (auto written = co_await file->write_at(bytes, 0); !written) {
    co_return written;
  }
  if (auto synced = co_await file->sync(); !synced) {
    co_return synced;
  }
  std::vector<std::byte> back(1000);
  for (std::size_t at = 0; at < size;) {
    const auto got = co_await file->read_at(back, at);
    if (!got) {
      co_return std::unexpected(got.error());
    }
    Books::must(*got == std::min(back.size(), size - at), "a file gave fewer bytes than it has");
    if (*got == 0) {
      break;
    }
    Books::must(payload->matches(ByteView(back).first(*got), at),
                "a file gave other bytes than were written");
    at += *got;
  }
  auto asking = file->status();
  const auto status = co_await std::move(asking);
  Books::must(!status || status->size == size, "a file has another size than was written");
  auto closing = file->close();
  co_return co_await std::move(closing);
}

Task<> files(Books* books, sim::Random* random) {
  const Payload payload(1, random->next());
  // Each drawn in a statement of its own: compilers differ in the order of arguments.
  const std::string path = "/file" + std::to_string(random->below(3));
  const std::size_t size = 1 + random->below(20'000);
  auto whole = write_and_read(path, &payload, size);
  if (const auto done = co_await std::move(whole); !done) {
    told(books, done.error(), "writing and reading a file");
  }
}

Task<> writer(std::string path, std::uint64_t id, std::uint64_t* written) {
  auto opening = fs::File::open(path, {.append = true, .create = true});
  auto file = co_await std::move(opening);
  if (!file) {
    co_return;
  }
  const std::string line = Payload(id, 0).text(30 + id) + "\n";
  if (co_await file->append(as_bytes(line))) {
    ++*written;
  }
}
Task<Result<std::string>> read_whole(std::string path) {
  auto opening = fs::File::open(path);
  auto file = co_await std::move(opening);
  if (!file) {
    co_return std::unexpected(file.error());
  }
  std::string text(100'000, ' ');
  const auto got = co_await file->read_at(std::as_writable_bytes(std::span(text)), 0);
  if (!got) {
    co_return std::unexpected(got.error());
  }
  text.resize(*got);
  co_return text;
}
// Lines of several writers at once do not mix.
Task<> appends(Books* books, sim::Random* random) {
  const std::string path = "/log" + std::to_string(random->next() % 1'000'000);
  std::uint64_t written = 0;
  const auto body = [](Scope& scope, std::string to, std::uint64_t* count) -> Task<> {
    for (std::uint64_t id = 0; id < 8; ++id) {
      static_cast<void>(scope.spawn(writer, to, id, count));
    }
    co_return;
  };
  auto all = scoped(body, path, &written);
  co_await std::move(all);
  auto reading = read_whole(path);
  const auto text = co_await std::move(reading);
  if (!text) {
    told(books, text.error(), "reading a log");
    co_return;
  }
  std::uint64_t whole = 0;
  for (std::size_t at = 0, end; (end = text->find('\n', at)) != std::string::npos; at = end + 1) {
    const std::string_view line = std::string_view(*text).substr(at, end - at);
    Books::must(line.size() >= 30 && line.size() < 38 &&
                    line == Payload(line.size() - 30, 0).text(line.size()),
                "a line of a log was mixed with another");
    ++whole;
  }
  Books::must(whole >= written, "a line that was written is not in the log");
}

Task<Result<>> list_directory(std::size_t expected) {
  auto opening = fs::Directory::open("/many");
  auto directory = co_await std::move(opening);
  if (!directory) {
    co_return std::unexpected(directory.error());
  }
  auto asking = directory->list();
  auto listing = co_await std::move(asking);
  if (!listing) {
    co_return std::unexpected(listing.error());
  }
  std::vector<std::string> names;
  for (;;) {
    auto reading = listing->next();
    const auto batch = co_await std::move(reading);
    if (!batch) {
      co_return std::unexpected(batch.error());
    }
    if (batch->empty()) {
      break;
    }
    for (const fs::Entry& entry : *batch) {
      names.emplace_back(entry.name);
    }
  }
  std::sort(names.begin(), names.end());
  Books::must(
      names.size() == expected && std::adjacent_find(names.begin(), names.end()) == names.end(),
      "a directory showed an entry twice, or not at all");
  auto escaping = directory->open_beneath("../file0");
  const auto escaped = co_await std::move(escaping);
  Books::must(!escaped, "a path left the directory it was opened beneath");
  co_return Result<>{};
}
constexpr std::size_t kEntries = 60;
Task<> listings(Books* books, sim::Random*) {
  auto whole = list_directory(kEntries);
  if (const auto done = co_await std::move(whole); !done) {
    told(books, done.error(), "listing a directory");
  }
}

// Every change of a watched directory is told, or that some were missed.
Task<Result<>> make_file(std::string path) {
  auto opening = fs::File::open(path, {.write = true, .create = true});
  auto file = co_await std::move(opening);
  if (!file) {
    co_return std::unexpected(file.error());
  }
  const std::string text = "x";
  co_return co_await file->write_at(as_bytes(text), 0);
}
Task<> changes(Books* books, sim::Random* random) {
  auto watch = fs::Watch::open();
  if (!watch) {
    told(books, watch.error(), "opening a watch");
    co_return;
  }
  if (const auto added = watch->add(std::string("/many")); !added) {
    told(books, added.error(), "watching a directory");
    co_return;
  }
  const std::string name = "new" + std::to_string(random->next() % 1'000'000'000);
  auto making = make_file("/many/" + name);
  if (const auto made = co_await std::move(making); !made) {
    told(books, made.error(), "making a file");
    co_return;
  }
  for (;;) {
    auto waiting = watch->next();
    auto limited = timeout(seconds(30), std::move(waiting));
    const auto change = co_await std::move(limited);
    if (!change) {
      if (change.error() == std::errc::timed_out) {
        Books::wrong("a change of a watched directory was never told");
      }
      break;
    }
    if (change->name == name || change->watch == fs::Change::kEverything) {
      break;
    }
  }
}

// Bytes through a pipe whose reader is slower than its writer, to the end.
Task<> pipe_writer(os::PipeStream writer, const Payload* payload, std::size_t size, bool* sent) {
  std::vector<std::byte> bytes(size);
  payload->fill(bytes);
  *sent = (co_await writer.send(bytes)).has_value();
}
Task<> pipes(Books* books, sim::Random* random) {
  auto pipe = os::Pipe::open();
  if (!pipe) {
    told(books, pipe.error(), "opening a pipe");
    co_return;
  }
  const Payload payload(3, random->next());
  const std::size_t size = 1 + random->below(200'000);
  bool sent = false;
  std::size_t got = 0;
  const auto body = [](Scope& scope, os::Pipe* of, const Payload* bytes, std::size_t count,
                       bool* whole, std::size_t* read, sim::Random* chance) -> Task<> {
    if (!scope.spawn(pipe_writer, std::move(of->writer), bytes, count, whole)) {
      co_return;
    }
    for (;;) {
      auto piece = co_await of->reader.receive();
      if (!piece || piece->empty()) {
        break;
      }
      Books::must(bytes->matches(piece->bytes(), *read), "a pipe changed what was written");
      *read += piece->bytes().size();
      if (chance->below(16) == 0 && !co_await think(*chance, milliseconds(5))) {
        break;
      }
    }
  };
  auto all = scoped(body, &*pipe, &payload, size, &sent, &got, random);
  co_await std::move(all);
  Books::must(!sent || books->interrupted() || got == size,
              "a pipe ended before all that was written came");
}

// As kill(2) of oneself, which the library has no business with.
void send_signal_to_self(int number) {
  sim::Process& self = sim::Seat::current()->process();
  static_cast<void>(self.kill(self.pid(), number));
}

// A signal to oneself is taken once for each time that nobody had one waiting.
Task<> signals(Books* books, sim::Random*) {
  auto opened = os::Signals::open({SIGUSR1, SIGUSR2});
  if (!opened) {
    told(books, opened.error(), "taking signals");
    co_return;
  }
  for (const int number : {SIGUSR1, SIGUSR2}) {
    send_signal_to_self(number);
    auto waiting = opened->next();
    auto limited = timeout(seconds(30), std::move(waiting));
    const auto came = co_await std::move(limited);
    if (!came) {
      if (came.error() == std::errc::timed_out) {
        Books::wrong("a signal never came");
      }
      co_return;
    }
    Books::must(came->number == number, "another signal came than was sent");
  }
}

template <Alone body, std::uint64_t full, std::uint64_t small>
void rounds(Run& run) {
  play_alone(run, body, run.size == Size::small ? small : full);
}

template <Alone body, std::uint64_t full, std::uint64_t small>
void in_directory(Run& run) {
  sim::Host host = run.world.host("machine");
  for (std::size_t i = 0; i < kEntries; ++i) {
    host.write_file("/many/entry" + std::to_string(i), "entry");
  }
  host.write_file("/file0", "outside");
  play_alone(run, body, run.size == Size::small ? small : full);
}

constexpr Scenario kRows[] = {
    {"files", "written, synced, read back and compared", rounds<files, 200, 2>},
    {"appends", "lines of eight writers to one log", rounds<appends, 50, 1>},
    {"listings", "a directory's entries, each once", in_directory<listings, 100, 1>},
    {"changes", "a watched directory tells what happens in it", in_directory<changes, 100, 1>},
    {"pipes", "bytes through a pipe with a slow reader", rounds<pipes, 100, 1>},
    {"signals", "signals are awaited, and each comes", rounds<signals, 300, 2>},
};

}  // namespace

std::span<const Scenario> system_rows() noexcept { return kRows; }

}  // namespace vigil::scenarios
