#pragma once
// Which digest a published file has, without reading it: a small record per path under .wan/index. A record
// counts only while the file is the one it was made for (inode, size, modification time).

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace wan::gallery {

[[nodiscard]] Status remember_digest(int root, std::string_view path, int file, std::string digest);
[[nodiscard]] std::optional<std::string> recall_digest(int root, std::string_view path, int file);
void forget_digest(int root, std::string_view path);

}  // namespace wan::gallery
