#pragma once
// The need of memory in words, and whether it can be met at all.

#include <string>

#include "base/result.h"
#include "runtime/pipeline/memory_need.h"

namespace wan::cli {

// "memory: TextEncode 0.16 GB, Denoise 0.16 GB, Decode 0.17 GB", on a GPU for it and the host; where the
// weights do not fit beside the rest, how long reading them anew for every forward takes.
[[nodiscard]] std::string memory_text(const pipeline::MemoryNeed& need);

// Weights that are mapped can be read again; nothing else can. kResourceExhausted when a phase does not fit.
[[nodiscard]] Status check_memory(const pipeline::MemoryNeed& need);

}  // namespace wan::cli
