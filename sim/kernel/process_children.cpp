// Children: how they begin, the programs that they run, and how they are waited for.
#include <fcntl.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>

#include "kernel/file_system_open.hpp"
#include "kernel/file_system_path.hpp"
#include "kernel/kernel.hpp"
#include "kernel/process.hpp"
#include "kernel/signal_file.hpp"

namespace vigil::sim {

std::int32_t Process::fork(std::string child_name) noexcept {
  if (ended_) {
    return -ESRCH;
  }
  if (kernel_.weather().strikes(Fault::no_memory, kernel_.id())) {
    return -ENOMEM;
  }
  Process& child = kernel_.add_process(std::move(child_name), pid_);
  child.forked_ = true;
  child.table_ = table_;
  child.taken_ = taken_;
  child.full_ = full_;
  child.handle_limit = handle_limit;
  child.blocked_ = blocked_;
  child.ignored_ = ignored_;
  child.environment = environment;
  child.start_in(directory_);
  for (const Row& row : table_) {
    if (row.file != nullptr) {
      row.file->hold_handle();
    }
  }
  return child.pid_;
}

void Process::exit(int status) noexcept { kernel_.end_process(*this, (status & 0xff) << 8); }

std::int32_t Process::pidfd_open(int pid, int flags) noexcept {
  if ((flags & ~PIDFD_NONBLOCK) != 0 || pid <= 0) {
    return -EINVAL;
  }
  const auto found = kernel_.ends_.find(pid);
  if (found == kernel_.ends_.end()) {
    return -ESRCH;
  }
  File* made = new (std::nothrow) ProcessFile(kernel_, found->second);
  return install_new(made, flags | O_CLOEXEC);
}

std::int32_t Process::pidfd_send_signal(int fd, int signal) noexcept {
  File* found = usable(fd);
  const auto* process = dynamic_cast<ProcessFile*>(found);
  if (process == nullptr) {
    return -EBADF;
  }
  return kill(process->end().pid, signal);
}

std::int32_t Process::wait_pidfd(int fd, siginfo_t* info, int options) noexcept {
  const auto* process = dynamic_cast<ProcessFile*>(usable(fd));
  return process == nullptr ? -EBADF : wait_for(process->end(), info, options);
}

std::int32_t Process::wait_child(int pid, siginfo_t* info, int options) noexcept {
  const auto found = kernel_.ends_.find(pid);
  return found == kernel_.ends_.end() ? -ECHILD : wait_for(*found->second, info, options);
}

std::int32_t Process::wait_for(const ProcessEnd& child, siginfo_t* info, int options) noexcept {
  if (child.parent != pid_ || child.reaped) {
    return -ECHILD;
  }
  if (info != nullptr) {
    *info = {};
  }
  if (!child.ended) {
    return 0;
  }
  if (info != nullptr) {
    const bool by_signal = WIFSIGNALED(child.status);
    info->si_signo = SIGCHLD;
    info->si_code = by_signal ? CLD_KILLED : CLD_EXITED;
    info->si_pid = child.pid;
    info->si_status = by_signal ? WTERMSIG(child.status) : WEXITSTATUS(child.status);
  }
  if ((options & WNOWAIT) == 0) {
    kernel_.reap(child.pid);
  }
  return 1;
}

// ---- Programs. ----

void Process::start_in(File* directory) noexcept {
  if (directory != nullptr) {
    directory->hold();
  }
  if (File* before = std::exchange(directory_, directory); before != nullptr) {
    before->drop();
  }
}

std::int32_t Process::chdir(const char* path) {
  Place place;
  if (const auto found = find_place(*this, AT_FDCWD, path, LastLink::follow, 0, place); found < 0) {
    return found;
  }
  if (!place.inode) {
    return -ENOENT;
  }
  if (!place.inode->is(S_IFDIR)) {
    return -ENOTDIR;
  }
  if (!place.inode->may(1)) {
    return -EACCES;
  }
  start_in(new OpenFile(kernel_, place.inode, O_PATH | O_DIRECTORY));
  return 0;
}

std::string Process::working_directory() const {
  std::string path;
  if (const OpenFile* open = open_file(directory_)) {
    for (const Inode* at = &open->inode(); at->parent; at = &*at->parent) {
      path.insert(0, "/" + at->name);
    }
  }
  return path.empty() ? "/" : path;
}

namespace {

// 0 and what runs the program of that path, or why it cannot run.
std::int32_t find_program(Process& process, const std::string& path, Kernel::Load*& out) {
  Place place;
  const auto found = find_place(process, AT_FDCWD, path.c_str(), LastLink::follow, 0, place);
  if (found < 0 || !place.inode) {
    return found < 0 ? found : -ENOENT;
  }
  const Inode& inode = *place.inode;
  if (!inode.is(S_IFREG) || !inode.may(1)) {
    return -EACCES;
  }
  std::string content(static_cast<std::size_t>(std::min<std::uint64_t>(inode.content.size(), 64)),
                      '\0');
  inode.content.read(0, std::as_writable_bytes(std::span(content)));
  out = process.kernel().program(content);
  return out == nullptr ? -ENOEXEC : 0;
}

// As execvp(3) searches: a directory that cannot be searched does not end it.
std::int32_t search_program(Process& process, const std::string& name,
                            const std::vector<std::string>& environment, Kernel::Load*& out) {
  if (name.find('/') != name.npos || name.empty()) {
    return find_program(process, name, out);
  }
  std::string_view path = "/bin:/usr/bin";
  for (const std::string& variable : environment) {
    if (variable.starts_with("PATH=")) {
      path = std::string_view(variable).substr(5);
    }
  }
  std::int32_t failed = -ENOENT;
  for (bool last = false; !last;) {
    const std::size_t end = path.find(':');
    last = end == path.npos;
    const std::string directory(path.substr(0, end));
    path.remove_prefix(last ? path.size() : end + 1);
    const std::int32_t tried =
        find_program(process, directory.empty() ? name : directory + "/" + name, out);
    if (tried != -ENOENT && tried != -ENOTDIR && tried != -EACCES) {
      return tried;
    }
    failed = tried == -EACCES ? tried : failed;
  }
  return failed;
}

}  // namespace

// The child's handles, its directory and its program, or why it cannot have them.
std::int32_t Process::prepare(Process& child, const Command& command, Kernel::Load*& load) {
  for (int target = 0; target != 3; ++target) {
    const int source = command.standard[target];
    if (source < 0) {
      const auto null =
          child.openat2(AT_FDCWD, "/dev/null", target == 0 ? O_RDONLY : O_WRONLY, 0, 0);
      if (null < 0) {
        return null;
      }
      continue;
    }
    File* given = file(source);
    const std::int32_t placed = given == nullptr ? -EBADF : child.place(*given, false, target);
    if (placed < 0) {
      return placed;
    }
  }
  if (command.directory != nullptr) {
    if (const std::int32_t moved = child.chdir(command.directory); moved < 0) {
      return moved;
    }
  }
  return command.arguments.empty()
             ? -EINVAL
             : search_program(child, command.arguments.front(), environment, load);
}

std::int32_t Process::spawn(const Command& command, int& pid) noexcept {
  if (ended_) {
    return -ESRCH;
  }
  if (kernel_.weather().strikes(Fault::no_memory, kernel_.id())) {
    return -ENOMEM;
  }
  const std::string name = command.arguments.empty() ? "" : command.arguments.front();
  Process& child = kernel_.add_process(name.substr(name.rfind('/') + 1), pid_);
  child.forked_ = true;
  child.handle_limit = handle_limit;
  child.environment = command.environment;
  child.start_in(directory_);
  Kernel::Load* load = nullptr;
  std::int32_t result = prepare(child, command, load);
  if (result == 0) {
    result = pidfd_open(child.pid_, 0);
  }
  if (result < 0) {
    const int unborn = child.pid_;
    kernel_.bury(child, 0);
    kernel_.reap(unborn);
    return result;
  }
  pid = child.pid_;
  kernel_.tracer().note(kernel_.id(), "start", static_cast<std::uint64_t>(pid),
                        static_cast<std::uint64_t>(pid_));
  (*load)(child, command.arguments);
  return result;
}

std::int32_t Process::exec(const std::vector<std::string>& arguments) noexcept {
  Kernel::Load* load = nullptr;
  if (arguments.empty() || ended_) {
    return -EINVAL;
  }
  if (const auto found = search_program(*this, arguments.front(), environment, load); found < 0) {
    return found;
  }
  for (int fd = 0; static_cast<std::size_t>(fd) < table_.size(); ++fd) {
    if (table_[static_cast<std::size_t>(fd)].close_on_exec) {
      close(fd);
    }
  }
  (*load)(*this, arguments);
  return 0;
}

}  // namespace vigil::sim
