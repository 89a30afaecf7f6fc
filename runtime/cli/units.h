#pragma once
// Figures as people read them.

#include <cstdint>
#include <fmt/format.h>
#include <string>

namespace wan::cli {

// "0.59 GB"
[[nodiscard]] inline std::string gigabytes(int64_t bytes) {
  return fmt::format("{:.2f} GB", static_cast<double>(bytes) / 1e9);
}

}  // namespace wan::cli
