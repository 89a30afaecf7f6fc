// Image to video end to end: image, prompt and seed to frames.

#include <ATen/ops/cat.h>
#include <ATen/ops/ne.h>
#include <ATen/ops/sum.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

#include "runtime/pipeline/noise.h"
#include "runtime/pipeline/video_size.h"
#include "runtime/pipeline/wan_pipeline.h"
#include "tests/golden/support.h"

namespace wan::golden {
namespace {

const std::string kFolder = "pipeline_i2v/";

class ImagePipelineGolden : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    auto model = pipeline::load_model(data(kFolder + "diffusers"), device::Device{}, {});
    ASSERT_TRUE(model.has_value()) << model.error().message;
    model_ = *std::move(model);
    const Json manifest = read_json_file(data(kFolder + "manifest.json"));
    for (const Json& entry : manifest["cases"]) {
      if (entry["name"] == GetParam()) case_ = entry;
    }
    ASSERT_TRUE(case_.is_object());
    golden_ = read_tensors(data(kFolder + case_["file"].get<std::string>()));
    image_ = decoded_image(data(kFolder + case_["image"].get<std::string>()));
  }

  pipeline::VideoShape shape() const {
    const auto size = pipeline::size_for_image(case_["max_area"], image_.width, image_.height);
    EXPECT_TRUE(size.has_value());
    return {case_["frame_num"], size->height, size->width};
  }
  pipeline::ImageCondition condition() const {
    return pipeline::encode_image(*model_, image_, shape(), {}, {});
  }
  model::TextContext encode(const char* prompt) const {
    const auto rows = pipeline::encode_prompt(*model_, case_[prompt], {});
    EXPECT_TRUE(rows.has_value());
    return model_->transformer->encode_text(*rows);
  }
  std::vector<at::Tensor> denoise() const {
    auto sampler = scheduler::make_sampler(case_["sample_solver"].get<std::string>(), case_["sampling_steps"],
                                           case_["shift"]);
    EXPECT_TRUE(sampler.has_value());
    const pipeline::Guidance guidance = {.positive = encode("prompt"),
                                         .negative = encode("n_prompt"),
                                         .image = condition(),
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
  pipeline::InputImage image_;
};

TEST_P(ImagePipelineGolden, TheImageGivesTheOfficialSizeRowsAndChannels) {
  EXPECT_EQ(shape().height, case_["out_hw"][0].get<int64_t>());
  EXPECT_EQ(shape().width, case_["out_hw"][1].get<int64_t>());
  const int64_t side = model_->image_encoder->config().image_size;
  const at::Tensor pixels = pipeline::clip_pixel_values(pipeline::image_tensor(image_), side);
  const double rows = relative_l2(model_->image_encoder->forward(pixels, {}), golden_.at("clip_fea")[0]);
  const double channels = relative_l2(condition().channels, golden_.at("y"));
  report(std::string(GetParam()) + " CLIP rows", rows);
  report(std::string(GetParam()) + " condition", channels);
  EXPECT_LE(rows, 2e-6);
  EXPECT_LE(channels, 1e-5);
}

TEST_P(ImagePipelineGolden, TheSeedGivesTheOfficialNoise) {
  const auto [frames, height, width] = shape();
  const at::Tensor noise =
      pipeline::prepare_latents(*model_, static_cast<int>(frames), static_cast<int>(height),
                                static_cast<int>(width), case_["seed"].get<uint64_t>());
  EXPECT_LE(max_difference(noise, golden_.at("noise")), 1e-6);
}

TEST_P(ImagePipelineGolden, LatentsEqualTheOfficialOnesAfterEveryStep) {
  const auto latents = denoise();
  ASSERT_EQ(latents.size(), case_["sampling_steps"].get<size_t>());
  expect_latents(GetParam(), latents, golden_.at("latents"));
}

TEST_P(ImagePipelineGolden, FramesDifferByAtMostOneInAThousandthOfTheValues) {
  expect_frames(GetParam(), *model_, denoise().back(), golden_.at("frames_u8"));
}

TEST_P(ImagePipelineGolden, TheDefaultNegativePromptIsTheOfficialOne) {
  if (!case_["n_prompt_is_default"].get<bool>()) GTEST_SKIP() << "the case has a prompt of its own";
  EXPECT_EQ(model_->info.defaults.negative_prompt, case_["n_prompt"].get<std::string>());
}

TEST(ImagePipelineLayouts, TheOfficialAndTheDiffusersFilesGiveTheSameVelocity) {
  const c10::InferenceMode inference;
  const auto load = [](const char* layout) {
    return pipeline::load_model(data(kFolder + layout), device::Device{}, {});
  };
  const auto official = load("official"), diffusers = load("diffusers");
  ASSERT_TRUE(official.has_value()) << official.error().message;
  ASSERT_TRUE(diffusers.has_value()) << diffusers.error().message;
  EXPECT_EQ((*official)->info.defaults.task, "image-to-video");
  EXPECT_EQ((*official)->info.defaults.negative_prompt, (*diffusers)->info.defaults.negative_prompt);
  const Tensors golden = read_tensors(data(kFolder + "case_dpmpp_9f.safetensors"));
  const auto image = decoded_image(data(kFolder + "image_dpmpp_9f.png"));
  const auto timestep = golden.at("timesteps")[0].item<int64_t>();
  const auto forward = [&](const pipeline::WanModel& model) {
    const auto condition = pipeline::encode_image(model, image, {9, 48, 32}, {}, {});
    const auto rows = pipeline::encode_prompt(model, "猫が草の上を歩く。", {});
    const at::Tensor noise = golden.at("noise");
    return model.transformer->forward(
        at::cat({noise, condition.channels}), timestep, model.transformer->encode_text(rows.value()),
        condition.context, model.transformer->rotary(noise.size(1), noise.size(2), noise.size(3)), {});
  };
  for (const auto& model : {official->get(), diffusers->get()}) {
    EXPECT_LE(relative_l2(forward(*model), golden.at("cond")[0]), 2e-6) << model->info.directory;
  }
}

INSTANTIATE_TEST_SUITE_P(ImageToVideo, ImagePipelineGolden, testing::Values("unipc_9f", "dpmpp_9f"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace wan::golden
