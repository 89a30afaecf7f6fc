#pragma once
// The tensors that a checkpoint of each part has, by diffusers' and transformers' names, as a function of its
// configuration. Equal to the published key lists (tests/golden/data/keys).

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "runtime/model/config.h"

namespace wan::pipeline {

using TensorShapes = std::map<std::string, std::vector<int64_t>>;

[[nodiscard]] TensorShapes tensor_shapes(const model::UMT5Config& config);
[[nodiscard]] TensorShapes tensor_shapes(const model::CLIPVisionConfig& config);
[[nodiscard]] TensorShapes tensor_shapes(const model::WanTransformer3DConfig& config);
[[nodiscard]] TensorShapes tensor_shapes(const model::AutoencoderKLWanConfig& config);

}  // namespace wan::pipeline
