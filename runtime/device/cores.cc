#include "runtime/device/cores.h"

#include <algorithm>
#include <cmath>
#include <sched.h>
#include <sstream>
#include <string>

#include "runtime/device/cgroup.h"

namespace wan::device {
namespace {

namespace fs = std::filesystem;

std::optional<double> ratio(const std::string& quota, const std::string& period) {
  try {
    const double cores = std::stod(quota) / std::stod(period);
    return cores > 0 && std::isfinite(cores) ? std::optional(cores) : std::nullopt;
  } catch (const std::exception&) {  // "max", or not there
    return std::nullopt;
  }
}

std::optional<double> quota_at(const fs::path& group, bool version_2) {
  if (!version_2)
    return ratio(first_line(group / "cpu.cfs_quota_us"), first_line(group / "cpu.cfs_period_us"));
  std::istringstream fields(first_line(group / "cpu.max"));
  std::string quota, period;
  fields >> quota >> period;
  return ratio(quota, period);
}

}  // namespace

std::optional<double> cgroup_quota(const fs::path& root) {
  return smallest_limit(root, "cpu", {"cpu", "cpu,cpuacct"}, quota_at);
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
