// The completion for bash, in a bash.
#include <gtest/gtest.h>

#include <cstdio>
#include <string>

namespace vigil::e2e {
namespace {

// What bash offers for the last of these words, in one line.
std::string offered(const std::string& words) {
  const std::string script =
      "source <(" VIGIL_BINARY_DIR "/bin/vigil --completion) && COMP_WORDS=(vigil " + words +
      ") && COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) && _vigil; " + "echo \"${COMPREPLY[*]}\"";
  std::FILE* pipe = ::popen(("bash -c '" + script + "' 2>&1").c_str(), "r");
  std::string text;
  char room[4096];
  while (const std::size_t count = std::fread(room, 1, sizeof room, pipe)) {
    text.append(room, count);
  }
  EXPECT_EQ(::pclose(pipe), 0) << text;
  return text;
}

TEST(Completion, offers_commands_options_and_values) {
  EXPECT_EQ(offered("se"), "serve\n");
  EXPECT_EQ(offered("c"), "check config\n");
  EXPECT_EQ(offered("serve --listi"), "--listing --listing-limit\n");
  EXPECT_EQ(offered("serve docs --log \"\""), "json common off\n");
  EXPECT_EQ(offered("serve --log = c"), "common\n");
  EXPECT_EQ(offered("serve --log ="), "json common off\n");
  EXPECT_EQ(offered("serve --drain \"\""), "\n");
  EXPECT_EQ(offered("serve --config " VIGIL_SOURCE_DIR "/share/vigil.to"),
            VIGIL_SOURCE_DIR "/share/vigil.toml\n");
  EXPECT_EQ(offered("check " VIGIL_SOURCE_DIR "/share/vigil.to"),
            VIGIL_SOURCE_DIR "/share/vigil.toml\n");
  EXPECT_EQ(offered("doctor --js"), "--json\n");
}

}  // namespace
}  // namespace vigil::e2e
