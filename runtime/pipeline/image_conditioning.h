#pragma once
// What image to video makes of its image before the first step, as the official code does it: on the CPU, in
// fp32, resized without antialiasing, values beyond -1..1 kept.

#include <ATen/core/Tensor.h>
#include <cstdint>
#include <functional>

#include "runtime/model/autoencoder_kl_wan.h"
#include "runtime/pipeline/generation.h"

namespace wan::pipeline {

// [3, height, width] in -1..1.
[[nodiscard]] at::Tensor image_tensor(const InputImage& image);

// Bicubic, whatever the aspect ratio, of an image_tensor().
[[nodiscard]] at::Tensor resize_image(const at::Tensor& image, int64_t height, int64_t width);

// What the CLIP tower sees of an image_tensor(): all of it, squashed to a square and normalized,
// [3, side, side].
[[nodiscard]] at::Tensor clip_pixel_values(const at::Tensor& image, int64_t side);

// [4, latent frames, latent_height, latent_width]: one where the frames (four to a latent frame, the first
// one counted four times) are given, which is the first, else zero.
[[nodiscard]] at::Tensor condition_mask(int64_t frames, int64_t latent_height, int64_t latent_width);

// Pixels and frames of the video to come.
struct VideoShape {
  int64_t frames = 0, height = 0, width = 0;
};

// How many latent frames are encoded.
using LatentFrameSink = std::function<void(int64_t done)>;

// The mask, then the latents of the resized image followed by grey frames: [4 + z_dim, latent frames,
// height / 8, width / 8]. REQUIRES a VAE with its encoder.
[[nodiscard]] at::Tensor encode_condition(const model::AutoencoderKLWan& vae, const at::Tensor& image,
                                          const VideoShape& shape, const LatentFrameSink& on_latent_frame,
                                          const model::Checkpoint& checkpoint);

}  // namespace wan::pipeline
