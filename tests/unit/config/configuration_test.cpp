// What is in effect of defaults, file and command line, and what is wrong with a file.
#include "config/configuration.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <nlohmann/json.hpp>

#include "config/load.hpp"

namespace vigil::config {
namespace {

using namespace std::chrono_literals;

const cli::Command& serve() { return *cli::find_command("serve"); }

Reading read(std::string_view text, std::vector<std::string_view> flags = {},
             const cli::Command& command = serve()) {
  flags.insert(flags.begin(), "serve");
  const auto asked = cli::parse(flags);
  EXPECT_TRUE(asked.has_value()) << asked.error();
  return configure(command, "f", text, asked->given);
}
Configuration fine(std::string_view text, std::vector<std::string_view> flags = {}) {
  const Reading reading = read(text, std::move(flags));
  for (const Fault& fault : reading.faults) {
    ADD_FAILURE() << sentence_of("f", fault);
  }
  return reading.configuration;
}
// All faults, a line each.
std::string faults(std::string_view text) {
  std::string out;
  for (const Fault& fault : read(text).faults) {
    out += sentence_of("f", fault) + "\n";
  }
  return out;
}

TEST(Configuration, of_an_empty_file_is_that_of_no_file) {
  const Configuration with = fine("");
  const cli::Settings initial = cli::initial_settings(serve());
  EXPECT_EQ(with.program.values.idle_timeout, initial.idle_timeout);
  EXPECT_EQ(with.program.values.directory, ".");
  EXPECT_TRUE(with.sites.empty());
  EXPECT_TRUE(with.serves_others());
  ASSERT_EQ(with.listeners.size(), 1U);
  EXPECT_EQ(with.listeners[0].values.listen, initial.listen);
}

// Whatever is added to the table can be said in a file, in the words of the command line.
TEST(Configuration, has_a_key_for_every_option_that_takes_its_initial_value) {
  for (const cli::Option& row : serve().options) {
    if (row.keyed == cli::Keyed::nowhere || row.initial.empty()) {
      continue;
    }
    const std::string text(row.initial);
    const std::string line =
        cli::key_of(row.name) + " = " + toml_value(row, std::span(&text, 1)) + "\n";
    const Configuration configuration = fine(line);
    const Setting* setting = configuration.program.find(row.name);
    ASSERT_NE(setting, nullptr) << row.name;
    EXPECT_EQ(setting->from, From::file) << line;
    EXPECT_EQ(setting->texts, std::vector<std::string>{text}) << line;
  }
}

TEST(Configuration, takes_numbers_and_truths_where_they_are_natural) {
  const cli::Settings s =
      fine(
          "head_limit = 8192\nfields_limit = 7\nlisting = true\nprecompressed = \"off\"\n"
          "idle_timeout = \"1m\"\nconnections = 12\n")
          .program.values;
  EXPECT_EQ(s.head_limit, 8192U);
  EXPECT_EQ(s.fields_limit, 7U);
  EXPECT_TRUE(s.listing);
  EXPECT_FALSE(s.precompressed);
  EXPECT_EQ(s.idle_timeout, 60s);
  EXPECT_EQ(s.connections, 12U);
}

TEST(Configuration, of_the_command_line_goes_before_the_file_everywhere) {
  const Configuration all = fine(
      "drain = \"1s\"\nbusy_poll = 5\ndirectory = \"file\"\n"
      "[[site]]\nhost = \"a\"\ndirectory = \"own\"\nlisting = false\n"
      "[[listener]]\naddress = \"127.0.0.1:1\"\nbusy_poll = 6\n",
      {"--drain", "2s", "--listing", "--busy-poll", "7", "line"});
  EXPECT_EQ(all.program.values.drain, 2s);
  EXPECT_EQ(all.program.values.directory, "line");
  EXPECT_EQ(all.sites.at(0).values.directory, "own");
  EXPECT_TRUE(all.sites[0].values.listing);
  EXPECT_EQ(all.listeners.at(0).values.busy_poll, 7U);
  EXPECT_EQ(all.program.find("drain")->from, From::flag);
}

TEST(Configuration, of_a_site_or_listener_is_its_own_then_that_of_the_top) {
  const Configuration all = fine(
      "listing = true\nbusy_poll = 5\ncache_files = 3\n"
      "[[site]]\nhost = [\"A.example\", \"*.b.example.\"]\ndirectory = \"a\"\n"
      "[[site]]\nhost = \"c\"\ndirectory = \"c\"\nlisting = false\ncache_files = 4\n"
      "[[listener]]\naddress = \"127.0.0.1:1\"\n"
      "[[listener]]\naddress = \"unix:/x\"\nbusy_poll = 6\n");
  ASSERT_EQ(all.sites.size(), 2U);
  EXPECT_EQ(all.sites[0].values.hosts, (std::vector<std::string>{"a.example", "*.b.example"}));
  EXPECT_TRUE(all.sites[0].values.listing);
  EXPECT_EQ(all.sites[0].values.cache_files, 3U);
  EXPECT_FALSE(all.sites[1].values.listing);
  EXPECT_EQ(all.sites[1].values.cache_files, 4U);
  EXPECT_FALSE(all.serves_others());
  ASSERT_EQ(all.listeners.size(), 2U);
  EXPECT_EQ(all.listeners[0].values.busy_poll, 5U);
  EXPECT_EQ(all.listeners[1].values.busy_poll, 6U);
  EXPECT_TRUE(all.listeners[1].values.listen.at(0).is_unix());
}

TEST(Configuration, listens_where_it_is_told_and_nowhere_else) {
  constexpr std::string_view kTable = "[[listener]]\naddress = \"127.0.0.1:1\"\n";
  const auto places = [](const Configuration& all) {
    std::string out;
    for (const Part& listener : all.listeners) {
      out += cli::endpoint_text(listener.values.listen.at(0)) + " ";
    }
    return out;
  };
  EXPECT_EQ(places(fine("")), "127.0.0.1:8080 ");
  EXPECT_EQ(places(fine(kTable)), "127.0.0.1:1 ");
  EXPECT_EQ(places(fine("listen = 2\n" + std::string(kTable))), "127.0.0.1:1 127.0.0.1:2 ");
  EXPECT_EQ(places(fine("listen = [\"[::1]:3\", 4]")), "[::1]:3 127.0.0.1:4 ");
  EXPECT_EQ(places(fine("listen = 2\n" + std::string(kTable), {"--listen", "5"})), "127.0.0.1:5 ");
}

TEST(Faults, tell_place_nearest_key_and_what_was_expected) {
  EXPECT_EQ(faults("idle_timout = 3\n"),
            "f:1:1: unknown key idle_timout. Did you mean idle_timeout?\n");
  EXPECT_EQ(faults("\n  idle-timeout = \"3s\"\n"),
            "f:2:3: unknown key idle-timeout. Did you mean idle_timeout?\n");
  EXPECT_EQ(faults("frobnicate = 3\n"),
            "f:1:1: unknown key frobnicate. See vigil serve --help, or docs/configuration.md.\n");
  EXPECT_EQ(faults("idle_timeout = 3\n"),
            "f:1:16: idle_timeout 3 has no unit. Write a number and ns, us, ms, s, m, h or d, such "
            "as 30s.\n");
  EXPECT_EQ(faults("idle_timeout = true\n"),
            "f:1:16: idle_timeout has to be TIME, and not true or false. Write it as idle_timeout "
            "= \"60s\".\n");
  EXPECT_EQ(faults("listing = 1\n"),
            "f:1:11: listing has to be true or false, and not a number. Write listing = true.\n");
  EXPECT_EQ(faults("listen = [\"127.0.0.1:1\", \"x:2\", 1.5]\n").substr(0, 48),
            "f:1:26: listen x:2 has no numeric address. Names");
  EXPECT_EQ(faults("listen = []\n"),
            "f:1:10: listen is an empty list. Leave it out, or name some.\n");
  EXPECT_EQ(faults("a = [\n").substr(0, 29), "f:1:7: this is no TOML: Error");
  EXPECT_EQ(faults("drain = \"1s\"\ndrain = \"2s\"\n").substr(0, 7), "f:2:9: ");
}

TEST(Faults, tell_where_a_key_that_is_misplaced_belongs) {
  EXPECT_EQ(faults("host = \"a\"\n"), "f:1:1: host stands in [[site]]: move it there.\n");
  EXPECT_EQ(faults("address = \"a\"\n"), "f:1:1: address stands in [[listener]]: move it there.\n");
  const std::string site = "[[site]]\nhost = \"a\"\ndirectory = \"b\"\n";
  EXPECT_EQ(faults(site + "drain = \"1s\"\n"),
            "f:4:1: drain holds for all: move it to the top, above the first [[site]] or "
            "[[listener]].\n");
  EXPECT_EQ(faults("[site]\nhost = \"a\"\n"),
            "f:1:2: there can be several: write [[site]], with two brackets.\n");
  EXPECT_EQ(faults("[limits]\nhead = 3\n"),
            "f:1:2: there is no table [limits]: the keys of all limits stand at the top; tables "
            "are [[site]] and [[listener]].\n");
}

TEST(Faults, tell_of_sites_and_listeners_that_cannot_be) {
  EXPECT_EQ(faults("[[site]]\n[[listener]]\n"),
            "f:1:1: this [[site]] has no host. Write host = \"example.org\".\n"
            "f:1:1: this [[site]] has no directory. Write directory = \"/srv/www\".\n"
            "f:2:1: this [[listener]] has no address. Write address = \"127.0.0.1:8080\".\n");
  EXPECT_EQ(faults("[[site]]\nhost = \"A.x\"\ndirectory = \"b\"\n"
                   "[[site]]\nhost = \"a.x.\"\ndirectory = \"c\"\n"),
            "f:5:1: host a.x is named twice: in line 2 already. Keep one of them.\n");
  EXPECT_EQ(faults("[[site]]\nhost = \"a:80\"\ndirectory = \"b\"\n"),
            "f:2:8: host a:80 has a port. Sites are told apart by their names alone: leave it "
            "out.\n");
  EXPECT_EQ(faults("listen = 5\n[[listener]]\naddress = \"127.0.0.1:5\"\n"),
            "f:1:1: listen 127.0.0.1:5 is named twice. Keep one of them.\n");
}

TEST(Faults, come_all_at_once_in_the_order_of_the_file) {
  const std::string all = faults("x = 1\ndrain = 5\n[[site]]\ny = 2\n");
  EXPECT_EQ(std::ranges::count(all, '\n'), 5);
  EXPECT_LT(all.find("f:1:1"), all.find("f:2:9"));
  EXPECT_LT(all.find("f:2:9"), all.find("f:3:1"));
  EXPECT_LT(all.find("f:3:1"), all.find("f:4:1"));
}

constexpr std::array<cli::Former, 2> kFormers{{
    {"rest-timeout", "idle-timeout", "TIME", "0.3.0"},
    {"turbo", "", "on|off", "0.3.0"},
}};

TEST(Former, names_are_accepted_with_a_warning) {
  cli::Command command = serve();
  command.formers = kFormers;
  const Reading reading = read("turbo = true\nrest_timeout = \"5s\"\n", {}, command);
  EXPECT_TRUE(reading.faults.empty());
  ASSERT_EQ(reading.warnings.size(), 2U);
  EXPECT_EQ(sentence_of("f", reading.warnings[0]),
            "f:1:1: turbo has no effect any more. Take it out: 0.3.0 will not know the old name.");
  EXPECT_EQ(sentence_of("f", reading.warnings[1]),
            "f:2:1: rest_timeout is called idle_timeout now: 0.3.0 will not know the old name.");
  EXPECT_EQ(reading.configuration.program.values.idle_timeout, 5s);
  // Twice is once too often.
  EXPECT_EQ(read("rest_timeout = \"5s\"\nidle_timeout = \"6s\"\n", {}, command).faults.size(), 1U);
}

TEST(Printed, configuration_says_the_same_when_it_is_read_again) {
  const std::string_view text =
      "drain = \"3s\"\ndirectory = \"a \\\"b\\\" \\u0007\"\nlisting = true\nlisten = \"unix:/x\"\n"
      "[[site]]\nhost = [\"a\", \"*.b\"]\ndirectory = \"/c\"\nlisting = false\n"
      "[[listener]]\naddress = \"127.0.0.1:1\"\nbusy_poll = 3\n";
  const Configuration first = fine(text);
  const std::string printed = as_toml(first);
  EXPECT_NE(printed.find("drain = \"3s\""), std::string::npos) << printed;
  EXPECT_NE(printed.find("# f:1:1\n"), std::string::npos) << printed;
  const Configuration second = fine(printed);
  for (const Setting& setting : first.program.settings) {
    EXPECT_EQ(second.program.find(setting.row->name)->texts, setting.texts) << setting.row->name;
  }
  ASSERT_EQ(second.sites.size(), 1U);
  EXPECT_EQ(second.sites[0].values.hosts, first.sites[0].values.hosts);
  EXPECT_FALSE(second.sites[0].values.listing);
  ASSERT_EQ(second.listeners.size(), 2U);
  EXPECT_EQ(second.listeners[0].values.busy_poll, 3U);
  // Who is served nothing before is served nothing after.
  const Configuration named = fine("[[site]]\nhost = \"a\"\ndirectory = \"/c\"\n");
  EXPECT_FALSE(fine(as_toml(named)).serves_others()) << as_toml(named);
}

TEST(Printed, json_has_every_value_with_its_origin) {
  const auto json = nlohmann::json::parse(
      as_json(fine("drain = \"3s\"\n[[site]]\nhost = \"a\"\ndirectory = \"/c\"\n", {"--listing"})));
  EXPECT_EQ(json["drain"]["value"], "3s");
  EXPECT_EQ(json["drain"]["from"], "f:1:1");
  EXPECT_EQ(json["listing"]["value"], true);
  EXPECT_EQ(json["listing"]["from"], "command line");
  EXPECT_EQ(json["user"]["value"], nullptr);
  EXPECT_EQ(json["site"][0]["host"]["value"][0], "a");
  EXPECT_EQ(json["site"][0]["listing"]["from"], "command line");
}

// The example as it is installed, with every key in it; uncommented, it is the default.
TEST(Example, is_that_of_the_table_and_has_every_key_at_its_default) {
  const std::string text = example(serve());
  EXPECT_EQ(fine(text).program.settings.size(), fine("").program.settings.size());
  std::string bare;
  std::size_t keys = 0;
  for (std::size_t at = 0; at < text.find("#### Sites");) {
    const std::size_t end = text.find('\n', at);
    const std::string line = text.substr(at, end - at);
    if (line.starts_with("# ") && line.find(" = ") != std::string::npos &&
        !line.starts_with("# user")) {
      bare += line.substr(2) + "\n";
      ++keys;
    }
    at = end + 1;
  }
  const Configuration given = fine(bare);
  const Configuration initial = fine("");
  for (const Setting& setting : initial.program.settings) {
    EXPECT_NE(text.find("# " + cli::key_of(setting.row->name) + " = "), std::string::npos)
        << setting.row->name;
    EXPECT_EQ(given.program.find(setting.row->name)->texts, setting.texts) << setting.row->name;
  }
  EXPECT_EQ(keys + 1, initial.program.settings.size());
}

std::string_view where_of(cli::Keyed keyed) {
  switch (keyed) {
    case cli::Keyed::program:
      return "top";
    case cli::Keyed::site:
    case cli::Keyed::each_site:
      return "top, `[[site]]`";
    case cli::Keyed::site_only:
      return "`[[site]]`";
    case cli::Keyed::listener:
      return "top, `[[listener]]`";
    case cli::Keyed::listener_only:
      return "`[[listener]]`";
    case cli::Keyed::nowhere:
      break;
  }
  return {};
}

TEST(Documentation, has_a_row_for_each_key_as_the_table_has_it) {
  std::ifstream in(VIGIL_SOURCE_DIR "/docs/configuration.md");
  std::vector<std::string> rows;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("| `") && line.find(" | ") != std::string::npos &&
        (line.ends_with("SIGHUP |") || line.ends_with("restart |"))) {
      rows.push_back(line);
    }
  }
  std::vector<std::string> wanted;
  for (const std::span<const cli::Option> table : {serve().keys, serve().options}) {
    for (const cli::Option& row : table) {
      if (row.keyed != cli::Keyed::nowhere) {
        const std::string text(row.initial);
        wanted.push_back(
            "| `" + cli::key_of(row.name) + "` | " +
            (text.empty() ? "none" : "`" + toml_value(row, std::span(&text, 1)) + "`") + " | " +
            std::string(where_of(row.keyed)) + " | " + (row.fixed ? "restart" : "SIGHUP") + " |");
      }
    }
  }
  EXPECT_EQ(rows, wanted);
}

}  // namespace
}  // namespace vigil::config
