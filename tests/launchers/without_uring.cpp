// without-uring: runs a program as on a machine that refuses io_uring, by a seccomp filter of its
// own process alone. The filter holds for the program and what it starts, and for nobody else.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace {

constexpr const char* kHelp =
    "usage: without-uring [OPTIONS] [--] PROGRAM [ARGUMENT...]\n"
    "Runs PROGRAM with a seccomp filter under which io_uring_setup, io_uring_enter and\n"
    "io_uring_register fail. Nothing else of the machine changes.\n\n"
    "  --errno NAME        what they fail with: EPERM (default), ENOSYS, ENOMEM or EMFILE\n"
    "  --operations NAMES  no filter: the ring stays, and vigil does without these operations\n"
    "                      and features (VIGIL_URING_WITHOUT), named as vigil doctor does and\n"
    "                      separated by commas\n"
    "  --help              prints this\n\n"
    "Exit status: that of PROGRAM; 1 it could not be started, 2 wrong use.\n";

int wrong_use(const std::string& sentence) {
  std::fprintf(stderr, "without-uring: %s. See without-uring --help.\n", sentence.c_str());
  return 2;
}

int failed(const std::string& what) {
  std::fprintf(stderr, "without-uring: %s: %s.\n", what.c_str(), std::strerror(errno));
  return 1;
}

struct Name {
  std::string_view text;
  unsigned error;
};
constexpr Name kErrors[] = {
    {"EPERM", EPERM}, {"ENOSYS", ENOSYS}, {"ENOMEM", ENOMEM}, {"EMFILE", EMFILE}};

// 0: no such name.
unsigned error_named(std::string_view text) {
  for (const Name& name : kErrors) {
    if (name.text == text) {
      return name.error;
    }
  }
  return 0;
}

// The three calls have the same numbers on every architecture, but for the mark of x32.
bool refuse_ring(unsigned error) {
  constexpr unsigned kFirst = __NR_io_uring_setup;
  constexpr unsigned kLast = __NR_io_uring_register;
  static_assert(kLast - kFirst == 2 && __NR_io_uring_enter == kFirst + 1);
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, ~0x4000'0000U),
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, kFirst, 0, 2),
      BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, kLast, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{.len = sizeof filter / sizeof *filter, .filter = filter};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

}  // namespace

int main(int count, char** words) {
  unsigned error = EPERM;
  const char* operations = nullptr;
  int at = 1;
  for (; at < count && words[at][0] == '-'; ++at) {
    const std::string_view word = words[at];
    if (word == "--") {
      ++at;
      break;
    }
    if (word == "--help") {
      std::fputs(kHelp, stdout);
      return 0;
    }
    if (word != "--errno" && word != "--operations") {
      return wrong_use("there is no option \"" + std::string(word) + "\"");
    }
    if (at + 1 == count) {
      return wrong_use(std::string(word) + " needs a value");
    }
    const std::string_view value = words[++at];
    if (word == "--operations") {
      operations = words[at];
    } else if (error = error_named(value); error == 0) {
      return wrong_use("--errno is EPERM, ENOSYS, ENOMEM or EMFILE, not \"" + std::string(value) +
                       "\"");
    }
  }
  if (at >= count) {
    return wrong_use("it needs a program to run");
  }
  if (operations != nullptr) {
    ::setenv("VIGIL_URING_WITHOUT", operations, 1);
  } else if (!refuse_ring(error)) {
    return failed("cannot install a seccomp filter");
  }
  ::execvp(words[at], words + at);
  return failed(std::string("cannot start ") + words[at]);
}
