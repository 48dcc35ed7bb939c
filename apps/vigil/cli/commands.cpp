// The commands, and how their tables are searched.
#include <algorithm>
#include <array>
#include <utility>

#include "cli/serve_options.hpp"
#include "cli/store.hpp"

namespace vigil::cli {
namespace {

constexpr std::array<Example, 7> kServeExamples{{
    {"vigil serve", "the current directory, at http://127.0.0.1:8080/"},
    {"vigil serve docs --listing", "docs, with pages for directories without an index file"},
    {"vigil serve /srv/www --listen 0.0.0.0:80 --listen [::]:80",
     "a site, to every network this machine is on"},
    {"vigil serve /srv/www --listen 0.0.0.0:80 --user www-data",
     "started by root, for the port; what only root may read is not served"},
    {"vigil serve --listen unix:/run/site.sock --log-file /var/log/site.log",
     "behind a proxy on this machine"},
    {"vigil serve --head-timeout 5s --connections 2000", "tighter limits"},
    {"vigil serve --config /etc/vigil/vigil.toml", "several sites, as the file says"},
}};

constexpr std::array<Option, 1> kDoctorOptions{{
    {"json", "", "off", "the same as one JSON object, for programs", "", "Output",
     store_switch<&Settings::json>, Keyed::nowhere},
}};

constexpr std::array<Example, 3> kDoctorExamples{{
    {"vigil doctor", "what this machine gives a server, and what limits it"},
    {"vigil doctor --json | python3 -m json.tool", "the same for a program"},
    {"VIGIL_URING_WITHOUT=ring vigil doctor", "as it would be without io_uring"},
}};

constexpr std::array<Example, 2> kCheckExamples{{
    {"vigil check vigil.toml", "what is wrong with it, by line and column"},
    {"vigil check vigil.toml && kill -HUP PID", "read again by a running server"},
}};

constexpr std::array<Example, 2> kConfigExamples{{
    {"vigil config --config vigil.toml", "every value in effect, and where it comes from"},
    {"vigil config --example > vigil.toml", "every key with its default, to begin with"},
}};

constexpr std::array<Option, 1> kListOptions{{
    {"json", "", "off", "all that each says of itself, as one JSON array", "", "Output",
     store_switch<&Settings::json>, Keyed::nowhere},
}};

constexpr std::array<Example, 2> kListExamples{{
    {"vigil list", "the servers of this user that run here; all of them, for root"},
    {"vigil list --json | python3 -m json.tool", "all their figures, for a program"},
}};

constexpr std::array<Example, 3> kTopExamples{{
    {"vigil top", "all servers, anew each second"},
    {"vigil top 4711", "the one with that process number"},
    {"vigil top /run/vigil/4711.sock > now.txt", "one table, of one second"},
}};

constexpr std::array<Example, 2> kDumpExamples{{
    {"vigil dump", "the only server that runs here"},
    {"vigil dump 4711 --json | python3 -m json.tool", "the same for a program"},
}};

constexpr std::array<Example, 2> kRestartExamples{{
    {"vigil restart", "the only server that runs here, after an upgrade of the program"},
    {"vigil restart 4711", "the one with that process number"},
}};

constexpr std::array<Example, 2> kExplainExamples{{
    {"vigil explain 4711 127.0.0.1:53412", "why does that client get no answer?"},
    {"vigil explain 4711 53412 --json", "the same for a program; its port says enough"},
}};

// The server first, then the peer.
std::optional<std::string> store_explained(Settings& into, std::string_view text) {
  (into.target.empty() ? into.target : into.peer) = text;
  return std::nullopt;
}

}  // namespace

std::span<const Command> commands() noexcept {
  static const std::array<Command, 9> kCommands{{
      {"serve", "serve a directory over HTTP/1.1", "DIR",
       "the directory to serve; the current one if none is named", store_path<&Settings::directory>,
       "directory",
       "Serves the files below DIR. A directory answers with its index.html or index.htm; a path "
       "that is not there, "
       "with DIR/404.html if that exists. Conditional requests, ranges and precompressed siblings "
       "are understood. "
       "Names that begin with a dot (except .well-known) and symbolic links that leave DIR are not "
       "served.\n\n"
       "Every limit is on. Sizes are written as 4096, 32K or 1M (powers of 1024), times as 500ms, "
       "30s or 2m; "
       "a time or rate may be off.",
       serve_options(), kServeExamples, serve_keys()},
      {"doctor", "tell what this machine gives a server", "", "", nullptr, "",
       "Tries every way to wait for the network, and each feature and operation of io_uring: in "
       "use, "
       "available, or missing and why. Says which engine `--engine auto` takes, and lists the "
       "limits "
       "of this process and machine with the command that changes each.\n\n"
       "It changes nothing, listens nowhere, and needs no rights. What it finds holds for the "
       "user, "
       "container and control group that it runs in: run it where the server runs.",
       kDoctorOptions, kDoctorExamples},
      {"check",
       "tell what is wrong with a configuration file",
       "FILE",
       "the file; vigil.toml in the current directory if none is named",
       store_path<&Settings::config>,
       "",
       "Reads the file as `vigil serve --config` would, and names everything that is wrong with "
       "it, "
       "with line and column, one in a line. It looks at the file alone: whether the directories "
       "and "
       "addresses in it are there, only serving tells.\n\n"
       "Exit status 0 says that nothing is wrong; there may be warnings.",
       {},
       kCheckExamples},
      {"config", "print the configuration in effect", "DIR", "the directory that would be served",
       store_path<&Settings::directory>, "directory",
       "Prints what `vigil serve` with the same words would take, each value with where it comes "
       "from: the default, a line of the file, the command line or the environment. What it prints "
       "is a configuration file again.",
       config_options(), kConfigExamples, serve_keys()},
      {"list", "tell which servers run here", "", "", nullptr, "",
       "Asks each server whose admin socket is in /run/vigil, or in vigil/ of the directory that "
       "XDG_RUNTIME_DIR names: where it listens, since when, how many connections it has. A socket "
       "answers its owner and root.",
       kListOptions, kListExamples},
      {"top", "show what servers do, shard by shard", "PID|PATH",
       "a process number, or the path of an admin socket; all that run here if none is named",
       store_text<&Settings::target>, "",
       "Requests, connections, processor and memory of each server, and of each shard its turns, "
       "how many events one brought, and the longest turn so far: whoever became ready meanwhile "
       "waited so long. On a terminal it is shown anew each second until it is interrupted; "
       "elsewhere "
       "it is one table, of one second.",
       kListOptions, kTopExamples},
      {"dump", "show what every task of a server waits for", "PID|PATH",
       "a process number, or the path of an admin socket; the only server here if none is named",
       store_text<&Settings::target>, "",
       "The tree of tasks, shard by shard: where each awaits, by file and line, for what and whom, "
       "since when, and its deadline. A shard that is stuck in a task is shown, too: a signal "
       "(SIGURG) makes its thread tell where it is.",
       kListOptions, kDumpExamples},
      {"explain",
       "tell where the bytes of one connection are",
       "PID|PATH PEER",
       "a process number, or the path of an admin socket; and the other end of the connection, as "
       "`vigil dump` shows it: an address with its port, or a port alone",
       store_explained,
       "",
       "Follows one connection from the kernel's receive queue to its send queue, and says how "
       "many "
       "bytes wait in each place: not received yet, half a head, an answer that is not taken. What "
       "its task waits for is there, and what the kernel knows of the peer. The last line says in "
       "one sentence who waits for whom.\n\n"
       "It works while a shard is stuck, too: then the sentence says which one, where, and for how "
       "long. Exit status 1 says that there is no such connection.",
       kListOptions,
       kExplainExamples,
       {},
       {},
       2},
      {"restart",
       "put a new process in the place of a server",
       "PID|PATH",
       "a process number, or the path of an admin socket; the only server here if none is named",
       store_text<&Settings::target>,
       "",
       "The server starts the program that it was started from, with the same words: a newer "
       "version, if that is what is there now. The new process gets the listening sockets and "
       "reads "
       "the configuration; when it serves, the old one takes no more connections, and ends when "
       "its "
       "own have. Nobody is refused meanwhile.\n\n"
       "If the new process does not come up, the old one goes on, and the reason is said. `kill "
       "-USR2 PID` asks for the same, and the reason is in the server's standard error.",
       {},
       kRestartExamples},
  }};
  return kCommands;
}

const Command* find_command(std::string_view name) noexcept {
  for (const Command& command : commands()) {
    if (command.name == name) {
      return &command;
    }
  }
  return nullptr;
}

const Option* find_option(const Command& command, std::string_view name) noexcept {
  for (const Option& option : command.options) {
    if (option.name == name) {
      return &option;
    }
  }
  return nullptr;
}

const Former* find_former(const Command& command, std::string_view name) noexcept {
  for (const Former& former : command.formers) {
    if (former.name == name) {
      return &former;
    }
  }
  return nullptr;
}

std::string key_of(std::string_view name) {
  std::string key(name);
  std::ranges::replace(key, '-', '_');
  return key;
}

std::string name_of(std::string_view key) {
  std::string name(key);
  std::ranges::replace(name, '_', '-');
  return name;
}

const Option* find_key(const Command& command, std::string_view key) noexcept {
  for (const std::span<const Option> rows : {command.keys, command.options}) {
    for (const Option& row : rows) {
      if (row.keyed != Keyed::nowhere && key_of(row.name) == key) {
        return &row;
      }
    }
  }
  return nullptr;
}

std::string former_sentence(const Former& former, std::string (*written)(std::string_view)) {
  return written(former.name) +
         (former.now.empty() ? std::string(" has no effect any more. Take it out: ")
                             : " is called " + written(former.now) + " now: ") +
         std::string(former.until) + " will not know the old name.";
}

Settings initial_settings(const Command& command) {
  Settings settings;
  settings.directory = ".";
  for (const Option& option : command.options) {
    option.store(settings, option.initial);
  }
  return settings;
}

}  // namespace vigil::cli
