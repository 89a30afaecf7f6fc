#pragma once
// What a model directory holds, from its configurations and the headers of its files: nothing is computed and
// no weights are read.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/json/json.h"
#include "base/result.h"
#include "runtime/pipeline/memory_plan.h"

namespace wan::pipeline {

struct PartInspection {
  std::string name;  // "transformer"
  std::string where;
  Json config;  // diffusers' field names; of the official layout: read off the shapes
  int64_t tensors = 0, parameters = 0, bytes = 0;
  std::map<std::string, int64_t> dtypes;  // "BF16" to how many parameters
};

struct SizeNeed {
  int64_t width = 0, height = 0, frames = 0;
  std::string precision;  // "fp32", "bf16"
  std::vector<PhaseMemory> phases;
};

struct Inspection {
  std::filesystem::path directory;
  std::string name, layout, task, digest;  // digest "" unless asked for or recorded by a pull
  std::vector<PartInspection> parts;
  std::map<std::string, int64_t> files;  // path below the directory to bytes
  std::vector<SizeNeed> memory;
};

struct VideoDims {
  int64_t width = 0, height = 0, frames = 0;
};

// Called with bytes hashed and bytes in all.
using DigestProgress = std::function<void(int64_t done, int64_t total)>;

// `sizes`: what to plan memory for. `with_digest` reads every byte of the directory (the digest is what a
// generation reports as modelDigest); `progress` may be empty.
[[nodiscard]] Result<Inspection> inspect_model(const std::filesystem::path& directory,
                                               const std::vector<VideoDims>& sizes, bool with_digest,
                                               const DigestProgress& progress);

[[nodiscard]] Json to_json(const Inspection& inspection);

}  // namespace wan::pipeline
