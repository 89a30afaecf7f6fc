#include <ATen/ops/cat.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "runtime/model/autoencoder_kl_wan.h"
#include "tests/golden/support.h"

namespace wan::golden {
namespace {

model::AutoencoderKLWanConfig config_of(const Json& manifest) {
  const Json& official = manifest["config"];
  model::AutoencoderKLWanConfig config;
  config.base_dim = official["dim"];
  config.z_dim = official["z_dim"];
  config.dim_mult = official["dim_mult"].get<std::vector<int64_t>>();
  config.num_res_blocks = official["num_res_blocks"];
  config.temperal_downsample = official["temperal_downsample"].get<std::vector<bool>>();
  config.latents_mean = manifest["mean"].get<std::vector<float>>();
  config.latents_std = manifest["std"].get<std::vector<float>>();
  return config;
}

class VaeGolden : public testing::Test {
 protected:
  model::AutoencoderKLWan load() {
    auto state = official_weights(weights::Component::kVae, data("vae/weights.safetensors"));
    model::AutoencoderKLWan vae(config_of(manifest_), state);
    EXPECT_TRUE(state.finish("vae").has_value()) << state.finish("vae").error().message;
    return vae;
  }
  static at::Tensor decode(const model::AutoencoderKLWan& vae, const at::Tensor& latents) {
    const at::Tensor z = vae.denormalize(latents);
    model::FeatCache cache;
    std::vector<at::Tensor> frames;
    for (int64_t i = 0; i < z.size(1); ++i) {
      frames.push_back(vae.decode_frame(z.narrow(1, i, 1), i == 0, cache, {}));
    }
    return at::cat(frames, 1);
  }

  c10::InferenceMode inference_;
  Json manifest_ = read_json_file(data("vae/manifest.json"));
  Tensors golden_ = read_tensors(data("vae/data.safetensors"));
};

TEST_F(VaeGolden, DecodingAVideoEqualsTheOfficialDecoder) {
  const double error = relative_l2(decode(load(), golden_.at("latent")), golden_.at("decode.T5.raw"));
  report("VAE decode, 17 frames", error);
  EXPECT_LE(error, 1e-5);
}

TEST_F(VaeGolden, DecodingAnImageEqualsTheOfficialDecoder) {
  const double error = relative_l2(decode(load(), golden_.at("latent1")), golden_.at("decode.T1.raw"));
  report("VAE decode, 1 frame", error);
  EXPECT_LE(error, 1e-5);
}

TEST_F(VaeGolden, TheFirstFramesDoNotDependOnLaterOnes) {
  const auto vae = load();
  const at::Tensor whole = decode(vae, golden_.at("latent"));
  const at::Tensor part = decode(vae, golden_.at("latent").narrow(1, 0, 2));
  EXPECT_EQ(max_difference(part, whole.narrow(1, 0, 5)), 0);
}

}  // namespace
}  // namespace wan::golden
