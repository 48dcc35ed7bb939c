// The command line that the examples share: [OPTIONS] [--engine NAME] PORT. --help ends the program
// with 0, a wrong use with 2 and one sentence.
#pragma once

#include <sys/resource.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "vigil/runtime/serve.hpp"

namespace example {

// One option: a bool is set by its name alone, the others take the next word.
struct Option {
  std::string_view name;
  std::string_view value;  // how --help calls it
  std::variant<bool*, std::uint64_t*, std::string*> into;
  std::string_view help;
};

struct CommandLine {
  std::string address = "127.0.0.1:0";
  std::uint16_t port = 0;
  vigil::ProgramOptions program;
};

namespace detail {

inline int width(std::string_view text) { return static_cast<int>(text.size()); }

[[noreturn]] inline void wrong_use(const std::string& name, std::string_view sentence) {
  std::fprintf(stderr, "%s: %.*s. See %s --help.\n", name.c_str(), width(sentence), sentence.data(),
               name.c_str());
  std::exit(2);
}

template <class Number>
bool read_number(std::string_view text, Number& into) {
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, into);
  return read.ec == std::errc{} && read.ptr == end;
}

inline void help(const std::string& name, std::string_view what, std::span<const Option> options) {
  std::printf("usage: %s [OPTIONS] [PORT]\n%.*s\n\n", name.c_str(), width(what), what.data());
  for (const Option& option : options) {
    const std::string left = std::string(option.name) + " " + std::string(option.value);
    std::printf("  %-16s %.*s\n", left.c_str(), width(option.help), option.help.data());
  }
  std::printf(
      "  --engine NAME    %s, or auto (default: $VIGIL_ENGINE, else the best one here);\n"
      "                   of several, separated by commas, the first that can run here\n"
      "  --spin MICROS    busy-poll so long before sleeping; adaptive gives up when nothing comes\n"
      "                   (default 0: off); what it cost is said at the end\n"
      "  --busy-poll MICROS  SO_BUSY_POLL of the listener (default 0: as the system is set)\n"
      "  --sqpoll         with --engine uring: a thread of the kernel takes up submissions\n"
      "  --help           prints this\n"
      "  PORT             listen on 127.0.0.1:PORT (default 0: any that is free)\n\n"
      "SIGTERM or SIGINT ends it when all is answered, a second one at once.\n"
      "Exit status: 0 ended as asked, 1 failed, 2 wrong use.\n",
      vigil::engines().c_str());
}

inline vigil::Spin read_spin(const std::string& name, const std::string& text) {
  std::uint64_t micros = 0;
  if (text == "adaptive") {
    return vigil::kAdaptiveSpin;
  }
  if (!read_number(std::string_view(text), micros) || micros > 1'000'000) {
    wrong_use(name,
              "--spin takes microseconds (1000000 at most), 0 or adaptive, not \"" + text + "\"");
  }
  return {.most = std::chrono::microseconds(micros), .adaptive = false};
}

inline void apply(const std::string& name, const Option& option, int argc, char** argv, int& i) {
  if (bool* const* flag = std::get_if<bool*>(&option.into)) {
    **flag = true;
    return;
  }
  if (++i == argc) {
    wrong_use(name, std::string(option.name) + " needs a value");
  }
  if (std::string* const* text = std::get_if<std::string*>(&option.into)) {
    **text = argv[i];
  } else if (!read_number(argv[i], *std::get<std::uint64_t*>(option.into))) {
    wrong_use(name, std::string(option.name) + " takes a number, not \"" + argv[i] + "\"");
  }
}

}  // namespace detail

// Reads the words of main; `options` are the program's own.
inline CommandLine parse(int argc, char** argv, const std::string& name, std::string_view what,
                         std::span<const Option> options) {
  CommandLine line;
  line.program.name = name;
  line.program.announce = true;
  std::string spin = "0";
  std::uint64_t busy_poll = 0;
  const Option shared[] = {{"--engine", "NAME", &line.program.loop.engine, ""},
                           {"--spin", "MICROSECONDS", &spin, ""},
                           {"--busy-poll", "MICROSECONDS", &busy_poll, ""},
                           {"--sqpoll", "", &line.program.loop.sqpoll, ""}};
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--help") {
      detail::help(name, what, options);
      std::exit(0);
    }
    const Option* found = nullptr;
    for (const Option& option : shared) {
      found = word == option.name ? &option : found;
    }
    for (const Option& option : options) {
      found = word == option.name ? &option : found;
    }
    if (found != nullptr) {
      detail::apply(name, *found, argc, argv, i);
    } else if (!detail::read_number(word, line.port)) {
      detail::wrong_use(name, "\"" + std::string(word) + "\" is neither an option nor a port");
    }
  }
  line.program.loop.spin = detail::read_spin(name, spin);
  line.program.listen.busy_poll = std::chrono::microseconds(busy_poll);
  line.address = "127.0.0.1:" + std::to_string(line.port);
  return line;
}

inline CommandLine parse(int argc, char** argv, const std::string& name, std::string_view what,
                         std::initializer_list<Option> options = {}) {
  return parse(argc, argv, name, what, std::span(options.begin(), options.size()));
}

// For examples whose connections share nothing: a loop for each processor.
class ShardOptions {
 public:
  std::span<const Option> options() const { return options_; }
  void apply(CommandLine& line) const {
    const auto strategy = vigil::accept_strategy(accept_);
    if (!strategy) {
      detail::wrong_use(line.program.name,
                        "--accept takes reuseport, reuseport-cpu, exclusive or "
                        "handoff, not \"" +
                            accept_ + "\"");
    }
    if (shards_ > 1000) {
      detail::wrong_use(line.program.name, "--shards takes 1000 at most");
    }
    line.program.shards = static_cast<unsigned>(shards_);
    line.program.pin = pin_;
    line.program.accept = *strategy;
  }

 private:
  std::uint64_t shards_ = 1;
  std::string accept_ = "reuseport";
  bool pin_ = false;
  std::array<Option, 3> options_{
      Option{"--shards", "N", &shards_, "loops (default 1; 0: one for each processor)"},
      Option{"--accept", "NAME", &accept_,
             "who gets a connection: reuseport, reuseport-cpu, exclusive or handoff"},
      Option{"--pin", "", &pin_, "each loop stays on a processor of its own"}};
};

// A connection is a descriptor: takes as many as the system grants.
inline void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
}

}  // namespace example
