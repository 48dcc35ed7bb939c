// The public face: worlds, hosts and programs as a test sees them.
#include "vigil/sim/world.hpp"

#include "kernel/file_system.hpp"
#include "vigil/base/check.hpp"
#include "world/core.hpp"

namespace vigil::sim {
namespace {

thread_local World* current = nullptr;

// A path that was wrongly given by the test itself.
void must(const Result<>& result, const char* sentence) { check(result.has_value(), sentence); }

}  // namespace

World* this_world() noexcept { return current; }

World::World(std::uint64_t seed, WorldOptions options) {
  check(current == nullptr, "a second world was made on a thread: let the first end before");
  current = this;
  core_ = std::make_unique<WorldCore>(*this, seed, std::move(options));
}

World::~World() {
  core_.reset();
  current = nullptr;
}

std::uint64_t World::seed() const noexcept { return core_->seed(); }

Host World::host(std::string name) { return WorldCore::handle(core_->host(std::move(name))); }

bool World::run_until(const std::function<bool()>& done, Nanos at_most) {
  const Instant limit = after(core_->clock().now(), at_most);
  while (!core_->failure()) {
    if (done()) {
      return true;
    }
    const auto moved = core_->step(limit, false);
    if (moved == WorldCore::Moved::yes) {
      continue;
    }
    if (moved == WorldCore::Moved::later) {
      core_->jump(limit);
    }
    return false;
  }
  return false;
}

void World::run_for(Nanos span) {
  const Instant limit = after(core_->clock().now(), span);
  while (!core_->failure() && core_->step(limit, true) == WorldCore::Moved::yes) {
  }
  if (!core_->failure()) {
    core_->jump(limit);
  }
}

bool World::run_to_end(Nanos at_most) {
  const auto ended = [this] { return core_->running_programs() == 0; };
  return run_until(ended, at_most);
}

Nanos World::now() const noexcept { return core_->now(); }

void World::partition(std::initializer_list<Host> one, std::initializer_list<Host> other) {
  WorldCore::Sides sides(core_->hosts().size());
  for (const Host& host : one) {
    sides[WorldCore::state(host).id] = 1;
  }
  for (const Host& host : other) {
    std::uint8_t& side = sides[WorldCore::state(host).id];
    check(side == 0, "a host was put on both sides of a partition: name it on one");
    side = 2;
  }
  core_->partition(std::move(sides));
}

void World::heal() { core_->heal(); }

void World::set_latency(Host from, Host to, Nanos one_way) {
  core_->set_latency(WorldCore::state(from).id, WorldCore::state(to).id, one_way);
}

void World::set_faults(const Faults& faults) { core_->set_faults(faults); }

void World::fail(std::string what) {
  if (core_ != nullptr) {  // while it is taken down, tasks' destructors may still complain
    core_->fail(std::move(what));
  }
}

const std::optional<Failure>& World::failure() const noexcept { return core_->failure(); }

std::uint64_t World::trace_hash() const noexcept { return core_->trace().hash(); }

std::uint64_t World::steps() const noexcept { return core_->steps(); }

std::string World::trace() const { return core_->trace().text(); }

const std::vector<Strike>& World::struck() const noexcept { return core_->weather().struck(); }

const std::string& Program::name() const noexcept { return state_->name; }

bool Program::running() const noexcept { return state_->running(); }

std::optional<int> Program::status() const noexcept { return state_->status; }

void Program::signal(int number) const {
  if (state_->running()) {
    Process& process = *state_->process;
    check(process.kill(process.pid(), number) == 0,
          "a program was sent a signal that does not exist: see signal(7)");
    state_->core.settle();
  }
}

void Program::start_again() const { state_->core.start_again(*state_); }

const std::string& Program::output() const { return state_->host.kernel->output(state_->name); }

const std::string& Host::name() const noexcept { return state_->name; }

std::string Host::address() const { return "10.0.0." + std::to_string(state_->id + 1); }

std::string Host::address(std::uint16_t port) const {
  return address() + ":" + std::to_string(port);
}

Program Host::launch(std::string name, bool always, Start start) const {
  return WorldCore::handle(state_->core.launch(*state_, std::move(name), always, std::move(start)));
}

void Host::install_bound(std::string_view path, Bind bind) const {
  check(state_->core.install(*state_, path, std::move(bind)),
        "a program could not be installed on a simulated host: give a path from \"/\" that is no "
        "directory, and room on the disk");
}

void Host::write_file(std::string_view path, std::string_view content) const {
  must(state_->kernel->files().write_file(path, content),
       "a file could not be written on a simulated host: give a path from \"/\" that is no "
       "directory, and room on the disk");
}

Result<std::string> Host::read_file(std::string_view path) const {
  return state_->kernel->files().read_file(path);
}

void Host::remove_file(std::string_view path) const {
  static_cast<void>(state_->kernel->files().remove_file(path));
}

void Host::limit_descriptors(int most) const {
  KernelLimits& limits = state_->kernel->limits();
  limits.handles = most;
  limits.hard_handles = most;
}

void Host::limit_disk(std::uint64_t bytes) const { state_->kernel->limits().disk_bytes = bytes; }

void Host::crash() const { state_->core.crash(*state_); }

void Host::restart() const { state_->core.restart(*state_); }

bool Host::up() const noexcept { return state_->up; }

}  // namespace vigil::sim
