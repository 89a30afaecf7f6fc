#include <ATen/ops/stack.h>

#include "runtime/model/clip_vision_model.h"
#include "runtime/verify/compare.h"
#include "runtime/verify/component.h"

namespace wan::verify {
namespace {

model::CLIPVisionConfig config_of(const Json& official) {
  model::CLIPVisionConfig config;
  config.hidden_size = official.at("dim");
  config.intermediate_size = config.hidden_size * official.at("mlp_ratio").get<int64_t>();
  config.num_attention_heads = official.at("num_heads");
  config.num_hidden_layers = official.at("num_layers");
  config.image_size = official.at("image_size");
  config.patch_size = official.at("patch_size");
  return config;
}

}  // namespace

Rows verify_clip(const Golden& golden) {
  const Tensors data = golden.tensors("data.safetensors");
  auto state = golden.weights(weights::Component::kImageEncoder, "weights.safetensors");
  const model::CLIPVisionModel clip(config_of(golden.manifest().at("config")), state);
  finish(state, "clip");
  const at::Tensor& pixels = data.at("pixels");
  std::vector<at::Tensor> ours;
  for (int64_t i = 0; i < pixels.size(0); ++i) ours.push_back(clip.forward(pixels[i], {}));
  return {within_relative("output", at::stack(ours), data.at("output"), golden.model_limit())};
}

}  // namespace wan::verify
