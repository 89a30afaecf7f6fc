#pragma once
// What a generation needs of this machine, asked before its weights load.

#include <cstdint>
#include <filesystem>
#include <optional>

#include "base/result.h"
#include "runtime/pipeline/generator.h"
#include "runtime/pipeline/inspection.h"

namespace wan::pipeline {

struct MemoryNeed {
  SizeNeed size;
  bool on_gpu = false;
  int64_t host_bytes = 0;               // that this process may ever have
  std::optional<int64_t> device_bytes;  // of the GPU, where it is known
};

// The need comes from the model, the request and the machine class, never from what is free now. Errors are
// those of the device, the precision and the model's headers.
[[nodiscard]] Result<MemoryNeed> memory_need(const std::filesystem::path& directory,
                                             const ResolvedGeneration& generation,
                                             const GeneratorSettings& settings);

}  // namespace wan::pipeline
