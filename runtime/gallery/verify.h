#pragma once
// Reads everything again and compares with the digests.

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/gallery/import.h"

namespace wan::gallery {

struct Verified {
  size_t files = 0;
  int64_t bytes = 0;
  std::vector<std::string> problems;  // one sentence each, naming file and digests; empty: all is well
};

// A layout (every model that its index names) or a pulled directory.
[[nodiscard]] Result<Verified> verify(const std::filesystem::path& layout_or_directory,
                                      const MakeMeter& make_meter);

}  // namespace wan::gallery
