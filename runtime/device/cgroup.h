#pragma once
// Limits that a control group puts on this process, version 2 or 1.

#include <filesystem>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace wan::device {

// A limit as the files in one group's folder say it; nothing where there is none.
using GroupLimit = std::function<std::optional<double>(const std::filesystem::path& group, bool version_2)>;

// The smallest limit of this process's group and those above it, which bind it too. `controller` is version
// 1's name for what is limited, `mounts` the folders where it may be. `root` is "/", another one in tests.
[[nodiscard]] std::optional<double> smallest_limit(const std::filesystem::path& root,
                                                   std::string_view controller,
                                                   std::initializer_list<const char*> mounts,
                                                   const GroupLimit& limit);

// "" where there is no such file.
[[nodiscard]] std::string first_line(const std::filesystem::path& file);

}  // namespace wan::device
