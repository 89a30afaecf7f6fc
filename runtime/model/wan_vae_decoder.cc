#include "runtime/model/wan_vae_decoder.h"

#include <ATen/ops/cat.h>
#include <string>

namespace wan::model {
namespace {

constexpr int64_t kTime = 2;

}  // namespace

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

at::Tensor WanDecoder3d::run_blocks(size_t first, size_t end, at::Tensor hidden, FeatCache& cache,
                                    const Checkpoint& between_blocks) const {
  for (size_t i = first; i < end; ++i) {
    if (between_blocks) between_blocks();
    for (const WanResidualBlock& resnet : up_blocks[i].resnets) hidden = resnet.forward(hidden, cache);
    if (up_blocks[i].upsampler) hidden = up_blocks[i].upsampler->forward(hidden, cache);
  }
  return hidden;
}

at::Tensor WanDecoder3d::forward(const at::Tensor& latents, FeatCache& cache,
                                 const Checkpoint& between_blocks) const {
  const at::Tensor middle = mid_block.forward(conv_in(latents, cache), cache);
  // Behind the last block that makes new frames, the frames pass one at a time: the pictures are largest
  // there, and only one of them is in work.
  size_t alone = up_blocks.size();
  while (alone > 0 && !(up_blocks[alone - 1].upsampler && up_blocks[alone - 1].upsampler->time_conv)) --alone;
  const at::Tensor hidden = run_blocks(0, alone, middle, cache, between_blocks);
  const size_t position = cache.position();
  std::vector<at::Tensor> frames;
  for (int64_t i = 0; i < hidden.size(kTime); ++i) {
    cache.move_to(position);
    const at::Tensor frame =
        run_blocks(alone, up_blocks.size(), hidden.narrow(kTime, i, 1), cache, between_blocks);
    frames.push_back(conv_out.after_norm(frame, norm_out, cache));
  }
  return at::cat(frames, kTime);
}

}  // namespace wan::model
