#include <ATen/ops/cat.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>
#include <string>

#include "runtime/model/wan_transformer.h"
#include "tests/golden/support.h"

namespace wan::golden {
namespace {

constexpr int64_t kClipWidth = 1280;

model::WanTransformer3DConfig config_of(const Json& official) {
  model::WanTransformer3DConfig config;
  config.num_attention_heads = official["num_heads"];
  config.attention_head_dim = official["dim"].get<int64_t>() / config.num_attention_heads;
  config.in_channels = official["in_dim"];
  config.out_channels = official["out_dim"];
  config.text_dim = official["text_dim"];
  config.freq_dim = official["freq_dim"];
  config.ffn_dim = official["ffn_dim"];
  config.num_layers = official["num_layers"];
  config.eps = official["eps"];
  if (official["model_type"] == "i2v") config.image_dim = kClipWidth;
  return config;
}

// Parameter: the folder. dit_t2v_a has heads of 20 (rotary split 8/6/6) and fp32 weights, dit_t2v_b heads of
// 128 (44/42/42) and fp16 weights, dit_i2v an image (257 CLIP rows, 20 more input channels) and bf16 weights.
class DitGolden : public testing::TestWithParam<const char*> {
 protected:
  std::string folder() const { return GetParam(); }
  Tensors read(const std::string& file) const { return read_tensors(data(folder() + "/" + file)); }
  at::Tensor forward(const model::WanTransformer3DModel& transformer, const at::Tensor& latents,
                     double timestep, const at::Tensor& context) const {
    const at::Tensor rotary = transformer.rotary(latents.size(1), latents.size(2), latents.size(3));
    const model::TextContext text = transformer.encode_text(context);
    if (!config_.image_dim) return transformer.forward(latents, timestep, text, {}, rotary, {});
    const at::Tensor input = at::cat({latents, golden_.at("y")});
    return transformer.forward(input, timestep, text, image(transformer), rotary, {});
  }
  model::WanTransformer3DModel load(at::ScalarType compute = at::kFloat) const {
    auto state =
        official_weights(weights::Component::kTransformer, data(folder() + "/weights.safetensors"), compute);
    model::WanTransformer3DModel transformer(config_, state);
    EXPECT_TRUE(state.finish("dit").has_value()) << state.finish("dit").error().message;
    return transformer;
  }

  model::ImageContext image(const model::WanTransformer3DModel& transformer) const {
    return transformer.encode_image(golden_.at("clip_fea")[0].to(at::kFloat));
  }

  c10::InferenceMode inference_;
  Tensors golden_ = read("data.safetensors");
  Json manifest_ = read_json_file(data(folder() + "/manifest.json"));
  model::WanTransformer3DConfig config_ = config_of(manifest_["config"]);
};

TEST_P(DitGolden, ForwardEqualsTheOfficialOneAtEveryTimestepAndTextLength) {
  const auto transformer = load();
  for (const Json& test_case : manifest_["cases"]) {
    if (!test_case["t"].is_number()) continue;  // the batch: below
    const std::string name = test_case["output"];
    const at::Tensor context = golden_.at(test_case["context"]);
    const double error =
        relative_l2(forward(transformer, golden_.at("latent"), test_case["t"], context), golden_.at(name));
    report(folder() + " " + name, error);
    EXPECT_LE(error, 2e-6) << name;
  }
}

TEST_P(DitGolden, InBf16ItIsAsCloseToTheFp32NumbersAsTheOfficialOneIs) {
  const auto transformer = load(at::kBFloat16);
  Bf16Ratios ratios;
  for (const Json& test_case : manifest_["cases"]) {
    if (!test_case["t"].is_number()) continue;
    const std::string name = test_case["output"];
    const at::Tensor context = golden_.at(test_case["context"]);
    const at::Tensor ours = forward(transformer, golden_.at("latent"), test_case["t"], context);
    ratios.add(folder() + " " + name, relative_l2(ours, golden_.at(name)), test_case["official_bf16_rel_l2"]);
  }
  ratios.check();
}

// Not every folder has a batch.
class DitBatchGolden : public DitGolden {};

TEST_P(DitBatchGolden, EachSampleOfAnOfficialBatchEqualsItsOwnRun) {
  const auto transformer = load();
  const at::Tensor first = forward(transformer, golden_.at("latent"), 999, golden_.at("context5"));
  const at::Tensor second = forward(transformer, golden_.at("latent2"), 500, golden_.at("context512"));
  EXPECT_LE(relative_l2(first, golden_.at("out.batch2.0")), 2e-6);
  EXPECT_LE(relative_l2(second, golden_.at("out.batch2.1")), 2e-6);
}

TEST_P(DitGolden, SinusoidIsComputedInDoubleWithCosinesFirst) {
  const Tensors ops = read("ops.safetensors");
  const at::Tensor times = ops.at("sinusoid.t");
  for (int64_t i = 0; i < times.size(0); ++i) {
    const at::Tensor ours = model::timestep_sinusoid(times[i].item<double>(), config_.freq_dim)[0];
    EXPECT_LE(relative_l2(ours, ops.at("sinusoid.out")[i]), 1e-7) << "t " << times[i].item<int64_t>();
  }
}

TEST_P(DitGolden, RotaryEmbeddingEqualsTheOfficialOne) {
  const Tensors ops = read("ops.safetensors");
  const at::Tensor grid = ops.at("rope.grid")[0];
  const model::Grid sides = {grid[0].item<int64_t>(), grid[1].item<int64_t>(), grid[2].item<int64_t>()};
  const int64_t tokens = sides[0] * sides[1] * sides[2];
  const at::Tensor x = ops.at("rope.in")[0].narrow(0, 0, tokens);
  const at::Tensor ours = model::apply_rotary(x, model::rotary_table(sides, config_.attention_head_dim));
  EXPECT_LE(relative_l2(ours, ops.at("rope.out")[0].narrow(0, 0, tokens)), 1e-7);
}

INSTANTIATE_TEST_SUITE_P(Folders, DitGolden, testing::Values("dit_t2v_a", "dit_t2v_b", "dit_i2v"),
                         [](const auto& test) { return std::string(test.param); });

INSTANTIATE_TEST_SUITE_P(Folders, DitBatchGolden, testing::Values("dit_t2v_a", "dit_i2v"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace wan::golden
