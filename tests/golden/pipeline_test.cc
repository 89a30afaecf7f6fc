#include <ATen/ops/cat.h>
#include <ATen/ops/ne.h>
#include <ATen/ops/sum.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

#include "runtime/pipeline/noise.h"
#include "runtime/pipeline/wan_pipeline.h"
#include "runtime/tokenizer/prompt_clean.h"
#include "tests/golden/support.h"

namespace wan::golden {
namespace {

class PipelineGolden : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    auto model = pipeline::load_model(data("pipeline_t2v/diffusers"), device::Device{}, {});
    ASSERT_TRUE(model.has_value()) << model.error().message;
    model_ = *std::move(model);
    const Json manifest = read_json_file(data("pipeline_t2v/manifest.json"));
    for (const Json& entry : manifest["cases"]) {
      if (entry["name"] == GetParam()) case_ = entry;
    }
    ASSERT_TRUE(case_.is_object());
    golden_ = read_tensors(data("pipeline_t2v/" + case_["file"].get<std::string>()));
  }

  at::Tensor encode(const char* prompt) const {
    const auto rows = pipeline::encode_prompt(*model_, case_[prompt], {});
    EXPECT_TRUE(rows.has_value());
    return *rows;
  }

  std::vector<at::Tensor> denoise() const { return denoise(encode("prompt"), encode("n_prompt")); }

  std::vector<at::Tensor> denoise(const at::Tensor& prompt, const at::Tensor& negative_prompt) const {
    auto sampler = scheduler::make_sampler(case_["sample_solver"].get<std::string>(), case_["sampling_steps"],
                                           case_["shift"]);
    EXPECT_TRUE(sampler.has_value());
    const pipeline::Guidance guidance = {.positive = model_->transformer->encode_text(prompt),
                                         .negative = model_->transformer->encode_text(negative_prompt),
                                         .scale = case_["guide_scale"]};
    std::vector<at::Tensor> latents;
    const auto collect = [&](int, const at::Tensor& after) { latents.push_back(after); };
    static_cast<void>(pipeline::denoise(*model_, golden_.at("noise"), *sampler, guidance, collect, {}));
    return latents;
  }

  c10::InferenceMode inference_;
  std::unique_ptr<pipeline::WanModel> model_;
  Json case_;
  Tensors golden_;
};

TEST_P(PipelineGolden, PromptsBecomeTheOfficialIdsAndTextRows) {
  const at::Tensor ids = golden_.at("ids");
  const std::vector<int64_t> golden_ids(ids.const_data_ptr<int64_t>(),
                                        ids.const_data_ptr<int64_t>() + ids.size(0));
  EXPECT_EQ(model_->tokenizer->encode(tokenizer::clean_prompt(case_["prompt"].get<std::string>())),
            golden_ids);
  EXPECT_LE(relative_l2(encode("prompt"), golden_.at("context")), 2e-6);
  EXPECT_LE(relative_l2(encode("n_prompt"), golden_.at("context_null")), 2e-6);
}

TEST_P(PipelineGolden, TheSeedGivesTheOfficialNoise) {
  const at::Tensor golden = golden_.at("noise");
  EXPECT_LE(max_difference(pipeline::gaussian_noise(golden.sizes(), case_["seed"].get<uint64_t>()), golden),
            1e-6);
}

TEST_P(PipelineGolden, LatentsEqualTheOfficialOnesAfterEveryStep) {
  const auto latents = denoise();
  ASSERT_EQ(latents.size(), case_["sampling_steps"].get<size_t>());
  expect_latents(GetParam(), latents, golden_.at("latents"));
}

TEST_P(PipelineGolden, InBf16TheLastLatentsAreAsCloseToTheFp32OnesAsTheOfficialRuns) {
  auto model = pipeline::load_model(data("pipeline_t2v/diffusers"), device::Device{}, {}, "bf16");
  ASSERT_TRUE(model.has_value()) << model.error().message;
  EXPECT_EQ((*model)->info.precision, "bf16");
  model_ = *std::move(model);
  // The official run had the fp32 text rows.
  const auto latents = denoise(golden_.at("context"), golden_.at("context_null"));
  const double error =
      relative_l2(latents.back(), golden_.at("latents")[static_cast<int64_t>(latents.size()) - 1]);
  Bf16Ratios ratios;
  ratios.add(GetParam(), error, case_["official_bf16_end"]["latent_rel_l2"]);
  ratios.check();
}

TEST_P(PipelineGolden, FramesDifferByAtMostOneInAThousandthOfTheValues) {
  expect_frames(GetParam(), *model_, denoise().back(), golden_.at("frames_u8"));
}

INSTANTIATE_TEST_SUITE_P(TextToVideo, PipelineGolden, testing::Values("unipc_9f", "dpmpp_9f", "t2i_unipc_1f"),
                         [](const auto& test) { return std::string(test.param); });

// The T5 is stored as bf16 .pth, the VAE as a .pth of fp32; their sizes are read off the tensors.
TEST(PipelineLayouts, TheOfficialDirectoryGivesTheVideoOfTheDiffusersOne) {
  const c10::InferenceMode inference;
  const Tensors golden = read_tensors(data("pipeline_t2v/case_unipc_9f.safetensors"));
  const Json prompt = read_json_file(data("pipeline_t2v/manifest.json"))["cases"][0]["prompt"];
  std::vector<std::vector<at::Tensor>> results;
  for (const char* layout : {"pipeline_t2v/official", "pipeline_t2v/diffusers"}) {
    const auto model = pipeline::load_model(data(layout), device::Device{}, {});
    ASSERT_TRUE(model.has_value()) << model.error().message;
    const auto rows = pipeline::encode_prompt(**model, prompt.get<std::string>(), {});
    ASSERT_TRUE(rows.has_value());
    EXPECT_LE(relative_l2(*rows, golden.at("context")), 2e-6);
    std::vector<at::Tensor> parts = {*rows};
    const auto collect = [&](const at::Tensor& frames) -> Status {
      parts.push_back(frames.clone());
      return {};
    };
    ASSERT_TRUE(pipeline::decode_latents(**model, golden.at("latents")[-1], collect, {}).has_value());
    results.push_back(parts);
  }
  ASSERT_EQ(results[0].size(), results[1].size());
  for (size_t i = 0; i < results[0].size(); ++i) EXPECT_EQ(max_difference(results[0][i], results[1][i]), 0);
}

using PictureGolden = PipelineGolden;

TEST_P(PictureGolden, APictureIsRoundedWhereAVideoIsCut) {
  at::Tensor ours;
  const auto keep = [&](const at::Tensor& frame) -> Status {
    ours = frame[0];
    return {};
  };
  ASSERT_TRUE(pipeline::decode_latents(*model_, denoise().back(), keep, {}, pipeline::Rounding::kNearest)
                  .has_value());
  const auto share_that_differs = [&](const at::Tensor& golden) {
    return at::sum(at::ne(ours, golden)).item<double>() / static_cast<double>(golden.numel());
  };
  EXPECT_LE(max_difference(ours, golden_.at("image_u8")), 1);
  EXPECT_LE(share_that_differs(golden_.at("image_u8")), 1e-3);
  EXPECT_GT(share_that_differs(golden_.at("frames_u8")[0]), 0.3);  // the two kinds are told apart
}

INSTANTIATE_TEST_SUITE_P(TextToImage, PictureGolden, testing::Values("t2i_unipc_1f"),
                         [](const auto& test) { return std::string(test.param); });

TEST(PipelineLayouts, OfficialAndDiffusersKeysGiveTheSameTransformer) {
  const c10::InferenceMode inference;
  auto model = pipeline::load_model(data("pipeline_t2v/diffusers"), device::Device{}, {});
  ASSERT_TRUE(model.has_value()) << model.error().message;
  auto state = official_weights(weights::Component::kTransformer,
                                data("pipeline_t2v/official/diffusion_pytorch_model.safetensors"));
  const model::WanTransformer3DModel official((*model)->transformer->config(), state);
  ASSERT_TRUE(state.finish("official").has_value()) << state.finish("official").error().message;
  const Tensors golden = read_tensors(data("pipeline_t2v/case_unipc_9f.safetensors"));
  const auto forward = [&](const model::WanTransformer3DModel& transformer) {
    const at::Tensor noise = golden.at("noise");
    const auto text = transformer.encode_text(golden.at("context"));
    return transformer.forward(noise, 999, text, {},
                               transformer.rotary(noise.size(1), noise.size(2), noise.size(3)), {});
  };
  EXPECT_EQ(max_difference(forward(official), forward(*(*model)->transformer)), 0);
}

}  // namespace
}  // namespace wan::golden
