// The frame around a program's main task.
#include "vigil/runtime/run.hpp"

#include <string>

#include "vigil/loop/capabilities.hpp"
#include "vigil/runtime/explain.hpp"

namespace vigil::detail {

void turn_until_empty(Loop& loop, Scope& root) noexcept {
  // A resolve whose task gave up comes home when the network lets go of it, and then frees itself.
  while (root.live() != 0 || loop.resolver().operations() != 0) {
    loop.turn();
  }
  while (loop.next() == Instant{}) {
    loop.turn(Instant{});  // nobody is left to wait for
  }
}

int report_failure(Loop& loop, std::string_view name, const std::exception_ptr& failure) {
  const std::string ended = std::string(name) + ": ended with an exception";
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& e) {
    loop.host().log(ended + ": " + e.what());
  } catch (...) {
    loop.host().log(ended + " that is no std::exception.");
  }
  return 1;
}

int report_error(Loop& loop, std::string_view name, const std::error_code& failure) {
  loop.host().log(std::string(name) + ": ended with an error: " + reason(failure) + ".");
  return 1;
}

std::unique_ptr<Loop> make_loop(std::string_view name, LoopOptions options, int& status) {
  Host& host = options.host != nullptr ? *options.host : native_host();
  if (options.engine == "auto") {
    options.engine = host.environment("VIGIL_ENGINE").value_or("auto");
  }
  auto loop = Loop::create(options);
  const std::string program = std::string(name) + ": ";
  if (loop) {
    if (const std::string& others = (*loop)->passed_over(); !others.empty()) {
      host.log(program + "cannot use the engine " + others + ": going on with " +
               std::string((*loop)->engine().traits().name) + ".");
    }
    if (const auto taken = (*loop)->engine().traits().name; options.sqpoll && taken != "uring") {
      host.log(program + "sqpoll is for the engine uring, and has no effect on " +
               std::string(taken) + ".");
    }
    return std::move(*loop);
  }
  const std::error_code why = loop.error();
  if (why == std::errc::invalid_argument) {
    host.log(program + "there is no engine \"" + options.engine + "\". Choose one of: auto, " +
             engines() + ".");
    status = 2;
    return nullptr;
  }
  const std::size_t comma = options.engine.rfind(',');
  const std::string_view last = std::string_view(options.engine).substr(comma + 1);
  const std::string cannot = comma == std::string::npos
                                 ? "the engine \"" + options.engine + "\" cannot run here: "
                                 : "none of the engines \"" + options.engine + "\" can run here: ";
  // What the process or the machine is short of is short on every engine.
  const bool short_of_something = why == std::errc::too_many_files_open ||
                                  why == std::errc::too_many_files_open_in_system ||
                                  why == std::errc::not_enough_memory;
  host.log(program + cannot + why_not(last, why) +
           (short_of_something ? "." : ". Choose one of: auto, " + engines() + "."));
  status = 1;
  return nullptr;
}

void report_spin(Loop& loop, std::string_view name) {
  const SpinFigures& figures = loop.spin_figures();
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(figures.spent).count();
  const std::string thousandths = std::to_string(1000 + micros % 1000).substr(1);
  loop.host().log(std::string(name) + ": busy-polling took " + std::to_string(micros / 1000) + "." +
                  thousandths + " ms of a processor: something came " +
                  std::to_string(figures.met) + " times meanwhile, and " +
                  std::to_string(figures.in_vain) + " times the loop slept after all.");
}

void check_ledger(const Loop& loop) {
  check(loop.ledger().clean(),
        "a program ended while streams, operations, leases or timers were still held: let their "
        "owners end first");
}

}  // namespace vigil::detail
