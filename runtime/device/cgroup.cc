#include "runtime/device/cgroup.h"

#include <fstream>

namespace wan::device {
namespace {

namespace fs = std::filesystem;

// The path after the second colon of the line for `controller` in /proc/self/cgroup; "" is version 2's line.
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

// From `group` (below `mount`) up to the mount. In a container the path is often not visible below its mount;
// then the mount itself is the container's group.
std::optional<double> smallest_below(const fs::path& mount, const std::string& group, bool version_2,
                                     const GroupLimit& limit) {
  std::optional<double> smallest;
  fs::path relative = fs::path(group).relative_path();
  for (;;) {
    const auto found = limit(mount / relative, version_2);
    if (found && (!smallest || *found < *smallest)) smallest = found;
    if (relative.empty() || !relative.has_relative_path()) return smallest;
    relative = relative.parent_path();
  }
}

}  // namespace

std::string first_line(const fs::path& file) {
  std::ifstream stream(file);
  std::string line;
  std::getline(stream, line);
  return line;
}

std::optional<double> smallest_limit(const fs::path& root, std::string_view controller,
                                     std::initializer_list<const char*> mounts, const GroupLimit& limit) {
  const fs::path all = root / "sys/fs/cgroup";
  if (const auto group = cgroup_path(root, "")) {
    if (const auto found = smallest_below(all, *group, true, limit)) return found;
  }
  const auto group = cgroup_path(root, controller);
  if (!group) return std::nullopt;
  for (const char* mount : mounts) {
    if (const auto found = smallest_below(all / mount, *group, false, limit)) return found;
  }
  return std::nullopt;
}

}  // namespace wan::device
