#pragma once
// What a generation needs of this machine's memory, said and checked before the weights load. The need comes
// from the model and the request; only whether it can fit at all is asked of the machine, never how much is
// free now.

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.h"
#include "runtime/pipeline/generation.h"
#include "runtime/pipeline/inspection.h"

namespace wan::cli {

// Bytes this process may ever have: the machine's memory, or its cgroup's limit (version 2) where that is
// lower.
[[nodiscard]] int64_t host_memory();

// "memory: TextEncode 0.01 GB, Denoise 0.05 GB, Decode 0.59 GB"; where the weights do not fit beside the
// rest, how long reading them anew for every forward takes.
[[nodiscard]] std::string memory_text(const pipeline::SizeNeed& need, int64_t host_bytes);

// Weights are mapped and can be read again; activations cannot. kResourceExhausted when a phase's do not fit.
[[nodiscard]] Status check_memory(const pipeline::SizeNeed& need, int64_t host_bytes);

// The need of one generation with the model of that directory; `precision` auto counts as fp32.
[[nodiscard]] Result<pipeline::SizeNeed> memory_need(const std::filesystem::path& directory,
                                                     const pipeline::ResolvedGeneration& generation,
                                                     const std::string& precision);

}  // namespace wan::cli
