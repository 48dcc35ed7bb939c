// The limits of a Linux machine, from getrlimit(2), /proc/sys and the control groups.
#include "vigil/loop/machine.hpp"

#include <sys/resource.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "loop/system_files.hpp"

namespace vigil {
namespace {

using Number = std::optional<std::uint64_t>;

Number read_number(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) {
    text.remove_prefix(1);
  }
  std::uint64_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  return read.ec == std::errc{} ? Number(value) : std::nullopt;
}

Number read_number_of(const std::string& path) {
  std::array<char, 64> room;
  return read_number(read_front(path.c_str(), room));
}

// "net.core.somaxconn" is /proc/sys/net/core/somaxconn.
std::string path_of(std::string_view key) {
  std::string path = "/proc/sys/";
  for (const char c : key) {
    path += c == '.' ? '/' : c;
  }
  return path;
}

// A command that raises something asks for twice of what there is, or for what is usual if that is
// more.
std::uint64_t raised(Number value, std::uint64_t usual) noexcept {
  return value ? std::max(*value * 2, usual) : usual;
}

struct Resource {
  decltype(RLIMIT_NOFILE) which;
  std::string_view name;
  std::string_view place;
  std::string_view unit;
  std::uint64_t enough;
  std::string_view meaning;
  std::string_view shell;  // "ulimit -n "
  std::string_view systemd;
  std::uint64_t usual;
  std::uint64_t shell_unit = 1;
};

constexpr Resource kResources[] = {
    {RLIMIT_NOFILE, "open descriptors", "RLIMIT_NOFILE", "descriptors", 65'536,
     "connections and files that a process has open together", "ulimit -n ",
     "LimitNOFILE=", 1'048'576},
    {RLIMIT_NPROC, "threads of the user", "RLIMIT_NPROC", "threads", 1'024,
     "threads and processes of one user together", "ulimit -u ", "LimitNPROC=", 65'536},
    {RLIMIT_MEMLOCK, "locked memory", "RLIMIT_MEMLOCK", "bytes", 8U << 20,
     "rings and registered buffers of io_uring", "ulimit -l ", "LimitMEMLOCK=", 64U << 20, 1024},
};

std::string change_of(const Resource& resource, Number value) {
  const std::uint64_t wanted = raised(value, resource.usual);
  return std::string(resource.shell) + std::to_string(wanted / resource.shell_unit) +
         " (systemd: " + std::string(resource.systemd) + std::to_string(wanted) + ")";
}

// A resource that a server raises for itself is low only if it cannot.
void add_resources(std::vector<MachineLimit>& all) {
  for (const Resource& resource : kResources) {
    rlimit limit{};
    if (::getrlimit(resource.which, &limit) != 0) {
      continue;
    }
    MachineLimit one{.name = resource.name,
                     .place = resource.place,
                     .unit = resource.unit,
                     .value = {},
                     .most = {},
                     .meaning = resource.meaning,
                     .change = {}};
    if (limit.rlim_cur != RLIM_INFINITY) {
      one.value = limit.rlim_cur;
      one.low = limit.rlim_max < resource.enough;
      if (limit.rlim_max != limit.rlim_cur && limit.rlim_max != RLIM_INFINITY) {
        one.most = limit.rlim_max;
      }
    }
    one.change = change_of(resource, one.value);
    all.push_back(std::move(one));
  }
}

struct Setting {
  std::string_view name;
  std::string_view place;
  std::string_view unit;
  std::uint64_t enough;
  std::string_view meaning;
  std::uint64_t usual;  // what servers set it to
};

constexpr Setting kSettings[] = {
    {"descriptors of the machine", "fs.file-max", "descriptors", 262'144,
     "open descriptors of all processes together", 2097152},
    {"descriptors of a process at most", "fs.nr_open", "descriptors", 65'536,
     "how far RLIMIT_NOFILE can be raised, by root too", 1048576},
    {"backlog", "net.core.somaxconn", "connections", 4'096,
     "connections of a listener that wait to be accepted", 65535},
    {"handshakes", "net.ipv4.tcp_max_syn_backlog", "connections", 256,
     "connections of a listener that are being opened", 65535},
    {"watches", "fs.inotify.max_user_watches", "watches", 8'192,
     "directories whose changes a user's programs follow", 524288},
    {"watch queues", "fs.inotify.max_user_instances", "queues", 128,
     "programs of a user that follow changes", 1024},
    {"descriptors in epoll", "fs.epoll.max_user_watches", "descriptors", 65'536,
     "descriptors that a user's programs wait for", 1048576},
};

std::string sysctl(std::string_view key, std::string_view value) {
  return "sysctl -w " + std::string(key) + "=" + std::string(value);
}

void add_settings(std::vector<MachineLimit>& all) {
  for (const Setting& setting : kSettings) {
    const Number value = read_number_of(path_of(setting.place));
    if (!value) {
      continue;
    }
    all.push_back({.name = setting.name,
                   .place = setting.place,
                   .unit = setting.unit,
                   .value = value,
                   .most = {},
                   .low = *value < setting.enough,
                   .meaning = setting.meaning,
                   .change = sysctl(setting.place, std::to_string(raised(value, setting.usual)))});
  }
}

void add_port_range(std::vector<MachineLimit>& all) {
  constexpr std::string_view kPlace = "net.ipv4.ip_local_port_range";
  std::array<char, 64> room;
  const std::string_view text = read_front(path_of(kPlace).c_str(), room);
  const Number first = read_number(text);
  const std::size_t gap = text.find_first_of(" \t");
  const Number last = gap != std::string_view::npos ? read_number(text.substr(gap)) : std::nullopt;
  if (!first || !last || *last < *first) {
    return;
  }
  const std::uint64_t ports = *last - *first + 1;
  all.push_back({.name = "port range",
                 .place = kPlace,
                 .unit = "ports",
                 .value = ports,
                 .most = {},
                 .low = ports < 16'384,
                 .meaning = "connections from one address to one other address and port",
                 .change = sysctl(kPlace, "\"1024 65535\"")});
}

// The number after `key` of /proc/meminfo, in bytes.
Number memory(std::string_view key) noexcept {
  std::array<char, 4096> room;
  std::string_view text = read_front("/proc/meminfo", room);
  const std::size_t at = text.find(key);
  if (at == std::string_view::npos) {
    return std::nullopt;
  }
  const Number kib = read_number(text.substr(at + key.size()));
  return kib ? Number(*kib << 10) : std::nullopt;
}

void add_memory(std::vector<MachineLimit>& all) {
  if (const Number available = memory("MemAvailable:")) {
    all.push_back({.name = "memory",
                   .place = "MemAvailable",
                   .unit = "bytes",
                   .value = available,
                   .most = memory("MemTotal:"),
                   .low = *available < (std::uint64_t{256} << 20),
                   .meaning = "what all programs can still take without swapping",
                   .change = "end other programs, or add memory"});
  }
}

// Where this process is: "/system.slice/site.service" of the line "0::/...", or of the one of
// `controller` in version 1. Empty: in none.
std::string group_of(std::string_view controller) {
  std::array<char, 4096> room;
  std::string_view text = read_front("/proc/self/cgroup", room);
  const std::string key = ":" + std::string(controller) + ":";
  const std::size_t at = text.find(key);
  if (at == std::string_view::npos) {
    return {};
  }
  text.remove_prefix(at + key.size());
  return std::string(text.substr(0, text.find('\n')));
}

// The least of what a group and those above it allow in `file`.
Number least_of(const std::string& root, std::string group, std::string_view file) {
  Number least;
  while (true) {
    const std::string path = root + (group == "/" ? "" : group) + "/" + std::string(file);
    if (const Number one = read_number_of(path); one && (!least || *one < *least)) {
      least = one;
    }
    if (group.empty() || group == "/") {
      return least;
    }
    group.erase(group.rfind('/'));
  }
}

struct GroupLimit {
  std::string_view name;
  std::string_view place;
  std::string_view controller;  // its name in version 1, where `old_file` is
  std::string_view old_file;
  std::string_view unit;
  std::uint64_t enough;
  std::string_view meaning;
  std::string_view change;
};

constexpr GroupLimit kGroupLimits[] = {
    {"memory of the control group", "memory.max", "memory", "memory.limit_in_bytes", "bytes",
     std::uint64_t{256} << 20, "memory of all processes of the group, page cache too",
     "systemctl set-property SERVICE MemoryMax=2G"},
    {"threads of the control group", "pids.max", "pids", "pids.max", "threads", 256,
     "threads and processes of the group", "systemctl set-property SERVICE TasksMax=4096"},
};

// Version 1 says that there is no limit by a number near 2^63.
void add_groups(std::vector<MachineLimit>& all) {
  constexpr std::uint64_t kNone = std::uint64_t{1} << 62;
  for (const GroupLimit& limit : kGroupLimits) {
    Number value = least_of("/sys/fs/cgroup", group_of(""), limit.place);
    if (!value) {
      value = least_of("/sys/fs/cgroup/" + std::string(limit.controller),
                       group_of(limit.controller), limit.old_file);
    }
    if (value && *value >= kNone) {
      value.reset();
    }
    all.push_back({.name = limit.name,
                   .place = limit.place,
                   .unit = limit.unit,
                   .value = value,
                   .most = {},
                   .low = value && *value < limit.enough,
                   .meaning = limit.meaning,
                   .change = std::string(limit.change)});
  }
}

}  // namespace

std::vector<MachineLimit> machine_limits() {
  std::vector<MachineLimit> all;
  add_resources(all);
  add_settings(all);
  add_port_range(all);
  add_memory(all);
  add_groups(all);
  return all;
}

std::string system_name() {
  utsname system{};
  if (::uname(&system) != 0) {
    return "an unknown system";
  }
  return std::string(system.sysname) + " " + system.release + " " + system.machine;
}

}  // namespace vigil
