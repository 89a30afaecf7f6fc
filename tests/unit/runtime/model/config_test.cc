#include "runtime/model/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

#include "base/io/file.h"
#include "tests/support/paths.h"

namespace wan::model {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

Json config_of(const std::string& component) {
  const std::string file =
      testing::source_dir().string() + "/runtime/models/wan-tiny/" + component + "/config.json";
  return *parse_json(*read_file(file));
}

TEST(ModelConfig, ReadsTheBuiltInModel) {
  const auto t5 = umt5_config(config_of("text_encoder"));
  ASSERT_TRUE(t5.has_value()) << t5.error().message;
  EXPECT_EQ(t5->d_model, 128);
  EXPECT_EQ(t5->num_layers, 2);
  const auto transformer = wan_transformer_config(config_of("transformer"));
  ASSERT_TRUE(transformer.has_value()) << transformer.error().message;
  EXPECT_EQ(transformer->inner_dim(), 128);
  const auto vae = autoencoder_config(config_of("vae"));
  ASSERT_TRUE(vae.has_value()) << vae.error().message;
  EXPECT_EQ(vae->dim_mult, (std::vector<int64_t>{1, 2, 4, 4}));
  EXPECT_FLOAT_EQ(vae->latents_std[0], 3.037489F);
}

TEST(ModelConfig, ReadsATransformerWithAnImage) {
  Json json = config_of("transformer");
  EXPECT_EQ(wan_transformer_config(json)->image_dim, std::nullopt);
  json["image_dim"] = 1280;
  json["added_kv_proj_dim"] = 128;
  EXPECT_EQ(wan_transformer_config(json)->image_dim, 1280);
}

TEST(ModelConfig, RefusesATransformerWithHalfAnImage) {
  Json json = config_of("transformer");
  json["image_dim"] = 1280;
  json["added_kv_proj_dim"] = 64;
  EXPECT_THAT(wan_transformer_config(json).error().message,
              AllOf(HasSubstr("added_kv_proj_dim: 64"), HasSubstr("128")));
  json["image_dim"] = nullptr;
  EXPECT_THAT(wan_transformer_config(json).error().message, HasSubstr("added_kv_proj_dim: 64"));
}

TEST(ModelConfig, RefusesFirstAndLastFrameModels) {
  Json json = config_of("transformer");
  json["pos_embed_seq_len"] = 514;
  EXPECT_THAT(wan_transformer_config(json).error().message, HasSubstr("pos_embed_seq_len: 514"));
}

TEST(ModelConfig, RefusesAnotherGenerationsVae) {
  Json json = config_of("vae");
  json["is_residual"] = true;
  EXPECT_THAT(autoencoder_config(json).error().message, HasSubstr("is_residual: true is not supported"));
}

TEST(ModelConfig, ReadsADecoderOfItsOwnWidth) {
  Json json = config_of("vae");
  json["base_dim"] = 16;
  json["decoder_base_dim"] = nullptr;
  EXPECT_EQ(autoencoder_config(json)->decoder_dim(0), 64);
  json["decoder_base_dim"] = 8;
  const auto vae = autoencoder_config(json);
  ASSERT_TRUE(vae.has_value()) << vae.error().message;
  EXPECT_EQ(vae->encoder_dim(3), 64);
  EXPECT_EQ(vae->decoder_dim(0), 32);
  EXPECT_EQ(vae->decoder_dim(3), 8);
  json["decoder_base_dim"] = 0;
  EXPECT_THAT(autoencoder_config(json).error().message, HasSubstr("decoder_base_dim: 0"));
}

TEST(ModelConfig, RefusesSizesThatAreMissingOrMakeNoSense) {
  Json json = config_of("transformer");
  json.erase("ffn_dim");
  EXPECT_THAT(wan_transformer_config(json).error().message, HasSubstr("ffn_dim: missing"));
  json["ffn_dim"] = -1;
  EXPECT_THAT(wan_transformer_config(json).error().message, HasSubstr("ffn_dim: -1"));
  json = config_of("vae");
  json["latents_mean"] = {1, 2};
  EXPECT_THAT(autoencoder_config(json).error().message,
              HasSubstr("latents_mean: must be a list of 16 numbers"));
  json = config_of("vae");
  json["dim_mult"] = {1, 2};
  EXPECT_THAT(autoencoder_config(json).error().message, HasSubstr("temperal_downsample"));
}

TEST(ModelConfig, RefusesAnotherTextEncoder) {
  Json json = config_of("text_encoder");
  json["model_type"] = "t5";
  EXPECT_THAT(umt5_config(json).error().message,
              HasSubstr("model_type: \"t5\" is not supported; supported: \"umt5\""));
}

}  // namespace
}  // namespace wan::model
