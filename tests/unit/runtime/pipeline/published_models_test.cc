// Every published model in both layouts, at its real size: all keys are found, all shapes are right, nothing
// is left over. The models are built on the meta device, so not one byte of the weights is read.

#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <optional>

#include "runtime/model/autoencoder_kl_wan.h"
#include "runtime/model/clip_vision_model.h"
#include "runtime/model/umt5_encoder.h"
#include "runtime/model/wan_transformer.h"
#include "runtime/pipeline/model_files.h"
#include "tests/unit/base/temporary_folder.h"
#include "tests/unit/runtime/pipeline/published_layouts.h"

namespace wan::pipeline {
namespace {

using ::testing::HasSubstr;
using testing::Published;
using weights::Component;

const Published kPublished[] = {
    {"T2V_1_3B", "t2v_1.3b", 1536, 8960, 12, 30},
    {"T2V_14B", "t2v_14b", 5120, 13824, 40, 40},
    {"I2V_14B", "i2v_14b", 5120, 13824, 40, 40, true},  // 480P and 720P have the same shapes
};

int64_t peak_resident_kilobytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stoll(line.substr(6));
  }
  return 0;
}

template <typename Model, typename Config>
int64_t build(const ModelFiles& files, Component component, Result<Config> (*read_config)(const Json&)) {
  auto opened = open_component(files, component);
  if (!opened) {
    ADD_FAILURE() << opened.error().message;
    return 0;
  }
  const auto config = read_config(opened->config);
  if (!config) {
    ADD_FAILURE() << config.error().message;
    return 0;
  }
  weights::StateDict state(std::move(opened->tensors), c10::kMeta);
  const Model model(*config, state);
  const auto status = state.finish(opened->where);
  EXPECT_TRUE(status.has_value()) << status.error().message;
  return state.parameters();
}

class PublishedModels : public ::testing::TestWithParam<Published> {
 protected:
  void expect_all_parts_fit() const {
    const auto files = find_model_files(folder_.path());
    ASSERT_TRUE(files.has_value()) << files.error().message;
    EXPECT_EQ(files->from_image, GetParam().from_image);
    const int64_t before = peak_resident_kilobytes();
    EXPECT_EQ(build<model::UMT5EncoderModel>(*files, Component::kTextEncoder, model::umt5_config),
              5'680'910'336);
    const int64_t transformer =
        build<model::WanTransformer3DModel>(*files, Component::kTransformer, model::wan_transformer_config);
    EXPECT_EQ(transformer, GetParam().from_image                 ? 16'394'878'784
                           : GetParam().transformer == "t2v_14b" ? 14'288'491'584
                                                                 : 1'418'996'800);
    EXPECT_EQ(build<model::AutoencoderKLWan>(*files, Component::kVae, model::autoencoder_config),
              126'892'531);
    expect_image_encoder(*files);
    EXPECT_LT(peak_resident_kilobytes() - before, 200 << 10);
  }

  void expect_image_encoder(const ModelFiles& files) const {
    if (!files.from_image) return;
    // All 32 layers but the last.
    EXPECT_EQ(build<model::CLIPVisionModel>(files, Component::kImageEncoder, model::clip_vision_config),
              611'086'080);
  }

  wan::testing::TemporaryFolder folder_;
};

TEST_P(PublishedModels, TheOfficialFilesFit) {
  testing::write_official(GetParam(), folder_.path());
  expect_all_parts_fit();
}

TEST_P(PublishedModels, TheDiffusersFilesFit) {
  testing::write_diffusers(GetParam(), folder_.path());
  expect_all_parts_fit();
}

INSTANTIATE_TEST_SUITE_P(Wan21, PublishedModels, ::testing::ValuesIn(kPublished),
                         [](const auto& test) { return test.param.name; });

TEST(ModelFilesTest, AModelWithAWrongLayerCountIsRefusedWithTheKeys) {
  wan::testing::TemporaryFolder folder;
  Published wrong = kPublished[0];
  wrong.layers = 29;
  testing::write_official(wrong, folder.path());
  auto opened = open_component(*find_model_files(folder.path()), Component::kTransformer);
  ASSERT_TRUE(opened.has_value()) << opened.error().message;
  weights::StateDict state(std::move(opened->tensors), c10::kMeta);
  const model::WanTransformer3DModel model(*model::wan_transformer_config(opened->config), state);
  EXPECT_THAT(state.finish("transformer").error().message,
              HasSubstr("not known to the model (27): blocks.29."));
}

TEST(ModelFilesTest, OtherModelsAreRefusedByName) {
  wan::testing::TemporaryFolder folder;
  const auto refused = [&](const char* file, const char* text) {
    EXPECT_TRUE(write_file_atomically(folder.path() / file, text).has_value());
    const auto files = find_model_files(folder.path());
    return files ? "no error" : files.error().message;
  };
  EXPECT_THAT(find_model_files(folder.path()).error().message, HasSubstr("has no model_index.json"));
  EXPECT_THAT(refused("config.json", R"({"model_type":"vace"})"),
              HasSubstr("model_type: 'vace' cannot be run"));
  EXPECT_THAT(refused("model_index.json", R"({"_class_name":"FluxPipeline"})"), HasSubstr("'FluxPipeline'"));
  EXPECT_THAT(
      refused("model_index.json", R"({"_class_name":"WanPipeline","transformer_2":["diffusers","X"]})"),
      HasSubstr("Wan 2.2"));
}

}  // namespace
}  // namespace wan::pipeline
