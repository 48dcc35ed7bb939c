// The threads of shards, and which processors they may have: Linux.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "vigil/loop/host.hpp"

namespace vigil {

Result<std::unique_ptr<Host::Thread>> start_shard_thread(ShardBody& body,
                                                         const ThreadPlace& place) noexcept;
Result<std::unique_ptr<Host::Thread>> settle_thread(const ThreadPlace& place) noexcept;
Processors usable_processors();

// How many processors the quotas above a cgroup leave, rounded up, and at least one; nothing if
// there is no quota. `membership` is the text of /proc/self/cgroup, `root` where control groups are
// mounted. cgroups(7); cpu.max of v2, cpu.cfs_quota_us and cpu.cfs_period_us of v1.
std::optional<unsigned> quota_of(std::string_view membership, const std::string& root);
std::optional<unsigned> own_quota();

}  // namespace vigil
