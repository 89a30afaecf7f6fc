#pragma once
// Which model a directory holds.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "base/result.h"
#include "runtime/pipeline/generator.h"

namespace wan::pipeline {

// Name and digest of a model directory: those of `.wan-model.json`, which a pull writes, else the directory's
// name and a digest over every file's path and digest (hidden files left out;
// large ones hashed once: digest_memory.h).
// `progress`, if given, hears of bytes hashed and bytes in all, every few megabytes; it may throw to end it.
[[nodiscard]] Result<ModelInfo> identify_model(const std::filesystem::path& directory,
                                               const std::function<void(int64_t, int64_t)>& progress = {});

// The directory's own name.
[[nodiscard]] std::string model_name(const std::filesystem::path& directory);

}  // namespace wan::pipeline
