#pragma once
// WanDecoder3d: latent frames to frames, eight times as high and wide. A video comes in chunks: its first
// latent frame alone, then any number at a time; each of the later ones becomes four frames.

#include <ATen/core/Tensor.h>
#include <optional>
#include <vector>

#include "runtime/model/config.h"
#include "runtime/model/wan_vae_layers.h"

namespace wan::model {

struct WanUpBlock {
  std::vector<WanResidualBlock> resnets;
  std::optional<WanUpsample> upsampler;

  [[nodiscard]] bool in_time() const { return upsampler && upsampler->time_conv; }
};

class WanDecoder3d {
 public:
  WanCausalConv3d conv_in;
  WanMidBlock mid_block;
  std::vector<WanUpBlock> up_blocks;
  at::Tensor norm_out;
  WanCausalConv3d conv_out;

  WanDecoder3d(const AutoencoderKLWanConfig& config, weights::StateDict& state);
  // [1, z_dim, frames, h, w] -> [1, 3, 1 or 4 * frames, 8h, 8w]
  [[nodiscard]] at::Tensor forward(const at::Tensor& latents, FeatCache& cache,
                                   const Checkpoint& between_blocks) const;

 private:
  [[nodiscard]] at::Tensor run_resnets(size_t block, at::Tensor hidden, FeatCache& cache,
                                       const Checkpoint& between_blocks) const;
  // The frame that block - 1 made, from its upsampling in space on.
  [[nodiscard]] at::Tensor finish_frame(size_t block, at::Tensor frame, FeatCache& cache,
                                        const Checkpoint& between_blocks) const;
};

}  // namespace wan::model
