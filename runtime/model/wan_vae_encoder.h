#pragma once
// WanEncoder3d: frames to the mean and log-variance of latent frames, an eighth as high and wide. A video
// comes in chunks: its first frame alone, then any multiple of four frames at a time; four of them become one
// latent frame.

#include <ATen/core/Tensor.h>
#include <optional>
#include <vector>

#include "runtime/model/config.h"
#include "runtime/model/wan_vae_layers.h"

namespace wan::model {

struct WanDownBlock {
  std::vector<WanResidualBlock> resnets;
  std::optional<WanDownsample> downsampler;

  // All but the convolution in time.
  [[nodiscard]] at::Tensor in_space(at::Tensor x, FeatCache& cache) const;
  [[nodiscard]] bool in_time() const { return downsampler && downsampler->time_conv; }
  [[nodiscard]] int64_t look_back() const;  // in frames of its input
};

struct WanEncoder3d {
  WanCausalConv3d conv_in;
  std::vector<WanDownBlock> down_blocks;
  std::optional<WanMidBlock> mid_block;
  at::Tensor norm_out;
  WanCausalConv3d conv_out;

  WanEncoder3d(const AutoencoderKLWanConfig& config, weights::StateDict& state);
  // [1, 3, frames, H, W] -> [1, 2 * z_dim, 1 or frames / 4, H / 8, W / 8]. `repeated`: the chunk before had
  // the same values. A stage that has seen nothing else for longer than it looks back then gives its last
  // output again, which is exact: grey frames after an image cost a third.
  [[nodiscard]] at::Tensor forward(const at::Tensor& frames, bool repeated, FeatCache& cache,
                                   const Checkpoint& between_blocks) const;

 private:
  // The first stage works with conv_in: the chunk between them is the largest tensor of all, not to be kept.
  [[nodiscard]] at::Tensor run_stage(size_t index, const at::Tensor& x, FeatCache& cache) const;
  [[nodiscard]] at::Tensor run_or_repeat(size_t index, const at::Tensor& x, bool repeated, FeatCache& cache,
                                         const Checkpoint& between_blocks) const;
};

}  // namespace wan::model
