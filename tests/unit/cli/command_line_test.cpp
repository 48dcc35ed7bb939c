// The command line, its help and manual, and the sentences for what the system refuses.
#include <gtest/gtest.h>

#include <array>
#include <set>

#include "cli/help.hpp"
#include "cli/parse.hpp"

namespace vigil::cli {
namespace {

using namespace std::chrono_literals;

auto read(std::initializer_list<std::string_view> words) {
  return parse(std::span(words.begin(), words.size()));
}
std::string fault(std::initializer_list<std::string_view> words) {
  const auto result = read(words);
  return result ? "no fault" : result.error();
}
const Command& serve() { return *find_command("serve"); }

TEST(Table, has_initial_values_that_can_be_stored) {
  for (const Option& option : serve().options) {
    Settings settings;
    EXPECT_FALSE(option.store(settings, option.initial).has_value()) << option.name;
  }
}

TEST(Table, names_each_option_and_key_once_and_keeps_groups_together) {
  std::set<std::string_view> names;
  std::set<std::string> keys;
  std::set<std::string_view> groups;
  std::string_view group;
  for (const Option& key : serve().keys) {
    EXPECT_TRUE(keys.insert(key_of(key.name)).second) << key.name;
  }
  for (const Option& option : serve().options) {
    EXPECT_TRUE(names.insert(option.name).second) << option.name;
    EXPECT_TRUE(keys.insert(key_of(option.name)).second) << option.name;
    EXPECT_FALSE(option.help.empty() || option.help.ends_with('.')) << option.name;
    if (option.group != group) {
      EXPECT_TRUE(groups.insert(option.group).second) << option.group;
      group = option.group;
    }
  }
}

TEST(CommandLine, starts_from_the_documented_limits) {
  const auto run = read({"serve"});
  ASSERT_TRUE(run.has_value());
  EXPECT_EQ(run->task, Task::run);
  const Settings& s = run->settings;
  EXPECT_EQ(s.directory, ".");
  EXPECT_EQ(s.listen, std::vector<Endpoint>({{"127.0.0.1", 8080, {}}}));
  EXPECT_FALSE(s.listing);
  EXPECT_EQ(s.head_limit, 32768U);
  EXPECT_EQ(s.fields_limit, 100U);
  EXPECT_EQ(s.head_timeout, 10s);
  EXPECT_EQ(s.idle_timeout, 60s);
  EXPECT_EQ(s.min_rate, 500U);
  EXPECT_EQ(s.min_rate_after, 10s);
  EXPECT_EQ(s.write_timeout, 30s);
  EXPECT_EQ(s.body_limit, 1U << 20);
  EXPECT_EQ(s.connections, 0U);
  EXPECT_EQ(s.memory_limit, 0U);
  EXPECT_EQ(s.drain, 30s);
  EXPECT_EQ(s.log, LogFormat::json);
  EXPECT_EQ(s.log_file, "-");
}

TEST(CommandLine, takes_values_after_a_space_or_an_equals_sign_and_the_operand_anywhere) {
  for (const auto& run :
       {read({"serve", "docs", "--listing", "--drain", "5s", "--listen=[::1]:81"}),
        read({"serve", "--listing", "--drain=5s", "--listen", "[::1]:81", "docs"}),
        read({"serve", "--drain=5s", "--listen", "[::1]:81", "--listing=on", "--", "docs"})}) {
    ASSERT_TRUE(run.has_value()) << run.error();
    EXPECT_EQ(run->settings.directory, "docs");
    EXPECT_TRUE(run->settings.listing);
    EXPECT_EQ(run->settings.drain, 5s);
    EXPECT_EQ(run->settings.listen, std::vector<Endpoint>({{"::1", 81, {}}}));
  }
  EXPECT_EQ(read({"serve", "--", "--listing"})->settings.directory, "--listing");
  EXPECT_EQ(read({"serve", "--log-file", "-"})->settings.log_file, "-");
}

TEST(CommandLine, takes_a_limit_of_memory_or_none_or_that_of_the_machine) {
  EXPECT_EQ(read({"serve", "--memory-limit", "64M"})->settings.memory_limit, 64U << 20);
  EXPECT_EQ(read({"serve", "--memory-limit=off"})->settings.memory_limit, kNoMemoryLimit);
  EXPECT_EQ(read({"serve", "--memory-limit=auto"})->settings.memory_limit, 0U);
  EXPECT_TRUE(fault({"serve", "--memory-limit", "15M"})
                  .starts_with("vigil serve: --memory-limit 15M is out of range."));
  EXPECT_TRUE(fault({"serve", "--memory-limit", "much"})
                  .starts_with("vigil serve: --memory-limit much is not a size."));
}

TEST(CommandLine, listens_on_every_place_named_and_on_the_initial_one_only_if_none_is) {
  EXPECT_EQ(read({"serve", "--listen", "127.0.0.1:1", "--listen", "unix:/a", "--listen=2"})
                ->settings.listen,
            std::vector<Endpoint>({{"127.0.0.1", 1, {}}, {{}, 0, "/a"}, {"127.0.0.1", 2, {}}}));
}

TEST(CommandLine, answers_wrong_use_with_one_sentence_and_the_nearest_name) {
  EXPECT_EQ(fault({}), "vigil: no command. Try vigil serve, or see vigil --help.");
  EXPECT_EQ(fault({"srve"}), "vigil: unknown command srve. Did you mean vigil serve?");
  EXPECT_EQ(fault({"frobnicate"}), "vigil: unknown command frobnicate. See vigil --help.");
  EXPECT_EQ(fault({"--verison"}), "vigil: unknown option --verison. See vigil --help.");
  EXPECT_EQ(fault({"serve", "--lisen", "x"}),
            "vigil serve: unknown option --lisen. Did you mean --listen?");
  EXPECT_EQ(fault({"serve", "--lsiting"}),
            "vigil serve: unknown option --lsiting. Did you mean --listing?");
  EXPECT_EQ(fault({"serve", "--lgo"}), "vigil serve: unknown option --lgo. Did you mean --log?");
  EXPECT_EQ(fault({"serve", "-listing"}),
            "vigil serve: unknown option -listing. Did you mean --listing?");
  EXPECT_EQ(fault({"serve", "--head=3"}),
            "vigil serve: unknown option --head. Did you mean --head-limit?");
  EXPECT_EQ(fault({"serve", "--frobnicate"}),
            "vigil serve: unknown option --frobnicate. See vigil serve --help.");
  EXPECT_EQ(fault({"serve", "-x"}), "vigil serve: unknown option -x. See vigil serve --help.");
  EXPECT_EQ(fault({"serve", "--drain"}), "vigil serve: --drain needs a value. Write --drain TIME.");
  EXPECT_EQ(fault({"serve", "--drain", "5"}),
            "vigil serve: --drain 5 has no unit. Write a number and ns, us, ms, s, m, h or d, such "
            "as 30s.");
  EXPECT_EQ(fault({"serve", "--log", "xml"}),
            "vigil serve: --log xml is not a log format. Choose json, common or off.");
  EXPECT_EQ(
      fault({"serve", "--listen="}),
      "vigil serve: --listen '' is empty. Write ADDR:PORT, such as 127.0.0.1:8080, or unix:PATH.");
  EXPECT_EQ(fault({"serve", "--drain=1s", "--drain=2s"}),
            "vigil serve: --drain is given twice. Keep one of them.");
  EXPECT_EQ(fault({"serve", "a", "b"}),
            "vigil serve: unexpected argument 'b'. Usage: vigil serve [OPTION...] [DIR].");
  EXPECT_EQ(fault({"serve", ""}), "vigil serve: DIR is empty. Name a path.");
  EXPECT_EQ(fault({"serve", "--a\x1b[31m\n"}),
            "vigil serve: unknown option --a?[31m?. See vigil serve --help.");
}

constexpr std::array<Former, 2> kFormers{{
    {"rest-timeout", "idle-timeout", "TIME", "0.3.0"},
    {"turbo", "", "LEVEL", "0.3.0"},
}};

TEST(CommandLine, takes_former_names_with_a_warning) {
  Command command = serve();
  command.formers = kFormers;
  const std::array<std::string_view, 5> words{"--turbo", "9", "--rest-timeout=5s", "--turbo=1",
                                              "docs"};
  const auto run = parse_command(command, words);
  ASSERT_TRUE(run.has_value()) << run.error();
  EXPECT_EQ(run->settings.idle_timeout, 5s);
  EXPECT_EQ(run->settings.directory, "docs");
  ASSERT_EQ(run->warnings.size(), 3U);
  EXPECT_EQ(run->warnings[0],
            "vigil serve: --turbo has no effect any more. Take it out: 0.3.0 will not know the old "
            "name.");
  EXPECT_EQ(run->warnings[1],
            "vigil serve: --rest-timeout is called --idle-timeout now: 0.3.0 will not know the old "
            "name.");
}

TEST(CommandLine, remembers_what_it_said) {
  const auto run = read({"serve", "docs", "--listing", "--listen", "1", "--listen=2"});
  std::string said;
  for (const Given& given : run->given) {
    said += std::string(given.option->name) + "=" + given.text + " ";
  }
  EXPECT_EQ(said, "directory=docs listing= listen=1 listen=2 ");
}

TEST(CommandLine, leads_to_help_manual_and_version) {
  EXPECT_EQ(read({"--help"})->task, Task::help);
  EXPECT_EQ(read({"-h"})->command, nullptr);
  EXPECT_EQ(read({"help"})->task, Task::help);
  EXPECT_EQ(read({"help", "serve"})->command, &serve());
  EXPECT_EQ(read({"serve", "--drain", "1s", "--help"})->task, Task::help);
  EXPECT_EQ(read({"serve", "--manual"})->task, Task::manual);
  EXPECT_EQ(read({"--manual"})->task, Task::manual);
  EXPECT_EQ(read({"--version"})->task, Task::version);
}

TEST(Help, shows_every_option_with_its_default_and_what_it_answers) {
  const std::string text = help(&serve(), {});
  for (const Option& option : serve().options) {
    EXPECT_NE(text.find("--" + std::string(option.name)), std::string::npos) << option.name;
    EXPECT_NE(text.find("default " + std::string(option.initial)), std::string::npos)
        << option.name;
  }
  for (const std::string_view status : {"431", "408", "413", "503"}) {
    EXPECT_NE(text.find(status), std::string::npos) << status;
  }
}

TEST(Help, keeps_to_the_columns_and_colours_only_when_asked) {
  for (const std::size_t columns : {60U, 80U, 132U}) {
    const std::string text = help(&serve(), {columns, false});
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
    std::size_t begin = 0;
    while (begin < text.size()) {
      const std::size_t end = text.find('\n', begin);
      const std::string line = text.substr(begin, end - begin);
      EXPECT_TRUE(line.size() <= columns || line.starts_with("  vigil serve ") ||
                  line.starts_with("      "))
          << line;
      EXPECT_FALSE(line.ends_with(' ')) << line;
      begin = end + 1;
    }
  }
  EXPECT_NE(help(&serve(), {80, true}).find("\x1b[1m"), std::string::npos);
}

TEST(Manual, has_every_option_and_no_line_that_troff_takes_for_a_request_by_accident) {
  const std::string text = manual(&serve());
  for (const Option& option : serve().options) {
    std::string name = "\\-\\-";
    for (const char c : option.name) {
      name += c == '-' ? "\\-" : std::string(1, c);
    }
    EXPECT_NE(text.find(name), std::string::npos) << option.name;
  }
  EXPECT_NE(text.find(".SH EXIT STATUS"), std::string::npos);
  EXPECT_EQ(text.find("\n'"), std::string::npos);
  EXPECT_NE(manual(nullptr).find("vigil\\-serve"), std::string::npos);
}

TEST(Version, names_commit_compiler_and_engines) {
  EXPECT_EQ(version("0.1.0", "abc", "Clang 19", "epoll, poll"),
            "vigil 0.1.0\ncommit   abc\ncompiler Clang 19\nengines  epoll, poll\n");
}

TEST(Sentences, say_what_failed_why_and_what_to_do) {
  const auto code = [](std::errc e) { return std::make_error_code(e); };
  EXPECT_EQ(cannot_serve("nowhere", code(std::errc::no_such_file_or_directory)),
            "vigil serve: cannot serve nowhere: no such file or directory. Name a directory that "
            "exists.");
  EXPECT_EQ(cannot_log("/x/log", code(std::errc::permission_denied)),
            "vigil serve: cannot write the log to /x/log: permission denied. Choose another "
            "--log-file, or --log off.");
  EXPECT_EQ(too_few_descriptors(20, 64),
            "vigil serve: this process may open 20 descriptors and needs 64. Raise the limit "
            "(ulimit -n 64), or "
            "lower --connections or --cache-files.");
}

}  // namespace
}  // namespace vigil::cli
