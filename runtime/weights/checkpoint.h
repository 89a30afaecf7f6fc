#pragma once
// The weights of one component: a single file, or the shards that an index names.

#include <filesystem>
#include <string_view>

#include "base/result.h"
#include "runtime/weights/stored_tensor.h"

namespace wan::weights {

// `stem` is the file name without its ending: "diffusion_pytorch_model", "model", "Wan2.1_VAE". Reads
// STEM.safetensors; if that is absent, every shard of STEM.safetensors.index.json, which must hold exactly
// the keys that the index says (a shard's name must not leave the directory); else STEM.pth.
[[nodiscard]] Result<StoredTensors> open_checkpoint(const std::filesystem::path& directory,
                                                    std::string_view stem);

}  // namespace wan::weights
