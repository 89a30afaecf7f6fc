#pragma once
// CLIPVisionModel: an image to rows that describe it, one for the whole and one a patch. Names follow
// transformers. What is computed is hidden_states[-2]: the last layer and the norm after it are not run and
// their weights not loaded.

#include <ATen/core/Tensor.h>
#include <string>
#include <vector>

#include "runtime/model/config.h"
#include "runtime/model/layers.h"
#include "runtime/weights/state_dict.h"

namespace wan::model {

struct CLIPEncoderLayer {
  at::Tensor layer_norm1_weight, layer_norm1_bias;
  Linear q_proj, k_proj, v_proj, out_proj;  // self_attn
  at::Tensor layer_norm2_weight, layer_norm2_bias;
  Linear fc1, fc2;  // mlp

  CLIPEncoderLayer(weights::StateDict& state, const std::string& name, const CLIPVisionConfig& config);
  [[nodiscard]] at::Tensor forward(const at::Tensor& hidden, const CLIPVisionConfig& config) const;
};

class CLIPVisionModel {
 public:
  CLIPVisionModel(const CLIPVisionConfig& config, weights::StateDict& state);

  // `pixel_values` [3, image_size, image_size], normalized -> [1 + patches, hidden_size].
  [[nodiscard]] at::Tensor forward(const at::Tensor& pixel_values, const Checkpoint& between_layers) const;

  [[nodiscard]] const CLIPVisionConfig& config() const { return config_; }

 private:
  CLIPVisionConfig config_;
  at::Tensor class_embedding_;         // [hidden_size]
  at::Tensor patch_embedding_weight_;  // without bias
  at::Tensor position_embedding_;      // [1 + patches, hidden_size]
  at::Tensor pre_layernorm_weight_, pre_layernorm_bias_;
  std::vector<CLIPEncoderLayer> layers_;  // one fewer than num_hidden_layers
};

}  // namespace wan::model
