// Terminals, held against the machine that the test runs on, as far as they are modelled.
#include <sys/ioctl.h>

#include "net_both.hpp"
#include "tests/support/not_run.hpp"

namespace vigil::sim {
namespace {

class Terminals : public BothTest {
 protected:
  Two master() {
    return keep(process.openpt(O_RDWR | O_NONBLOCK),
                ::posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
  }
  Two user_of(Two of) {
    ::grantpt(of.real);
    ::unlockpt(of.real);
    return keep(process.openpt_peer(of.sim, O_RDWR | O_NONBLOCK),
                ::ioctl(of.real, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
  }
  void type(Two to, std::string_view text) {
    EXPECT_EQ(process.write(to.sim, bytes(text)), static_cast<std::int64_t>(text.size()));
    EXPECT_EQ(::write(to.real, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  std::string read(Two from, std::size_t size = 100) {
    std::string sim(size, '\0');
    const std::int64_t got = process.read(from.sim, std::as_writable_bytes(std::span(sim)));
    sim = got < 0 ? std::to_string(got) : sim.substr(0, static_cast<std::size_t>(got));
    const std::string real = settled(
        [&] {
          std::string text(size, '\0');
          const std::int64_t count = result(::read(from.real, text.data(), size));
          return count < 0 ? std::to_string(count)
                           : text.substr(0, static_cast<std::size_t>(count));
        },
        sim);
    EXPECT_EQ(sim, real);
    return sim;
  }
};

bool there_are_terminals() {
  const int master = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  ::close(master);
  return master >= 0;
}

TEST_F(Terminals, GiveLinesOfWhatIsTypedAndShowIt) {
  if (!there_are_terminals()) {
    VIGIL_NOT_RUN("there are no terminals (/dev/ptmx, a devpts file system)");
  }
  const Two keyboard = master();
  EXPECT_EQ(read(keyboard), std::to_string(-EAGAIN));
  const Two user = user_of(keyboard);
  poll(keyboard);
  type(keyboard, "half");
  EXPECT_EQ(read(keyboard), "half") << "the echo";
  EXPECT_EQ(read(user), std::to_string(-EAGAIN)) << "no line yet";
  EXPECT_EQ(poll(user), POLLOUT | POLLWRNORM);
  type(keyboard, " a line\rnext\n");
  EXPECT_EQ(poll(user), POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM);
  EXPECT_EQ(read(user), "half a line\n");
  EXPECT_EQ(read(user, 2), "ne");
  EXPECT_EQ(read(user), "xt\n");
  EXPECT_EQ(read(user), std::to_string(-EAGAIN));
  EXPECT_EQ(read(keyboard), " a line\r\nnext\r\n");
  type(user, "shown\n");
  EXPECT_EQ(read(keyboard), "shown\r\n");
}

TEST_F(Terminals, HangUp) {
  if (!there_are_terminals()) {
    VIGIL_NOT_RUN("there are no terminals (/dev/ptmx, a devpts file system)");
  }
  const Two keyboard = master();
  const Two first = user_of(keyboard);
  close(first);
  poll(keyboard);
  EXPECT_EQ(read(keyboard), std::to_string(-EIO));
  const Two second = user_of(keyboard);
  EXPECT_EQ(read(keyboard), std::to_string(-EAGAIN)) << "somebody is there again";
  type(keyboard, "typed\n");
  close(keyboard);
  poll(second);
  EXPECT_EQ(read(second), "");
  EXPECT_EQ(process.write(second.sim, bytes("x")), -EIO);
  EXPECT_EQ(result(::write(second.real, "x", 1)), -EIO);
}

}  // namespace
}  // namespace vigil::sim
