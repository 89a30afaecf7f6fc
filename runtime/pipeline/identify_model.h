#pragma once
// Which model a directory holds.

#include <filesystem>

#include "base/result.h"
#include "runtime/pipeline/generator.h"

namespace wan::pipeline {

// Name and digest of a model directory: those of `.wan-model.json`, which a pull writes, else the directory's
// name and a digest over every file's path and digest (hidden files left out).
[[nodiscard]] Result<ModelInfo> identify_model(const std::filesystem::path& directory);

}  // namespace wan::pipeline
