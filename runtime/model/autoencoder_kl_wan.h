#pragma once
// AutoencoderKLWan: frames to latents and back, a video at a time in chunks, so that memory does not grow
// with its length. Whatever the chunks, the numbers are the same. Names follow diffusers.

#include <ATen/core/Tensor.h>
#include <optional>

#include "runtime/model/config.h"
#include "runtime/model/wan_vae_decoder.h"
#include "runtime/model/wan_vae_encoder.h"
#include "runtime/model/wan_vae_layers.h"

namespace wan::model {

class AutoencoderKLWan {
 public:
  // The encoder is needed for image to video only; without it its weights are passed over.
  enum class Parts { kDecoder, kEncoderAndDecoder };

  AutoencoderKLWan(const AutoencoderKLWanConfig& config, weights::StateDict& state,
                   Parts parts = Parts::kEncoderAndDecoder);

  // frames [3, count, H, W] in -1..1 -> the mean of their latents, normalized as the transformer takes them,
  // [z_dim, latent frames, H / 8, W / 8]. `cache` belongs to the video, whose chunks come in order: first one
  // frame, then any multiple of four. `repeated`: the chunk before had the same values; the result is the
  // same without it, only later. REQUIRES the encoder.
  [[nodiscard]] at::Tensor encode(const at::Tensor& frames, bool repeated, FeatCache& cache,
                                  const Checkpoint& between_blocks) const;

  // latents [z_dim, count, h, w] as the transformer makes them -> [3, 1 or 4 * count, 8h, 8w], about -1..1,
  // not clamped. `cache` belongs to the video, whose chunks come in order: first one latent frame, then any
  // number.
  [[nodiscard]] at::Tensor decode(const at::Tensor& latents, FeatCache& cache,
                                  const Checkpoint& between_blocks) const;

  [[nodiscard]] const AutoencoderKLWanConfig& config() const { return config_; }
  [[nodiscard]] c10::Device device() const { return latents_mean_.device(); }

 private:
  AutoencoderKLWanConfig config_;
  at::Tensor latents_mean_, latents_inverse_std_;  // [z_dim, 1, 1, 1]
  std::optional<WanEncoder3d> encoder_;
  WanCausalConv3d quant_conv_;
  WanCausalConv3d post_quant_conv_;
  WanDecoder3d decoder_;
};

}  // namespace wan::model
