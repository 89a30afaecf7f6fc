#pragma once
// The file or folder that a generation ends in. check_output is in generator.h.

#include <filesystem>

#include "base/result.h"
#include "runtime/pipeline/generator.h"

namespace wan::pipeline {

// A .png or a folder of them.
[[nodiscard]] bool is_picture(const std::filesystem::path& output);

// Fills file, bytes and codec, and sha256: of a folder over the bytes of its files in the order of their
// names.
[[nodiscard]] Status describe_output(const std::filesystem::path& output, GenerationResult& result);

}  // namespace wan::pipeline
