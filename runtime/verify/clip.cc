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

at::Tensor output_of(const Golden& golden, const std::string& file, const at::Tensor& pixels) {
  auto state = golden.weights(weights::Component::kImageEncoder, file);
  const model::CLIPVisionModel clip(config_of(golden.manifest().at("config")), state);
  finish(state, "clip");
  std::vector<at::Tensor> ours;
  for (int64_t i = 0; i < pixels.size(0); ++i) ours.push_back(clip.forward(pixels[i], {}));
  return at::stack(ours);
}

}  // namespace

Rows verify_clip(const Golden& golden) {
  const Tensors data = golden.tensors("data.safetensors");
  Rows rows;
  for (const std::string file : {"weights.safetensors", "weights_fp16.pth"}) {
    if (!golden.has(file)) continue;
    rows.push_back(within_relative("output, " + file, output_of(golden, file, data.at("pixels")),
                                   data.at("output"), golden.model_limit()));
  }
  return rows;
}

}  // namespace wan::verify
