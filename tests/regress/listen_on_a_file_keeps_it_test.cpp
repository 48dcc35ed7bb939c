// Semantics N2.3. Cause: a local path that refuses connections was taken for one whose listener is
// gone, and removed. A regular file refuses them too (unix(7)), so that listening on its path
// deleted it.
#include <gtest/gtest.h>

#include <string>

#include "tests/support/engine_fixture.hpp"
#include "tests/support/temporary_directory.hpp"
#include "vigil/net/tcp.hpp"

namespace vigil::test {
namespace {

class ListenOnAFile : public EngineTest {};
INSTANTIATE_ON_EVERY_ENGINE(ListenOnAFile);

Task<> listens_on(std::string path) {
  const Result<Address> at = Address::local(path);
  CO_ASSERT_OK(at);
  const auto listener = TcpListener::listen(*at);
  CO_ASSERT_TRUE(!listener);
  EXPECT_EQ(listener.error(), std::errc::address_in_use);
}

TEST_P(ListenOnAFile, IsRefusedAndTheFileStays) {
  const TemporaryDirectory place;
  place.write("precious", "contents");
  run(&listens_on, place / "precious");
  EXPECT_EQ(place.read("precious"), "contents");
}

TEST_P(ListenOnAFile, ThroughALinkIsRefusedAndBothStay) {
  const TemporaryDirectory place;
  place.write("precious", "contents");
  place.link("link", "precious");
  run(&listens_on, place / "link");
  EXPECT_EQ(place.read("link"), "contents");
}

}  // namespace
}  // namespace vigil::test
