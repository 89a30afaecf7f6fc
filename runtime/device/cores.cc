#include "runtime/device/cores.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sched.h>
#include <sstream>
#include <string>

namespace wan::device {
namespace {

namespace fs = std::filesystem;

// The path after the second colon of the line for `controllers` in /proc/self/cgroup; "" is version 2's line.
std::optional<std::string> cgroup_path(const fs::path& root, std::string_view controller) {
  std::ifstream file(root / "proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string names = "," + line.substr(first + 1, second - first - 1) + ",";
    const bool mine =
        controller.empty() ? names == ",," : names.find("," + std::string(controller) + ",") != names.npos;
    if (mine) return line.substr(second + 1);
  }
  return std::nullopt;
}

std::optional<double> ratio(const std::string& quota, const std::string& period) {
  try {
    const double cores = std::stod(quota) / std::stod(period);
    return cores > 0 && std::isfinite(cores) ? std::optional(cores) : std::nullopt;
  } catch (const std::exception&) {  // "max", or not there
    return std::nullopt;
  }
}

std::string first_line(const fs::path& file) {
  std::ifstream stream(file);
  std::string line;
  std::getline(stream, line);
  return line;
}

std::optional<double> quota_at(const fs::path& group, bool version_2) {
  if (!version_2)
    return ratio(first_line(group / "cpu.cfs_quota_us"), first_line(group / "cpu.cfs_period_us"));
  std::istringstream fields(first_line(group / "cpu.max"));
  std::string quota, period;
  fields >> quota >> period;
  return ratio(quota, period);
}

// The smallest quota from `group` (below `mount`) up to the mount: a parent's limit binds its children. In a
// container the path is often not visible below its mount; then the mount itself is the container's group.
std::optional<double> smallest_quota(const fs::path& mount, const std::string& group, bool version_2) {
  std::optional<double> smallest;
  fs::path relative = fs::path(group).relative_path();
  for (;;) {
    const auto quota = quota_at(mount / relative, version_2);
    if (quota && (!smallest || *quota < *smallest)) smallest = quota;
    if (relative.empty() || !relative.has_relative_path()) return smallest;
    relative = relative.parent_path();
  }
}

}  // namespace

std::optional<double> cgroup_quota(const fs::path& root) {
  const fs::path mounts = root / "sys/fs/cgroup";
  if (const auto group = cgroup_path(root, "")) {
    if (const auto quota = smallest_quota(mounts, *group, true)) return quota;
  }
  const auto group = cgroup_path(root, "cpu");
  if (!group) return std::nullopt;
  for (const char* name : {"cpu", "cpu,cpuacct"}) {
    if (const auto quota = smallest_quota(mounts / name, *group, false)) return quota;
  }
  return std::nullopt;
}

int usable_cores() {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  const int allowed = sched_getaffinity(0, sizeof mask, &mask) == 0 ? CPU_COUNT(&mask) : 1;
  const auto quota = cgroup_quota("/");
  if (!quota) return std::max(1, allowed);
  return std::max(1, std::min(allowed, static_cast<int>(std::floor(*quota))));
}

}  // namespace wan::device
