#pragma once
// The weights of one component: a single safetensors file or the shards that an index names.

#include <filesystem>
#include <string_view>

#include "base/result.h"
#include "runtime/weights/safetensors.h"

namespace wan::weights {

// `stem` is the file name that diffusers and transformers use: "diffusion_pytorch_model" or "model". Reads
// STEM.safetensors or, if that is absent, every shard of STEM.safetensors.index.json, which must hold exactly
// the keys that the index says. A shard's name must not leave the directory.
[[nodiscard]] Result<StoredTensors> open_checkpoint(const std::filesystem::path& directory,
                                                    std::string_view stem);

}  // namespace wan::weights
