// What a container or a batch system leaves this process of the machine: the limits of its control group,
// version 1 or 2, and of the groups around it (docs.kernel.org/admin-guide/cgroup-v2.html, .../cgroup-v1).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace annulus {

struct GroupLimits {
  std::optional<double> cpus;                ///< CPU seconds per second, e.g. 1.5; nothing: no limit
  std::optional<std::uint64_t> memory;       ///< bytes
  std::optional<std::uint64_t> memory_left;  ///< bytes of that not in use; cached files count as free
};

/// The smallest of each over all groups that hold this process. What cannot be read counts as no limit.
/// @param root  where /proc and /sys/fs/cgroup are
GroupLimits control_group_limits(const std::filesystem::path& root = "/");

/// Whole cores that the limit is worth, at least 1; nothing without a limit.
std::optional<int> cores_of(const GroupLimits& limits);

}  // namespace annulus
