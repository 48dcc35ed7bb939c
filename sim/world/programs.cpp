// How a program begins, as vigil::run does it, and how it ends, dies, or goes with its host.
#include <algorithm>

#include "vigil/runtime/run.hpp"
#include "world/core.hpp"

namespace vigil::sim {
namespace {

constexpr std::size_t kStandardHandles = 3;

// Whoever starts programs on a machine tries again when one finds no descriptor for its loop.
constexpr int kStarts = 100;

std::string held(const Ledger& ledger) {
  std::string text;
  const auto add = [&text](std::size_t count, std::string_view one, std::string_view many) {
    if (count != 0) {
      text.append(text.empty() ? "" : ", ").append(std::to_string(count)).append(" ");
      text.append(count == 1 ? one : many);
    }
  };
  add(ledger.descriptors, "descriptor", "descriptors");
  add(ledger.operations, "operation", "operations");
  add(ledger.frames, "task frame", "task frames");
  add(ledger.buffers, "buffer", "buffers");
  add(ledger.timers, "timer", "timers");
  return text;
}

std::string what_was_thrown(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "something that is no std::exception";
  }
}

std::map<std::string, std::string, std::less<>> variables(const std::vector<std::string>& list) {
  std::map<std::string, std::string, std::less<>> all;
  for (const std::string& one : list) {
    const std::size_t end = std::min(one.find('='), one.size());
    all.emplace(one.substr(0, end), one.substr(std::min(end + 1, one.size())));
  }
  return all;
}

Face face_of(Face asked, Random& random) noexcept {
  constexpr Face kFaces[] = {Face::readiness, Face::readiness, Face::level, Face::completion};
  return asked == Face::seed ? kFaces[random.below(4)] : asked;
}

}  // namespace

std::string WorldCore::full_name(const Program::State& program) const {
  return "\"" + program.name + "\" on host \"" + program.host.name + "\"";
}

Host::State& WorldCore::host(std::string name) {
  for (const auto& known : hosts_) {
    if (known->name == name) {
      return *known;
    }
  }
  const HostId id = weather_.add_host(name);
  trace_.add_host(name);
  Host::State& made =
      *hosts_.emplace_back(std::make_unique<Host::State>(*this, std::move(name), id));
  made.kernel = std::make_unique<Kernel>(made.name, id, clock_, weather_, network_, trace_);
  made.restart.host = &made;
  made.restart.fire = [](Alarm& alarm) noexcept {
    Host::State& self = *static_cast<Host::State::Restart&>(alarm).host;
    self.core.restart(self);
  };
  relink();
  return made;
}

Program::State& WorldCore::launch(Host::State& host, std::string name, bool always,
                                  Program::State::Start start) {
  Program::State& program = *host.programs.emplace_back(std::make_unique<Program::State>(
      *this, host, programs_++, std::move(name), always, std::move(start)));
  if (host.up) {
    begin(program);
    settle();
  }
  return program;
}

bool WorldCore::install(Host::State& host, std::string_view path, Bind with) {
  const auto load = [this, on = &host, bind = std::move(with)](
                        Process& process, const std::vector<std::string>& arguments) {
    Program::State& program = *on->programs.emplace_back(std::make_unique<Program::State>(
        *this, *on, programs_++, process.name(), false, bind(arguments)));
    begin_in(program, process);
  };
  return host.kernel->install(path, load).has_value();
}

void WorldCore::start_again(Program::State& program) {
  if (!program.running() && program.host.up) {
    begin(program);
    settle();
  }
}

void WorldCore::begin(Program::State& program) {
  begin_in(program, program.host.kernel->start_process(program.name));
}

void WorldCore::begin_in(Program::State& program, Process& process) {
  program.process = &process;
  program.process->owner = &program;
  program.process->killed = [](void* owner, int wait_status) noexcept {
    auto& self = *static_cast<Program::State*>(owner);
    if (!self.killed_by) {
      self.killed_by = wait_status;
      self.core.dying_.push_back(&self);
    }
  };
  program.returned = 0;
  program.failure = {};
  program.status.reset();
  ++program.starts;
  ++running_programs_;
  make_loop(program);
  if (program.loop) {
    runnable(*program.seat);
  } else {
    leave(program, 1 << 8);
  }
}

// The seat, the loop and the root task, which runs to its first wait.
void WorldCore::make_loop(Program::State& program) {
  Random random(seed_, "program " + std::to_string(program.index) + " start " +
                           std::to_string(program.starts));
  const Face face = face_of(options_.face, random);
  program.seat = std::make_unique<Seat>(*program.process, *this, random.next(),
                                        variables(program.process->environment));
  const bool nested = running_ != nullptr;
  if (!nested) {
    trace_.set_turn(program.host.id, program.index);
  }
  {
    const Seat::Turn turn(*program.seat);
    for (int tries = 0; !program.loop && tries != kStarts; ++tries) {
      program.loop = detail::make_loop(program.name, program.seat->options(face), program.returned);
    }
    if (program.loop) {
      program.returned = 0;  // what an earlier try said
      program.seat->set_loop(program.loop.get());
      program.root = std::make_unique<Scope>(nullptr);
      if (auto started = program.start(*program.root, &program.returned, &program.failure);
          !started) {
        program.failure = started.error();
      }
    } else {
      program.status = program.returned;
    }
  }
  if (!nested) {
    trace_.set_turn(Trace::kWorld, Trace::kNobody);
  }
}

// As vigil::run says it. Called in the program's turn.
bool WorldCore::over(Program::State& program) const noexcept {
  Loop& loop = *program.loop;
  return program.root->live() == 0 && loop.resolver().operations() == 0 && loop.next() != Instant{};
}

void WorldCore::end(Program::State& program) {
  const int status = farewell(program);
  program.status = status;
  leave(program, (status & 0xff) << 8);
}

// Lets go of scope and loop as vigil::run does; the exit status.
int WorldCore::farewell(Program::State& program) {
  const Seat::Turn turn(*program.seat);
  const std::exception_ptr thrown = ScopeAccess::take_failure(*program.root);
  program.root.reset();
  int status = program.returned;
  if (thrown) {
    status = detail::report_failure(*program.loop, program.name, thrown);
    fail(full_name(program) + " ended with an exception: " + what_was_thrown(thrown));
  } else if (program.failure) {
    status = detail::report_error(*program.loop, program.name, program.failure);
  }
  if (const Ledger ledger = program.loop->ledger(); !ledger.clean()) {
    fail(full_name(program) + " ended and left " + held(ledger) + ": let their owners end first");
    program.seat->abandon(nullptr);
  }
  program.loop.reset();
  if (const std::size_t open = program.process->open_handles(); open > kStandardHandles) {
    fail(full_name(program) + " ended and left " + std::to_string(open - kStandardHandles) +
         " descriptors open that no loop knows of");
  }
  return status;
}

// A signal took it: nothing of it runs any more, not even to say goodbye.
void WorldCore::die(Program::State& program, int wait_status) {
  destroy(program);
  leave(program, wait_status);
}

void WorldCore::destroy(Program::State& program) {
  if (program.loop) {
    program.seat->abandon(program.root.get());
    const Seat::Turn turn(*program.seat);
    program.root.reset();
    program.loop.reset();
  }
  program.status = -1;
}

void WorldCore::leave(Program::State& program, int wait_status) {
  Process& process = let_go(program);
  program.host.kernel->end_process(process, wait_status);
}

// The process stays without a program, and the seat goes.
Process& WorldCore::let_go(Program::State& program) {
  std::erase_if(ready_, [&program](const Ready& each) { return each.program == &program; });
  program.queued = false;
  program.killed_by.reset();
  --running_programs_;
  program.seat.reset();
  program.process->owner = nullptr;
  program.process->killed = nullptr;
  return *std::exchange(program.process, nullptr);
}

void WorldCore::crash(Host::State& host) {
  if (running_ != nullptr) {
    switches_.push_back({&host, true});
  } else {
    crash_now(host);
  }
}

void WorldCore::restart(Host::State& host) {
  if (running_ != nullptr) {
    switches_.push_back({&host, false});
  } else {
    restart_now(host);
  }
}

void WorldCore::crash_now(Host::State& host) {
  if (!host.up) {
    return;
  }
  host.up = false;
  relink();  // whatever the dying still say, nobody hears it
  for (const auto& program : host.programs) {
    if (program->running()) {
      destroy(*program);
      let_go(*program);
    }
  }
  host.kernel->crash();
}

void WorldCore::restart_now(Host::State& host) {
  if (host.up) {
    return;
  }
  trace_.note(host.id, "restart", 0, 0);
  clock_.stop(host.restart);
  host.up = true;
  relink();
  for (std::size_t i = 0; i != host.programs.size(); ++i) {
    if (Program::State& program = *host.programs[i]; program.always) {
      begin(program);
    }
  }
}

}  // namespace vigil::sim
