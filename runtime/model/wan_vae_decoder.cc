#include "runtime/model/wan_vae_decoder.h"

#include <ATen/ops/cat.h>
#include <string>
#include <utility>

namespace wan::model {
namespace {

constexpr int64_t kTime = 2;

// The frames of x, the last one first, each in memory of its own, to be let go of one by one.
std::vector<at::Tensor> frames_apart(const at::Tensor& x) {
  if (x.size(kTime) == 1) return {x};
  std::vector<at::Tensor> frames;
  for (int64_t i = x.size(kTime); i-- > 0;) frames.push_back(x.narrow(kTime, i, 1).clone());
  return frames;
}

at::Tensor take_last(std::vector<at::Tensor>& frames) {
  at::Tensor last = std::move(frames.back());
  frames.pop_back();
  return last;
}

}  // namespace

WanDecoder3d::WanDecoder3d(const AutoencoderKLWanConfig& config, weights::StateDict& state)
    : conv_in(state, "decoder.conv_in", config.z_dim, config.decoder_dim(0), {3, 3, 3}),
      mid_block(state, "decoder.mid_block", config.decoder_dim(0)) {
  const size_t stages = config.dim_mult.size();
  int64_t width = config.decoder_dim(0);
  for (size_t i = 0; i < stages; ++i) {
    const std::string name = "decoder.up_blocks." + std::to_string(i);
    const int64_t out = config.decoder_dim(i);
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

at::Tensor WanDecoder3d::run_resnets(size_t block, at::Tensor hidden, FeatCache& cache,
                                     const Checkpoint& between_blocks) const {
  if (between_blocks) between_blocks();
  for (const WanResidualBlock& resnet : up_blocks[block].resnets)
    hidden = resnet.forward(std::move(hidden), cache);
  return hidden;
}

// Behind the last convolution in time every frame goes its way alone: the pictures are largest there, and
// only one of them is in work.
at::Tensor WanDecoder3d::finish_frame(size_t block, at::Tensor frame, FeatCache& cache,
                                      const Checkpoint& between_blocks) const {
  for (size_t i = block; i < up_blocks.size(); ++i) {
    if (i > 0 && up_blocks[i - 1].upsampler) frame = up_blocks[i - 1].upsampler->in_space(frame);
    give_back_if_large(frame);
    frame = run_resnets(i, std::move(frame), cache, between_blocks);
  }
  return conv_out.after_norm(std::move(frame), norm_out, cache);
}

at::Tensor WanDecoder3d::forward(const at::Tensor& latents, FeatCache& cache,
                                 const Checkpoint& between_blocks) const {
  at::Tensor hidden = mid_block.forward(conv_in(latents, cache), cache);
  size_t alone = up_blocks.size();
  while (alone > 0 && !up_blocks[alone - 1].in_time()) --alone;
  for (size_t i = 0; i < alone; ++i) {
    if (i > 0)
      hidden = up_blocks[i - 1].upsampler->in_space(up_blocks[i - 1].upsampler->in_time(hidden, cache));
    hidden = run_resnets(i, std::move(hidden), cache, between_blocks);
  }
  const size_t position = cache.position();
  std::vector<at::Tensor> frames, waiting = frames_apart(std::exchange(hidden, {}));
  while (!waiting.empty()) {
    cache.move_to(position);
    at::Tensor frame = take_last(waiting);
    if (alone > 0) frame = up_blocks[alone - 1].upsampler->in_time(frame, cache);
    const size_t behind = cache.position();
    std::vector<at::Tensor> made = frames_apart(std::exchange(frame, {}));
    while (!made.empty()) {
      cache.move_to(behind);
      frames.push_back(finish_frame(alone, take_last(made), cache, between_blocks));
    }
  }
  return at::cat(frames, kTime);
}

}  // namespace wan::model
