#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>
#include <string>

#include "runtime/model/clip_vision_model.h"
#include "tests/golden/support.h"

namespace wan::golden {
namespace {

model::CLIPVisionConfig config_of(const Json& official) {
  model::CLIPVisionConfig config;
  config.hidden_size = official["dim"];
  config.intermediate_size = config.hidden_size * official["mlp_ratio"].get<int64_t>();
  config.num_attention_heads = official["num_heads"];
  config.num_hidden_layers = official["num_layers"];
  config.image_size = official["image_size"];
  config.patch_size = official["patch_size"];
  return config;
}

TEST(ClipGolden, TheRowsBeforeTheLastLayerEqualTheOfficialOnes) {
  const c10::InferenceMode inference;
  const Json manifest = read_json_file(data("clip/manifest.json"));
  const Tensors golden = read_tensors(data("clip/data.safetensors"));
  auto state = official_weights(weights::Component::kImageEncoder, data("clip/weights.safetensors"));
  const model::CLIPVisionModel clip(config_of(manifest["config"]), state);
  ASSERT_TRUE(state.finish("clip").has_value()) << state.finish("clip").error().message;
  const at::Tensor pixels = golden.at("pixels");
  for (int64_t i = 0; i < pixels.size(0); ++i) {
    const double error = relative_l2(clip.forward(pixels[i], {}), golden.at("output")[i]);
    report("CLIP image " + std::to_string(i), error);
    EXPECT_LE(error, 2e-6) << i;
  }
}

}  // namespace
}  // namespace wan::golden
