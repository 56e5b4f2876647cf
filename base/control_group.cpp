// Files of a few words each. Inside a container the path of a group may be that of the host, which is not
// there: then the root of the hierarchy is the container's own group.
#include "base/control_group.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

namespace annulus {
namespace {

namespace fs = std::filesystem;

/// Version 1 says "no limit" by the largest multiple of a page.
constexpr std::uint64_t kNoLimit = std::uint64_t{1} << 60;

template <class Value>
std::optional<Value> read_value(const fs::path& path) {
  std::ifstream file(path);
  Value value{};
  if (!(file >> value)) return std::nullopt;  // "max", or not there
  return value;
}

std::uint64_t stat_value(const fs::path& path, const std::string& name) {
  std::ifstream file(path);
  std::uint64_t value = 0;
  for (std::string word; file >> word >> value;)
    if (word == name) return value;
  return 0;
}

template <class Value>
void lower(std::optional<Value>& least, Value value) {
  least = least ? std::min(*least, value) : value;
}

void add_quota(GroupLimits& limits, std::optional<double> quota, std::optional<double> period) {
  if (quota && period && *quota > 0 && *period > 0) lower(limits.cpus, *quota / *period);
}

void add_memory(GroupLimits& limits, std::optional<std::uint64_t> most, std::optional<std::uint64_t> used,
                std::uint64_t cached) {
  if (!most || *most >= kNoLimit) return;
  lower(limits.memory, *most);
  if (!used) return;
  const std::uint64_t taken = *used - std::min(*used, cached);
  lower(limits.memory_left, *most - std::min(*most, taken));
}

void add_unified(GroupLimits& limits, const fs::path& group) {
  std::ifstream file(group / "cpu.max");
  double quota = 0;
  double period = 0;
  if (file >> quota >> period) add_quota(limits, quota, period);
  add_memory(limits, read_value<std::uint64_t>(group / "memory.max"),
             read_value<std::uint64_t>(group / "memory.current"),
             stat_value(group / "memory.stat", "inactive_file"));
}

void add_cpu(GroupLimits& limits, const fs::path& group) {
  add_quota(limits, read_value<double>(group / "cpu.cfs_quota_us"),
            read_value<double>(group / "cpu.cfs_period_us"));
}

void add_memory_of(GroupLimits& limits, const fs::path& group) {
  add_memory(limits, read_value<std::uint64_t>(group / "memory.limit_in_bytes"),
             read_value<std::uint64_t>(group / "memory.usage_in_bytes"),
             stat_value(group / "memory.stat", "total_inactive_file"));
}

/// The group and all around it, up to the root of its hierarchy.
void each_group(const fs::path& hierarchy, const std::string& group,
                const std::function<void(const fs::path&)>& look) {
  std::error_code none;
  fs::path path = fs::path(group).relative_path();
  if (!fs::is_directory(hierarchy / path, none)) path.clear();
  for (; !path.empty(); path = path.parent_path()) look(hierarchy / path);
  look(hierarchy);
}

bool has_word(const std::string& list, const std::string& word) {
  return ("," + list + ",").find("," + word + ",") != std::string::npos;
}

}  // namespace

GroupLimits control_group_limits(const fs::path& root) {
  GroupLimits limits;
  const fs::path mounts = root / "sys/fs/cgroup";
  std::ifstream file(root / "proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {  // number:controllers:/group
    std::istringstream fields(line);
    std::string number;
    std::string controllers;
    std::string group;
    if (!std::getline(fields, number, ':') || !std::getline(fields, controllers, ':')) continue;
    std::getline(fields, group);
    if (controllers.empty()) {
      each_group(mounts, group, [&](const fs::path& path) { add_unified(limits, path); });
    } else if (has_word(controllers, "cpu")) {
      for (const std::string& name : {controllers, std::string("cpu")})
        each_group(mounts / name, group, [&](const fs::path& path) { add_cpu(limits, path); });
    } else if (has_word(controllers, "memory")) {
      each_group(mounts / "memory", group, [&](const fs::path& path) { add_memory_of(limits, path); });
    }
  }
  return limits;
}

std::optional<int> cores_of(const GroupLimits& limits) {
  if (!limits.cpus) return std::nullopt;
  // More threads than the quota is worth are all put to sleep once it is used up; a rest of a core is worth
  // one more thread when it is at least half.
  return std::max(1, static_cast<int>(std::lround(std::min(*limits.cpus, 1e6))));
}

}  // namespace annulus
