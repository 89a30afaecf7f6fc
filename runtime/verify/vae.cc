#include <ATen/ops/cat.h>
#include <ATen/ops/zeros.h>
#include <charconv>
#include <fmt/format.h>

#include "runtime/model/autoencoder_kl_wan.h"
#include "runtime/verify/compare.h"
#include "runtime/verify/component.h"

namespace wan::verify {
namespace {

constexpr double kLimit = 1e-5;
constexpr int64_t kEncodeChunk = 4;
constexpr std::string_view kEncode = "encode.F", kImage = "encode.image_zeros.F", kDecode = "decode.T";

model::AutoencoderKLWanConfig config_of(const Json& manifest) {
  const Json& official = manifest.at("config");
  model::AutoencoderKLWanConfig config;
  config.base_dim = official.at("dim");
  config.z_dim = official.at("z_dim");
  config.dim_mult = official.at("dim_mult").get<std::vector<int64_t>>();
  config.num_res_blocks = official.at("num_res_blocks");
  config.temperal_downsample = official.at("temperal_downsample").get<std::vector<bool>>();
  config.latents_mean = manifest.at("mean").get<std::vector<float>>();
  config.latents_std = manifest.at("std").get<std::vector<float>>();
  return config;
}

at::Tensor encode(const model::AutoencoderKLWan& vae, const at::Tensor& video) {
  model::FeatCache cache;
  std::vector<at::Tensor> latents = {vae.encode(video.narrow(1, 0, 1), false, cache, {})};
  for (int64_t done = 1; done < video.size(1); done += kEncodeChunk) {
    latents.push_back(vae.encode(video.narrow(1, done, kEncodeChunk), false, cache, {}));
  }
  return at::cat(latents, 1);
}

at::Tensor decode(const model::AutoencoderKLWan& vae, const at::Tensor& latents) {
  model::FeatCache cache;
  std::vector<at::Tensor> frames;
  for (int64_t i = 0; i < latents.size(1); ++i) {
    frames.push_back(vae.decode(latents.narrow(1, i, 1), cache, {}));
  }
  return at::cat(frames, 1);
}

at::Tensor image_and_zeros(const at::Tensor& image, int64_t frames) {
  return at::cat({image, at::zeros({3, frames - 1, image.size(2), image.size(3)}, image.options())}, 1);
}

int64_t number_after(std::string_view name, std::string_view prefix) {
  int64_t number = 0;
  std::from_chars(name.data() + prefix.size(), name.data() + name.size(), number);
  return number;
}

// What the golden of that name is; undefined for an input.
at::Tensor computed(const model::AutoencoderKLWan& vae, const Tensors& data, const std::string& name) {
  if (name.starts_with(kImage)) {
    return encode(vae, image_and_zeros(data.at("image"), number_after(name, kImage)));
  }
  if (name.starts_with(kEncode)) {
    return encode(vae, data.at("video").narrow(1, 0, number_after(name, kEncode)));
  }
  if (!name.starts_with(kDecode)) return {};
  // "decode.T1.raw" may be of a latent of its own; the others are of the first frames of `latent`.
  const int64_t frames = number_after(name, kDecode);
  const at::Tensor& latent = data.at(frames == 1 && data.contains("latent1") ? "latent1" : "latent");
  return decode(vae, latent.narrow(1, 0, frames));
}

}  // namespace

Rows verify_vae(const Golden& golden) {
  const Tensors data = golden.tensors("data.safetensors");
  auto state = golden.weights(weights::Component::kVae, "weights.safetensors");
  const model::AutoencoderKLWan vae(config_of(golden.manifest()), state,
                                    model::AutoencoderKLWan::Parts::kEncoderAndDecoder);
  finish(state, "vae");
  Rows rows;
  for (const auto& [name, theirs] : data) {
    const at::Tensor ours = computed(vae, data, name);
    if (ours.defined()) rows.push_back(within_relative(name, ours, theirs, kLimit));
  }
  return rows;
}

}  // namespace wan::verify
