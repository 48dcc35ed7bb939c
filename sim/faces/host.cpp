// What a simulated machine gives besides I/O.
#include <algorithm>
#include <cstring>

#include "faces/parts.hpp"
#include "faces/seat.hpp"

namespace vigil::sim {
namespace {

constexpr int kStandardError = 2;

class SimHost final : public vigil::Host {
 public:
  SimHost(Seat& seat, Environment environment)
      : seat_(seat), environment_(std::move(environment)) {}

  Nanos wall_time() noexcept override { return seat_.kernel().wall_time(); }

  void entropy(std::span<std::byte> fill) noexcept override {
    while (!fill.empty()) {
      const std::uint64_t word = seat_.random().next();
      const std::size_t size = std::min(fill.size(), sizeof word);
      std::memcpy(fill.data(), &word, size);
      fill = fill.subspan(size);
    }
  }

  std::optional<std::string> environment(const char* name) override {
    const auto found = environment_.find(std::string_view(name));
    return found != environment_.end() ? std::optional(found->second) : std::nullopt;
  }

  void log(std::string_view line) noexcept override {
    if (seat_.gone()) {
      return;
    }
    for (const std::string_view part : {line, std::string_view("\n")}) {
      seat_.process().write(kStandardError, std::as_bytes(std::span(part)));
    }
  }

  std::uint64_t raise_descriptor_limit() noexcept override {
    Process& process = seat_.process();
    process.handle_limit = seat_.kernel().limits().hard_handles;
    return static_cast<std::uint64_t>(process.handle_limit);
  }

  Result<std::unique_ptr<Crew>> start(Body& body, Role role, unsigned most) noexcept override {
    return make_crew(seat_, body, role, most);
  }

  Result<std::unique_ptr<Thread>> start_shard(ShardBody& body,
                                              const ThreadPlace&) noexcept override {
    return make_shard(seat_, body);
  }
  Processors processors() override { return {.allowed = {0, 1}, .usable = 2}; }

 private:
  Seat& seat_;
  Environment environment_;
};

}  // namespace

std::unique_ptr<vigil::Host> make_host(Seat& seat, Environment environment) {
  return std::make_unique<SimHost>(seat, std::move(environment));
}

}  // namespace vigil::sim
