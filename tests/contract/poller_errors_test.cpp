// What is refused, and what the refusal advises. Clause P7; hazard 34.
#include <signal.h>

#include <filesystem>
#include <utility>

#include "tests/support/not_run.hpp"
#include "tests/support/poller_test.hpp"

namespace vigil::test {
namespace {

class PollerErrors : public PollerTest {
 protected:
  std::vector<Token> tokens;

  void expect_refused(const Result<Token>& token, PollerErrc code, const char* advice) {
    ASSERT_FALSE(token.has_value());
    EXPECT_EQ(token.error(), code);
    EXPECT_NE(token.error().message().find(advice), std::string::npos) << token.error().message();
    EXPECT_EQ(poller.size(), 0U);
  }
};
VIGIL_ON_EVERY_BACKEND(PollerErrors);

TEST_P(PollerErrors, RegularFileAndDirectory) {  // P7.2
  const Fd file(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  const auto refused = poller.add(Source::descriptor(file.get(), kReadable));
  expect_refused(refused, PollerErrc::not_pollable, "read and write it directly");
  EXPECT_EQ(refused.error(), std::errc::operation_not_permitted);
  const Fd directory(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  expect_refused(poller.add(Source::descriptor(directory.get(), kReadable)),
                 PollerErrc::not_pollable, "read and write it directly");
}

TEST_P(PollerErrors, ClosedDescriptor) {  // P7.4
  int number;
  {
    const Pair pair = socket_pair();
    number = pair.ours.get();
  }
  const auto refused = poller.add(Source::descriptor(number, kReadable));
  expect_refused(refused, PollerErrc::closed_descriptor, "remove() a source before closing");
  EXPECT_EQ(refused.error(), std::errc::bad_file_descriptor);
  expect_refused(poller.add(Source::descriptor(-1, kReadable)), PollerErrc::closed_descriptor,
                 "is closed");
}

TEST_P(PollerErrors, DescriptorClosedSinceItWasAdded) {  // P4.4, P7.4
  Pair pair = socket_pair();
  const Token token = add(Source::descriptor(pair.ours.get(), kReadable));
  const int number = pair.ours.get();
  pair.ours.reset();
  EXPECT_EQ(poller.modify(token, Source::descriptor(number, kWritable)).error(),
            PollerErrc::closed_descriptor);
  EXPECT_EQ(poller.rearm(token).error(), PollerErrc::closed_descriptor);
  EXPECT_EQ(poller.close(token).error(), PollerErrc::closed_descriptor);
  EXPECT_EQ(poller.remove(token).error(), PollerErrc::unknown_source);
}

TEST_P(PollerErrors, DoubleAddLeavesTheFirstUnharmed) {  // P7.3
  const Pair pair = socket_pair();
  add(Source::descriptor(pair.ours.get(), kWritable).with_cookie(1));
  const auto refused = poller.add(Source::descriptor(pair.ours.get(), kReadable).with_cookie(2));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), PollerErrc::already_added);
  EXPECT_EQ(refused.error(), std::errc::file_exists);
  EXPECT_NE(refused.error().message().find("modify()"), std::string::npos);
  const auto events = now();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].cookie, 1U);
  EXPECT_EQ(events[0].ready, kWritable);
}

TEST_P(PollerErrors, UnknownTokens) {
  const Pair pair = socket_pair();
  const Token token = add(Source::descriptor(pair.ours.get(), kWritable));
  for (const Token wrong : {Token{}, Token{token.index, token.generation + 1},
                            Token{token.index + 1, 1}, Token{~0U, ~0U}}) {
    EXPECT_EQ(poller.remove(wrong).error(), PollerErrc::unknown_source);
    EXPECT_EQ(poller.close(wrong).error(), PollerErrc::unknown_source);
    EXPECT_EQ(poller.rearm(wrong).error(), PollerErrc::unknown_source);
    EXPECT_EQ(poller.post(wrong).error(), PollerErrc::unknown_source);
    EXPECT_EQ(poller.modify(wrong, Source::user()).error(), PollerErrc::unknown_source);
    poller.would_block(wrong, kReadable);
    EXPECT_FALSE(poller.is_current(wrong));
  }
  EXPECT_EQ(poller.post(token).error(), PollerErrc::unknown_source) << "no user source";
}

TEST_P(PollerErrors, AnotherSourceUnderTheSameToken) {
  const Pair pair = socket_pair();
  const Token socket = add(Source::descriptor(pair.ours.get(), kWritable));
  EXPECT_EQ(poller.modify(socket, Source::descriptor(pair.theirs.get(), kWritable)).error(),
            PollerErrc::wrong_source);
  EXPECT_EQ(poller.modify(socket, Source::timer(1ms)).error(), PollerErrc::wrong_source);
  const Token timer = add(Source::timer(1h));
  EXPECT_EQ(poller.modify(timer, Source::user()).error(), PollerErrc::wrong_source);
  EXPECT_EQ(poller.close(timer).error(), PollerErrc::wrong_source);
  EXPECT_TRUE(poller.is_current(timer));
  EXPECT_EQ(now().size(), 1U);
}

TEST_P(PollerErrors, InterestThatIsNone) {
  const Pair pair = socket_pair();
  expect_refused(poller.add(Source::descriptor(pair.ours.get(), 0x40000000)),
                 PollerErrc::bad_interest, "Ready bits");
}

TEST_P(PollerErrors, ExclusiveCombinationsAreRefusedAlike) {  // P2.9
  const Pair pair = socket_pair();
  const auto shared = Source::descriptor(pair.ours.get(), kReadable).shared_exclusively();
  expect_refused(poller.add(shared.with_trigger(Trigger::oneshot)), PollerErrc::bad_exclusive,
                 "remove() and add()");
  Source half_close = shared;
  half_close.interest |= kPeerClosed;
  expect_refused(poller.add(half_close), PollerErrc::bad_exclusive, "kPeerClosed");
  const Token token = add(shared);
  EXPECT_EQ(poller.modify(token, shared).error(), PollerErrc::bad_exclusive);
  EXPECT_EQ(poller.rearm(token).error(), PollerErrc::bad_exclusive);
}

TEST_P(PollerErrors, WrongBackendListsTheRightOnes) {
  const auto refused = Poller::create({.backend = "kqeue"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), PollerErrc::unknown_backend);
  for (const std::string_view name : Poller::backends()) {
    EXPECT_NE(refused.error().message().find(name), std::string::npos) << refused.error().message();
  }
}

TEST_P(PollerErrors, EveryCodeHasAMessageThatAdvises) {
  for (int code = 1; code <= static_cast<int>(PollerErrc::forked); ++code) {
    const std::error_code error(code, poller_category());
    EXPECT_GT(error.message().size(), 30U) << code;
    EXPECT_EQ(error.message().find("unknown error"), std::string::npos) << code;
    EXPECT_TRUE(static_cast<bool>(error.default_error_condition())) << code;
  }
}

TEST_P(PollerErrors, SelectLimit) {  // P7.5, hazard 34: 1,100 descriptors
  if (!allow_descriptors(1200)) {
    VIGIL_NOT_RUN("fewer than 1200 descriptors are allowed");
  }
  std::vector<Pair> pairs;
  std::vector<Fd> filling;
  for (int i = 0; i < 3; ++i) {
    pairs.push_back(socket_pair());
    add(Source::descriptor(pairs.back().ours.get(), kReadable)
            .with_cookie(static_cast<std::uint64_t>(i)));
  }
  while (filling.empty() || filling.back().get() < 1100) {
    filling.emplace_back(::dup(pairs[0].theirs.get()));
  }
  const Pair high = socket_pair();
  const auto added = poller.add(Source::descriptor(high.ours.get(), kReadable).with_cookie(9));
  const auto timer = poller.add(Source::timer(1h));
  if (poller.backend() == "select") {
    ASSERT_FALSE(added);
    EXPECT_EQ(added.error(), PollerErrc::above_limit);
    EXPECT_EQ(added.error(), std::errc::too_many_files_open);
    EXPECT_NE(added.error().message().find("epoll or poll"), std::string::npos);
    EXPECT_EQ(timer.error(), PollerErrc::above_limit) << "its own descriptor lies above";
    EXPECT_EQ(Poller::create({.backend = "select"}).error(), PollerErrc::above_limit);
    EXPECT_EQ(poller.size(), 3U);
  } else {
    ASSERT_TRUE(added);
    ASSERT_TRUE(timer);
    put(high.theirs, "x");
    EXPECT_EQ(next()[0].cookie, 9U);
    drain(high.ours);
  }
  put(pairs[1].theirs, "x");
  EXPECT_EQ(next()[0].cookie, 1U) << "the others go on";
}

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

TEST_P(PollerErrors,
       OutOfDescriptorsIsAnErrorAndLeaksNothing) {  // hazard 13: each descriptor fails in turn
  const Pair pair = socket_pair();
  add(Source::descriptor(pair.ours.get(), kWritable));
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const std::size_t open_before = open_descriptors();
  bool whole = false;
  for (rlim_t spare = 0; !whole && spare < 10; ++spare) {
    const auto lowest = static_cast<rlim_t>(Fd(::dup(0)).get());
    const rlimit tight{lowest + spare, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
    std::error_code failure;
    {
      const auto other = Poller::create({.backend = GetParam(), .audit = Audit::off});
      const Source sources[] = {Source::timer(1h), Source::signal(SIGUSR1),
                                Source::process(::getpid()), Source::vnode("/")};
      failure = other ? std::error_code{} : other.error();
      for (const Source& source : sources) {
        const auto added = failure ? Result<Token>{} : poller.add(source);
        failure = added ? failure : added.error();
        if (!failure) {
          tokens.push_back(*added);
        }
      }
    }
    ::setrlimit(RLIMIT_NOFILE, &before);
    whole = !failure;
    if (failure) {
      EXPECT_EQ(failure, std::errc::too_many_files_open) << failure.message();
    }
    for (const Token token : std::exchange(tokens, {})) {
      EXPECT_TRUE(poller.remove(token));
    }
    EXPECT_EQ(poller.size(), 1U);
    EXPECT_LE(open_descriptors(), open_before + 1) << "the queue of file changes may stay";
    EXPECT_EQ(now().size(), 1U);
  }
  EXPECT_TRUE(whole);
}

}  // namespace
}  // namespace vigil::test
