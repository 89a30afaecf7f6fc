#include <ATen/ops/cat.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "runtime/model/autoencoder_kl_wan.h"
#include "tests/golden/support.h"

namespace wan::golden {
namespace {

constexpr double kLimit = 1e-5;
using Parts = model::AutoencoderKLWan::Parts;
using Chunks = std::vector<int64_t>;

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

weights::StateDict vae_weights() {
  return official_weights(weights::Component::kVae, data("vae/weights.safetensors"));
}

// One frame, then equal chunks; the last may be shorter.
Chunks chunks_of(int64_t frames, int64_t later) {
  Chunks chunks = {1};
  for (int64_t done = 1; done < frames; done += later) chunks.push_back(std::min(later, frames - done));
  return chunks;
}

class VaeGolden : public testing::Test {
 protected:
  model::AutoencoderKLWan load() const {
    auto state = vae_weights();
    model::AutoencoderKLWan vae(config_of(manifest_), state, Parts::kEncoderAndDecoder);
    EXPECT_TRUE(state.finish("vae").has_value()) << state.finish("vae").error().message;
    return vae;
  }
  static at::Tensor encode(const model::AutoencoderKLWan& vae, const at::Tensor& video,
                           const Chunks& chunks) {
    model::FeatCache cache;
    std::vector<at::Tensor> latents;
    int64_t done = 0;
    for (const int64_t count : chunks) {
      latents.push_back(vae.encode(video.narrow(1, done, count), false, cache, {}));
      done += count;
    }
    return at::cat(latents, 1);
  }
  static at::Tensor decode(const model::AutoencoderKLWan& vae, const at::Tensor& latents,
                           const Chunks& chunks) {
    model::FeatCache cache;
    std::vector<at::Tensor> frames;
    int64_t done = 0;
    for (const int64_t count : chunks) {
      frames.push_back(vae.decode(latents.narrow(1, done, count), cache, {}));
      done += count;
    }
    return at::cat(frames, 1);
  }
  at::Tensor image_and_zeros(int64_t frames) const {
    const at::Tensor image = golden_.at("image");
    return at::cat({image, at::zeros({3, frames - 1, image.size(2), image.size(3)})}, 1);
  }

  c10::InferenceMode inference_;
  Json manifest_ = read_json_file(data("vae/manifest.json"));
  Tensors golden_ = read_tensors(data("vae/data.safetensors"));
};

TEST_F(VaeGolden, RepeatedChunksGiveTheSameBitsWithLessWork) {
  constexpr int64_t kFrames = 81, kChunk = 4;
  const auto vae = load();
  const at::Tensor video = image_and_zeros(kFrames);
  const at::Tensor grey = at::zeros({3, kChunk, video.size(2), video.size(3)});
  const auto run = [&](bool say_repeated, int& stages) {
    model::FeatCache cache;
    const model::Checkpoint count = [&stages] { ++stages; };
    std::vector<at::Tensor> latents = {vae.encode(golden_.at("image"), false, cache, count)};
    for (int64_t done = 1; done < kFrames; done += kChunk) {
      latents.push_back(vae.encode(grey, say_repeated && done > 1, cache, count));
    }
    return at::cat(latents, 1);
  };
  int all = 0, fewer = 0;
  const at::Tensor whole = run(false, all), repeated = run(true, fewer);
  EXPECT_EQ(max_difference(repeated, whole), 0);
  EXPECT_LE(relative_l2(repeated, encode(vae, video, chunks_of(kFrames, kChunk))), 1e-7);
  // Of 20 grey chunks the first stage, which costs most, runs for 4, the second for 7.
  EXPECT_LE(fewer, all - 29);
}

TEST_F(VaeGolden, ARepetitionThatEndsIsNotedAtOnce) {
  const auto vae = load();
  const at::Tensor video = golden_.at("video");
  const at::Tensor first = video.narrow(1, 0, 1), grey = video.narrow(1, 1, 4), other = video.narrow(1, 5, 4);
  const auto run = [&](bool say_repeated) {
    model::FeatCache cache;
    std::vector<at::Tensor> latents = {vae.encode(first, false, cache, {})};
    for (int i = 0; i < 12; ++i) latents.push_back(vae.encode(grey, say_repeated && i > 0, cache, {}));
    latents.push_back(vae.encode(other, false, cache, {}));
    for (int i = 0; i < 12; ++i) latents.push_back(vae.encode(grey, say_repeated && i > 0, cache, {}));
    return at::cat(latents, 1);
  };
  EXPECT_EQ(max_difference(run(true), run(false)), 0);
}

TEST_F(VaeGolden, TheChunksDoNotChangeTheResult) {
  const auto vae = load();
  const at::Tensor video = golden_.at("video"), latents = golden_.at("latent");
  for (const Chunks& chunks : {Chunks{1, 8, 8}, Chunks{1, 16}, Chunks{1, 12, 4}, Chunks{1, 4, 12}}) {
    EXPECT_LE(relative_l2(encode(vae, video, chunks), golden_.at("encode.F17")), kLimit)
        << testing::PrintToString(chunks);
  }
  for (const Chunks& chunks : {Chunks{1, 2, 2}, Chunks{1, 4}, Chunks{1, 1, 3}, Chunks{1, 3, 1}}) {
    EXPECT_LE(relative_l2(decode(vae, latents, chunks), golden_.at("decode.T5.raw")), kLimit)
        << testing::PrintToString(chunks);
  }
}

TEST_F(VaeGolden, TheFirstFramesDoNotDependOnLaterOnes) {
  const auto vae = load();
  const at::Tensor whole = decode(vae, golden_.at("latent"), chunks_of(5, 1));
  const at::Tensor part = decode(vae, golden_.at("latent").narrow(1, 0, 2), chunks_of(2, 1));
  EXPECT_EQ(max_difference(part, whole.narrow(1, 0, 5)), 0);
}

TEST_F(VaeGolden, WithoutTheEncoderOnlyItsWeightsAreLeftOut) {
  auto state = vae_weights();
  const model::AutoencoderKLWan vae(config_of(manifest_), state, Parts::kDecoder);
  ASSERT_TRUE(state.finish("vae").has_value()) << state.finish("vae").error().message;
  EXPECT_EQ(
      max_difference(decode(vae, golden_.at("latent1"), {1}), decode(load(), golden_.at("latent1"), {1})), 0);
}

// Every module at every chunk, by its official name.
class VaeTaps : public VaeGolden {
 protected:
  explicit VaeTaps(const std::string& file) : taps_(read_tensors(data("vae/" + file))) {}

  void expect_tap(int chunk, const std::string& module, const at::Tensor& ours) {
    const auto tap = taps_.find("chunk" + std::to_string(chunk) + "." + module);
    if (tap == taps_.end()) return;
    EXPECT_LE(relative_l2(ours, tap->second), kLimit) << tap->first;
    ++compared_;
  }
  at::Tensor run_middle(const model::WanMidBlock& block, int chunk, const std::string& name, at::Tensor x,
                        model::FeatCache& cache) {
    expect_tap(chunk, name + ".0", x = block.resnet_0.forward(x, cache));
    expect_tap(chunk, name + ".1", x = block.attention.forward(x));
    expect_tap(chunk, name + ".2", x = block.resnet_1.forward(x, cache));
    return x;
  }

  Tensors taps_;
  size_t compared_ = 0;
};

class VaeEncoderTaps : public VaeTaps {
 protected:
  VaeEncoderTaps() : VaeTaps("taps_encode_F9.safetensors") {}
};
class VaeDecoderTaps : public VaeTaps {
 protected:
  VaeDecoderTaps() : VaeTaps("taps_decode_T3.safetensors") {}
};

TEST_F(VaeEncoderTaps, EveryModuleEqualsTheOfficialOne) {
  auto state = vae_weights();
  const model::WanEncoder3d encoder(config_of(manifest_), state);
  model::FeatCache cache;
  int64_t done = 0;
  for (const int64_t count : chunks_of(9, 4)) {
    const int chunk = static_cast<int>((done + 3) / 4);
    cache.begin_chunk();
    at::Tensor x = encoder.conv_in(golden_.at("video").narrow(1, done, count).unsqueeze(0), cache);
    int layer = 0;
    const auto expect_layer = [&] { expect_tap(chunk, "encoder.downsamples." + std::to_string(layer++), x); };
    for (const model::WanDownBlock& block : encoder.down_blocks) {
      for (const auto& resnet : block.resnets) {
        x = resnet.forward(x, cache);
        expect_layer();
      }
      if (!block.downsampler) continue;
      x = block.downsampler->in_time(block.downsampler->in_space(x), cache);
      expect_layer();
    }
    x = run_middle(*encoder.mid_block, chunk, "encoder.middle", x, cache);
    expect_tap(chunk, "encoder.head.2", encoder.conv_out(model::norm_silu(x, encoder.norm_out), cache));
    done += count;
  }
  EXPECT_EQ(compared_, taps_.size());
}

TEST_F(VaeDecoderTaps, EveryModuleEqualsTheOfficialOne) {
  auto state = vae_weights();
  const model::WanDecoder3d decoder(config_of(manifest_), state);
  const at::Tensor z = taps_.at("chunk0.conv2");  // all latent frames, after the first convolution
  model::FeatCache cache;
  for (int chunk = 0; chunk < z.size(2); ++chunk) {
    cache.begin_chunk();
    at::Tensor x = decoder.conv_in(z.narrow(2, chunk, 1), cache);
    expect_tap(chunk, "decoder.conv1", x);
    x = run_middle(decoder.mid_block, chunk, "decoder.middle", x, cache);
    int layer = 0;
    const auto expect_layer = [&] { expect_tap(chunk, "decoder.upsamples." + std::to_string(layer++), x); };
    for (const model::WanUpBlock& block : decoder.up_blocks) {
      for (const auto& resnet : block.resnets) {
        x = resnet.forward(x, cache);
        expect_layer();
      }
      if (!block.upsampler) continue;
      x = block.upsampler->in_space(block.upsampler->in_time(x, cache));
      expect_layer();
    }
    expect_tap(chunk, "decoder.head.2", decoder.conv_out(model::norm_silu(x, decoder.norm_out), cache));
  }
  EXPECT_EQ(compared_ + 1, taps_.size());  // conv2 is the input
}

}  // namespace
}  // namespace wan::golden
