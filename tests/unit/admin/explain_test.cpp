// What `vigil explain` says of a connection, and whom its PEER means.
#include "admin/explain.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "admin/connection.hpp"

namespace {

using namespace vigil;
using namespace vigil::app;
using namespace std::chrono_literals;
using Stage = http::ConnectionView::Stage;

ConnectionState idle() {
  ConnectionState state;
  state.peer = "127.0.0.1:53412";
  state.handle = 12;
  state.loop = "vigil/0";
  state.kernel.emplace();
  state.kernel->is_tcp = true;
  state.kernel->state = SocketQueues::State::open;
  state.kernel->peer_window = 65536;
  state.kernel->since_received = 12s;
  state.http.emplace();
  return state;
}

ConnectionState at(Stage stage) {
  ConnectionState state = idle();
  state.http->stage = stage;
  state.http->method = "GET";
  return state;
}

Dump::Task waiting(Opcode code) {
  Dump::Task task;
  task.state = TaskState::waiting;
  task.code = code;
  task.awaits.push_back(std::source_location::current());
  return task;
}

TEST(Explain, SaysThatNothingIsOnItsWay) {
  EXPECT_EQ(sentence_of(idle()), "Nothing is on its way: the connection is idle between requests.");
}

TEST(Explain, SaysThatThePeerDoesNotRead) {
  ConnectionState state = at(Stage::writing);
  state.kernel->unsent = 65536;
  state.kernel->peer_window = 0;
  EXPECT_EQ(sentence_of(state),
            "The peer does not read: 65536 bytes wait in the kernel's send queue, and the peer's "
            "window is closed.");
  state.kernel->in_flight = 100;  // sent again and again into the closed window
  state.kernel->tries = 5;
  state.http->unsent = 1000;
  state.http->collected = 1;
  EXPECT_EQ(sentence_of(state),
            "The peer does not read: 65636 bytes wait in the kernel's send queue, and 1001 bytes "
            "more wait in vigil, and the peer's window is closed.");
  state.kernel->in_flight = 0;
  state.kernel->peer_window = 1;
  state.http->unsent = state.http->collected = 0;
  EXPECT_EQ(sentence_of(state),
            "The peer does not read: 65536 bytes wait in the kernel's send queue, and the peer has "
            "room for 1 byte only.");
  state.kernel->peer_window = SocketQueues::kUnknown;
  EXPECT_EQ(sentence_of(state),
            "The peer does not read: 65536 bytes wait in the kernel's send queue.");
}

TEST(Explain, TellsAnAnswerOnItsWayFromAPeerThatIsGone) {
  ConnectionState state = at(Stage::writing);
  state.kernel->in_flight = 3000;
  state.kernel->unsent = 2000;
  EXPECT_EQ(sentence_of(state),
            "The answer is on its way: 3000 bytes are sent and not acknowledged, 2000 bytes wait "
            "in the kernel's send queue.");
  state.kernel->tries = 4;
  EXPECT_EQ(sentence_of(state),
            "The peer does not acknowledge: 3000 bytes were sent again 4 times; it or the network "
            "between is gone.");
}

TEST(Explain, SaysThatVigilWaitsForThePeer) {
  ConnectionState state = at(Stage::head);
  state.http->received = 37;
  EXPECT_EQ(sentence_of(state),
            "vigil waits for the peer: nothing came for 12 s, and a request's head is half here "
            "(37 bytes).");
  state.http->stage = Stage::body;
  state.http->body_read = 1;
  EXPECT_EQ(sentence_of(state),
            "vigil waits for the peer: nothing came for 12 s, and a request's body is not whole "
            "(1 byte came while it waited).");
  state.kernel->to_read = 5;
  EXPECT_EQ(sentence_of(state), "vigil is about to go on: 5 bytes of the request just came.");
  EXPECT_EQ(sentence_of(at(Stage::ending)),
            "All is said: vigil waits for the peer to end the connection.");
}

TEST(Explain, SaysWhatTheHandlerWaitsFor) {
  ConnectionState state = at(Stage::handler);
  EXPECT_EQ(sentence_of(state), "The handler of GET has the connection.");
  state.task = waiting(Opcode::stat);
  const std::string line = std::to_string(state.task->awaits[0].line());
  const std::string sentence =
      "The handler of GET has the connection: it waits for stat (explain_test.cpp:" + line + ").";
  EXPECT_EQ(sentence_of(state), sentence);
  state.kernel->to_read = 100;  // of requests after it
  EXPECT_EQ(sentence_of(state), sentence);
  state = at(Stage::writing);  // a file whose next bytes are not in memory
  state.task = waiting(Opcode::fetch);
  EXPECT_EQ(sentence_of(state).substr(0, 58),
            "The handler of GET has the connection: it waits for fetch ");
  state.task = waiting(Opcode::send_file);
  state.http->unsent = 7;
  EXPECT_EQ(sentence_of(state),
            "The answer is about to go out: 7 bytes wait in vigil, and the kernel has room.");
}

TEST(Explain, NamesALoopThatIsStuck) {
  ConnectionState state = idle();
  state.http.reset();
  state.kernel->to_read = 100;
  state.silent = {"vigil/0"};
  EXPECT_EQ(sentence_of(state), "vigil/0 did not answer: it has much to do, or is stuck.");
  state.stuck_for = 12s;
  EXPECT_EQ(sentence_of(state),
            "vigil/0 is stuck for 12 s: nothing of the connection moves before it goes on.");
  state.stuck_in = "site.cpp:97";
  EXPECT_EQ(sentence_of(state),
            "vigil/0 is stuck in site.cpp:97 for 12 s: nothing of the connection moves before it "
            "goes on.");
  state.loop.clear();
  EXPECT_EQ(sentence_of(state),
            "A shard that may have the connection, vigil/0, is stuck in site.cpp:97 for 12 s: "
            "nothing of the connection moves before it goes on.");
  state.stuck_for.reset();
  EXPECT_EQ(sentence_of(state),
            "A shard that may have the connection, vigil/0, did not answer: it has much to do, or "
            "is stuck.");
  state.silent.clear();
  EXPECT_EQ(sentence_of(state),
            "No shard serves the connection: it was handed over, or is just beginning or ending.");
  state.kernel.reset();
  EXPECT_EQ(sentence_of(state), "The connection is over: vigil is about to close it.");
}

TEST(Explain, IsJsonForProgramsWithTheSameSentence) {
  const ConnectionState state = idle();
  const auto seen = nlohmann::json::parse(as_json(state));
  EXPECT_EQ(seen["peer"], "127.0.0.1:53412");
  EXPECT_EQ(seen["kernel"]["peer_window_bytes"], 65536);
  EXPECT_EQ(seen["kernel"]["since_received_seconds"], 12.0);
  EXPECT_EQ(seen["http"]["stage"], "idle");
  EXPECT_TRUE(seen["task"].is_null());
  EXPECT_EQ(seen["sentence"], sentence_of(state));
  EXPECT_TRUE(as_text(state).ends_with(sentence_of(state) + "\n"));
  ConnectionState unknown;
  EXPECT_TRUE(nlohmann::json::parse(as_json(unknown))["kernel"].is_null());
}

TEST(Explain, KnowsAPeerByAddressOrByPort) {
  const Address peer = *Address::parse("127.0.0.1:53412");
  EXPECT_TRUE(peer_name("127.0.0.1:53412")->means(peer));
  EXPECT_TRUE(peer_name("53412")->means(peer));
  EXPECT_FALSE(peer_name("53413")->means(peer));
  EXPECT_FALSE(peer_name("127.0.0.2:53412")->means(peer));
  EXPECT_TRUE(peer_name("[::1]:80")->means(*Address::parse("[::1]:80")));
  for (const char* none : {"", "0", "-1", "65536", "4294967376", "53412 ", "127.0.0.1", "1.2.3.4:0",
                           "unix:/run/x", "a:1", "%", "\r\n"}) {
    EXPECT_FALSE(peer_name(none)) << none;
  }
}

}  // namespace
