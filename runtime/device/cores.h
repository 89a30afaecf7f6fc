#pragma once
// How many CPU cores this process may use: its affinity mask, cut by the cgroup's CPU quota (version 2 or 1).

#include <filesystem>
#include <optional>

namespace wan::device {

// At least 1. A quota of 1.5 cores counts as 1: a thread more would only be throttled.
[[nodiscard]] int usable_cores();

// The quota in cores of this process's cgroup and those above it, nothing if there is none. `root` is "/",
// another one in tests.
[[nodiscard]] std::optional<double> cgroup_quota(const std::filesystem::path& root);

}  // namespace wan::device
