// Process: a simulated process's handle table, and the system calls on it: Linux's own, with its
// structures, its errors and its order of checks, as of Linux 6.1. A result is >= 0 or -errno; no
// call ever waits: what would, is -EAGAIN whether or not the description is O_NONBLOCK.
//
// The seams (faces/) and the differential tests stand on this. A family a file:
//   process.cpp            the table: dup, close, fcntl
//   process_epoll.cpp      epoll (kernel/event_poll behind it)
//   process_pipes.cpp      pipe, eventfd, timerfd, read and write (kernel/pipe, counter, timer)
//   process_signals.cpp    signals, signalfd (kernel/signal_file)
//   process_children.cpp   children, the programs they run, pidfd
//   process_sockets.cpp    sockets (net/ behind it)
//   process_files.cpp      files, directories, inotify (kernel/file_system behind it); _names,
//   _stat
#pragma once

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/uio.h>

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/file.hpp"
#include "vigil/loop/arguments.hpp"

namespace vigil::sim {

class Kernel;
class PassedFiles;

// How a process ends, for who watches it: it outlives the process for as long as a pidfd is open or
// its parent has not waited.
struct ProcessEnd {
  int pid;
  int parent;  // 1: the system's, which waits at once
  bool ended = false;
  bool reaped = false;  // its parent waited
  int status = 0;       // as wait(2) tells it
  WaitQueue queue;      // woken once, when it ends
};

class Process {
 public:
  Process(Kernel& kernel, int pid, int parent, std::string name);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  Kernel& kernel() noexcept { return kernel_; }
  int pid() const noexcept { return pid_; }
  const std::string& name() const noexcept { return name_; }
  // By exit(), a signal, Kernel::end_process() or a crash. All its calls fail then.
  bool ended() const noexcept { return ended_; }

  // ---- The table. close(2), dup(2), dup3(2), fcntl(2). ----
  std::int32_t close(int fd) noexcept;
  std::int32_t dup(int fd) noexcept;
  std::int32_t dup3(int from, int to, int flags) noexcept;
  std::int32_t fcntl(int fd, int command, int argument) noexcept;
  File* file(int fd) const noexcept;  // null: not open
  std::int32_t install(File& file,
                       bool close_on_exec) noexcept;  // the lowest free number, or -EMFILE
  std::size_t open_handles() const noexcept;
  int handle_limit = 0;  // RLIMIT_NOFILE; 0: the kernel's
  // Who runs a program in this process is told when a signal kills it (`status` as wait(2) tells
  // it), maybe by a call of the program itself: it ends the program, and calls Kernel::end_process,
  // when that call has returned. Null (a forked child): the kernel ends the process itself.
  void (*killed)(void* owner, int status) noexcept = nullptr;
  void* owner = nullptr;

  // ---- epoll(7). ----
  std::int32_t epoll_create1(int flags) noexcept;
  std::int32_t epoll_ctl(int epoll, int action, int fd, const epoll_event* event) noexcept;
  // What is ready now: never waits. The descriptor's own queue (file()->queue()) tells when to ask;
  // a task of several that wait there is an exclusive waiter, and returns true if it was waiting.
  std::int32_t epoll_wait(int epoll, std::span<epoll_event> room) noexcept;
  // poll(2), now.
  std::uint32_t poll_one(int fd, std::uint32_t interest) noexcept;  // POLLNVAL where not open

  // ---- Byte streams: read(2), write(2), readv(2), writev(2) of pipes, sockets, files. ----
  std::int64_t read(int fd, std::span<std::byte> to) noexcept;
  std::int64_t write(int fd, std::span<const std::byte> from) noexcept;
  std::int64_t readv(int fd, std::span<const iovec> parts) noexcept;
  std::int64_t writev(int fd, std::span<const iovec> parts) noexcept;
  std::int32_t pipe2(int ends[2], int flags) noexcept;
  std::int32_t eventfd(unsigned count, int flags) noexcept;
  // posix_openpt(3): a terminal's master; and ioctl_tty(2)'s TIOCGPTPEER: the user's end of it, of
  // which there is one at a time.
  std::int32_t openpt(int flags) noexcept;
  std::int32_t openpt_peer(int master, int flags) noexcept;
  std::int32_t timerfd_create(int clock, int flags) noexcept;
  std::int32_t timerfd_settime(int fd, int flags, const itimerspec* value,
                               itimerspec* old) noexcept;
  std::int32_t timerfd_gettime(int fd, itimerspec* value) noexcept;

  // ---- Signals and children. ----
  // As kill(2): a signal that is not blocked ends the process unless it is ignored (there are no
  // handlers: the library installs none). Nothing is ever stopped.
  std::int32_t kill(int pid, int signal) noexcept;
  // As sigqueue(3): real-time signals come in their order, each with its value.
  std::int32_t sigqueue(int pid, int signal, std::int32_t value) noexcept;
  std::int32_t sigprocmask(int how, const sigset_t* set, sigset_t* old) noexcept;
  std::int32_t signalfd(int fd, const sigset_t* set, int flags) noexcept;
  // sigtimedwait(2) with no time: takes one pending signal of the set; its number, or -EAGAIN.
  std::int32_t sigtimedwait(const sigset_t* set) noexcept;
  // SIG_IGN or SIG_DFL, as sigaction(2) sets it.
  std::int32_t ignore_signal(int signal, bool ignored) noexcept;
  // As the system sends it for what a call of this process did: SIGPIPE.
  void raise(int signal) noexcept;
  File* directory() const noexcept { return directory_; }  // null: "/"
  // A child that shares the open descriptions and runs nothing of its own: it lives until exit() or
  // a signal ends it. The result is its pid.
  std::int32_t fork(std::string child_name) noexcept;
  // The child, as kernel().find_process(pid) gives it, ends.
  void exit(int status) noexcept;
  std::int32_t pidfd_open(int pid, int flags) noexcept;
  std::int32_t pidfd_send_signal(int fd, int signal) noexcept;
  // waitid(2) with WEXITED | WNOHANG on a pidfd, or of a child: 1 and the siginfo if it ended, 0
  // while it runs. `options`: WNOWAIT, or 0.
  std::int32_t wait_pidfd(int fd, siginfo_t* info, int options = 0) noexcept;
  std::int32_t wait_child(int pid, siginfo_t* info, int options = 0) noexcept;
  // posix_spawnp(3): a child with three handles and nothing blocked or ignored, that runs a program
  // of Kernel::install(). The result is its pidfd.
  struct Command {
    std::vector<std::string> arguments;  // the first is the program, searched in PATH
    std::vector<std::string> environment;
    const char* directory = nullptr;  // null: as here
    int standard[3] = {-1, -1, -1};   // handles here; -1: /dev/null
  };
  std::int32_t spawn(const Command& command, int& pid) noexcept;
  // execvp(3), of a process in which nothing else runs: what is close-on-exec is closed, and the
  // program begins.
  std::int32_t exec(const std::vector<std::string>& arguments) noexcept;
  std::int32_t chdir(const char* path);
  std::string working_directory() const;
  std::vector<std::string> environment;                                // "NAME=value" each
  std::uint64_t blocked_signals() const noexcept { return blocked_; }  // bit n - 1
  std::uint64_t ignored_signals() const noexcept { return ignored_; }

  // ---- Sockets: AF_INET, AF_INET6, AF_UNIX; SOCK_STREAM and SOCK_DGRAM. ----
  std::int32_t socket(int family, int type, int protocol) noexcept;
  std::int32_t socketpair(int family, int type, int protocol, int ends[2]) noexcept;
  std::int32_t bind(int fd, const sockaddr* address, socklen_t size) noexcept;
  std::int32_t listen(int fd, int backlog) noexcept;
  std::int32_t accept4(int fd, sockaddr* peer, socklen_t* size, int flags) noexcept;
  std::int32_t connect(int fd, const sockaddr* address, socklen_t size) noexcept;
  std::int32_t shutdown(int fd, int how) noexcept;
  std::int32_t getsockname(int fd, sockaddr* address, socklen_t* size) noexcept;
  std::int32_t getpeername(int fd, sockaddr* address, socklen_t* size) noexcept;
  std::int32_t setsockopt(int fd, int level, int name, const void* value, socklen_t size) noexcept;
  std::int32_t getsockopt(int fd, int level, int name, void* value, socklen_t* size) noexcept;
  // ioctl(2): SIOCINQ and SIOCOUTQ, and TCP_INFO.
  std::int32_t socket_queues(int fd, SocketQueues& out) const noexcept;
  // flags: MSG_PEEK, MSG_TRUNC; MSG_NOSIGNAL (else EPIPE raises SIGPIPE).
  std::int64_t recv(int fd, std::span<std::byte> to, int flags) noexcept;
  std::int64_t send(int fd, std::span<const std::byte> from, int flags) noexcept;
  std::int64_t recvmsg(int fd, msghdr* message, int flags) noexcept;
  std::int64_t sendmsg(int fd, const msghdr* message, int flags) noexcept;

  // ---- Files. Paths are of this machine's own tree; the working directory is "/"
  // unless spawn() or chdir() said another. ----
  // `resolve`: openat2(2)'s RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS, or 0.
  std::int32_t openat2(int directory, const char* path, int flags, mode_t mode,
                       std::uint64_t resolve) noexcept;
  std::int32_t fstatat(int directory, const char* path, struct stat* out, int flags) noexcept;
  std::int64_t pread(int fd, std::span<std::byte> to, std::uint64_t offset) noexcept;
  std::int64_t pwrite(int fd, std::span<const std::byte> from, std::uint64_t offset) noexcept;
  // preadv2(2) with RWF_NOWAIT: how many bytes from `offset` on are in memory; 0 at the end, EAGAIN
  // where a read would wait for the disk.
  std::int64_t in_memory(int fd, std::uint64_t offset) noexcept;
  std::int32_t ftruncate(int fd, std::uint64_t size) noexcept;
  // `mode`: 0, or FALLOC_FL_KEEP_SIZE, with FALLOC_FL_PUNCH_HOLE or without.
  std::int32_t fallocate(int fd, int mode, std::uint64_t offset, std::uint64_t size) noexcept;
  std::int32_t fchmod(int fd, mode_t mode) noexcept;
  std::int32_t fsync(int fd, bool data_only) noexcept;
  std::int64_t sendfile(int out, int in, std::uint64_t* offset, std::size_t count) noexcept;
  // One entry at a time; false at the end.
  struct Entry {
    std::string_view name;  // until the next call
    std::uint64_t inode;
    std::uint8_t type;  // DT_REG ...
  };
  std::int32_t next_entry(int fd, Entry& out) noexcept;  // 1, 0 at the end, or -errno
  std::int32_t mkdirat(int directory, const char* path, mode_t mode) noexcept;
  std::int32_t unlinkat(int directory, const char* path, int flags) noexcept;
  // `flags`: 0, or RENAME_NOREPLACE.
  std::int32_t renameat(int from, const char* old_path, int to, const char* new_path,
                        unsigned flags = 0) noexcept;
  std::int32_t symlinkat(const char* target, int directory, const char* path) noexcept;
  std::int32_t inotify_init1(int flags) noexcept;
  std::int32_t inotify_add_watch(int fd, const char* path, std::uint32_t mask) noexcept;
  std::int32_t inotify_rm_watch(int fd, int watch) noexcept;

 private:
  friend class Kernel;
  friend class SignalFile;
  struct Row {
    File* file = nullptr;
    bool close_on_exec = false;
  };
  struct Pending {
    int signal;
    int code;
    int sender;
    int status;
    bool own;                // sent to the thread: taken before those of the process
    std::int32_t value = 0;  // of sigqueue(3)
  };

  // Null for O_PATH too, as most calls want it.
  File* usable(int fd) const noexcept;
  int limit() const noexcept;
  int lowest_free(int from) const noexcept;
  void mark(int fd, bool taken) noexcept;
  std::int32_t place(File& file, bool close_on_exec, int from) noexcept;
  // Installs what was just made, or frees it.
  std::int32_t install_new(File* file, int open_flags) noexcept;
  void close_all() noexcept;
  std::int32_t take_files(const msghdr& given, PassedFiles& into) const;
  int give_files(const PassedFiles& came, msghdr& given, int flags);

  // null: the root.
  void start_in(File* directory) noexcept;
  std::int32_t prepare(Process& child, const Command& command,
                       std::function<void(Process&, const std::vector<std::string>&)>*& load);
  std::int32_t wait_for(const ProcessEnd& child, siginfo_t* info, int options) noexcept;
  void die(int signal) noexcept;
  std::int32_t send_signal(int pid, const Pending& sent) noexcept;
  void post(const Pending& pending) noexcept;
  void deliver() noexcept;
  bool ignores(int signal) const noexcept;
  std::uint64_t pending_signals() const noexcept;
  bool take_signal(std::uint64_t mask, Pending& out) noexcept;

  Kernel& kernel_;
  int pid_;
  std::string name_;
  std::vector<Row> table_;
  std::vector<std::uint64_t> taken_;  // a bit a row
  std::vector<std::uint64_t> full_;   // a bit a word of these
  std::vector<std::byte> gathered_;   // for calls with several parts
  std::uint64_t blocked_ = 0;         // signals, bit n - 1
  std::uint64_t ignored_ = 0;
  std::vector<Pending> pending_;
  WaitQueue signals_;  // signalfds that watch for this process's
  std::shared_ptr<ProcessEnd> end_;
  File* directory_ = nullptr;  // an OpenFile, held; null: the root
  bool forked_ = false;        // nothing keeps its object when it has ended
  bool dying_ = false;         // `killed` was called
  bool ended_ = false;
};

}  // namespace vigil::sim
