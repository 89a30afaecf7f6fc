#include "runtime/model/wan_vae_decoder.h"

#include <string>

namespace wan::model {

WanDecoder3d::WanDecoder3d(const AutoencoderKLWanConfig& config, weights::StateDict& state)
    : conv_in(state, "decoder.conv_in", config.z_dim, config.widest(), {3, 3, 3}),
      mid_block(state, "decoder.mid_block", config.widest()) {
  const auto stages = static_cast<int64_t>(config.dim_mult.size());
  int64_t width = config.widest();
  for (int64_t i = 0; i < stages; ++i) {
    const std::string name = "decoder.up_blocks." + std::to_string(i);
    const int64_t out = config.base_dim * config.dim_mult[stages - 1 - i];
    WanUpBlock& block = up_blocks.emplace_back();
    for (int64_t j = 0; j <= config.num_res_blocks; ++j) {
      block.resnets.emplace_back(state, name + ".resnets." + std::to_string(j), j == 0 ? width : out, out);
    }
    width = out;
    if (i + 1 == stages) continue;
    const bool in_time = config.temperal_downsample[stages - 2 - i];
    block.upsampler.emplace(state, name + ".upsamplers.0", width, in_time);
    width /= 2;
  }
  norm_out = state.take("decoder.norm_out.gamma", {width, 1, 1, 1});
  conv_out = WanCausalConv3d(state, "decoder.conv_out", width, 3, {3, 3, 3});
}

at::Tensor WanDecoder3d::forward(const at::Tensor& latents, FeatCache& cache,
                                 const Checkpoint& between_blocks) const {
  at::Tensor hidden = mid_block.forward(conv_in(latents, cache), cache);
  for (const WanUpBlock& block : up_blocks) {
    if (between_blocks) between_blocks();
    for (const WanResidualBlock& resnet : block.resnets) hidden = resnet.forward(hidden, cache);
    if (block.upsampler) hidden = block.upsampler->forward(hidden, cache);
  }
  return conv_out(norm_silu(hidden, norm_out), cache);
}

}  // namespace wan::model
