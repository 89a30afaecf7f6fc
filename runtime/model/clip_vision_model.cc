#include "runtime/model/clip_vision_model.h"

#include <ATen/ops/add.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/scaled_dot_product_attention.h>

namespace wan::model {

CLIPEncoderLayer::CLIPEncoderLayer(weights::StateDict& state, const std::string& name,
                                   const CLIPVisionConfig& config) {
  const int64_t dim = config.hidden_size;
  const std::string attention = name + ".self_attn";
  layer_norm1_weight = state.take(name + ".layer_norm1.weight", {dim});
  layer_norm1_bias = state.take(name + ".layer_norm1.bias", {dim});
  q_proj = Linear(state, attention + ".q_proj", dim, dim);
  k_proj = Linear(state, attention + ".k_proj", dim, dim);
  v_proj = Linear(state, attention + ".v_proj", dim, dim);
  out_proj = Linear(state, attention + ".out_proj", dim, dim);
  layer_norm2_weight = state.take(name + ".layer_norm2.weight", {dim});
  layer_norm2_bias = state.take(name + ".layer_norm2.bias", {dim});
  fc1 = Linear(state, name + ".mlp.fc1", dim, config.intermediate_size);
  fc2 = Linear(state, name + ".mlp.fc2", config.intermediate_size, dim);
}

at::Tensor CLIPEncoderLayer::forward(const at::Tensor& hidden, const CLIPVisionConfig& config) const {
  const auto heads = [&](const at::Tensor& x) {
    return x.view({1, x.size(0), config.num_attention_heads, -1}).transpose(1, 2);
  };
  const at::Tensor attention_in =
      layer_norm(hidden, config.layer_norm_eps, layer_norm1_weight, layer_norm1_bias);
  const at::Tensor attended = at::scaled_dot_product_attention(
      heads(q_proj(attention_in)), heads(k_proj(attention_in)), heads(v_proj(attention_in)));
  const at::Tensor x = at::add(hidden, out_proj(attended.transpose(1, 2).flatten(2).squeeze(0)));
  const at::Tensor mlp_in = layer_norm(x, config.layer_norm_eps, layer_norm2_weight, layer_norm2_bias);
  return at::add(x, fc2(gelu_erf(fc1(mlp_in))));
}

CLIPVisionModel::CLIPVisionModel(const CLIPVisionConfig& config, weights::StateDict& state)
    : config_(config) {
  const std::string model = "vision_model.", embeddings = model + "embeddings.";
  const std::string layers = model + "encoder.layers.";
  const int64_t dim = config.hidden_size, side = config.image_size / config.patch_size;
  class_embedding_ = state.take(embeddings + "class_embedding", {dim});
  patch_embedding_weight_ =
      state.take(embeddings + "patch_embedding.weight", {dim, 3, config.patch_size, config.patch_size});
  position_embedding_ = state.take(embeddings + "position_embedding.weight", {1 + side * side, dim});
  pre_layernorm_weight_ = state.take(model + "pre_layrnorm.weight", {dim});  // transformers' own spelling
  pre_layernorm_bias_ = state.take(model + "pre_layrnorm.bias", {dim});
  const int64_t run = config.num_hidden_layers - 1;
  for (int64_t i = 0; i < run; ++i) layers_.emplace_back(state, layers + std::to_string(i), config);
  state.ignore(layers + std::to_string(run) + ".");
  state.ignore(model + "post_layernorm.");
}

at::Tensor CLIPVisionModel::forward(const at::Tensor& pixel_values, const Checkpoint& between_layers) const {
  const at::Tensor patches = at::conv2d(pixel_values.unsqueeze(0), patch_embedding_weight_, {},
                                        /*stride=*/config_.patch_size);
  const at::Tensor rows = patches.flatten(2).squeeze(0).transpose(0, 1);
  const at::Tensor embedded = at::cat({class_embedding_.unsqueeze(0), rows}).add_(position_embedding_);
  at::Tensor hidden =
      layer_norm(embedded, config_.layer_norm_eps, pre_layernorm_weight_, pre_layernorm_bias_);
  for (const CLIPEncoderLayer& layer : layers_) {
    if (between_layers) between_layers();
    hidden = layer.forward(hidden, config_);
  }
  return hidden;
}

}  // namespace wan::model
