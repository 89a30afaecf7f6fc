#include "runtime/model/wan_vae_encoder.h"

#include <ATen/ops/cat.h>
#include <algorithm>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace wan::model {
namespace {

constexpr int64_t kConvLookBack = 2;
constexpr int64_t kTime = 2;

}  // namespace

at::Tensor WanDownBlock::in_space(at::Tensor x, FeatCache& cache) const {
  for (const WanResidualBlock& resnet : resnets) x = resnet.forward(std::move(x), cache);
  return downsampler ? downsampler->in_space(x) : x;
}

int64_t WanDownBlock::look_back() const {
  const int64_t in_resnets = static_cast<int64_t>(resnets.size()) * WanResidualBlock::kLookBack;
  return in_resnets + (in_time() ? 1 : 0);
}

WanEncoder3d::WanEncoder3d(const AutoencoderKLWanConfig& config, weights::StateDict& state)
    : conv_in(state, "encoder.conv_in", 3, config.base_dim, {3, 3, 3}) {
  const size_t stages = config.dim_mult.size();
  int64_t width = config.base_dim;
  int layer = 0;  // diffusers numbers residual blocks and downsamplers in one row
  const auto next_name = [&] { return "encoder.down_blocks." + std::to_string(layer++); };
  for (size_t i = 0; i < stages; ++i) {
    const int64_t out = config.encoder_dim(i);
    WanDownBlock& block = down_blocks.emplace_back();
    for (int64_t j = 0; j < config.num_res_blocks; ++j) {
      block.resnets.emplace_back(state, next_name(), j == 0 ? width : out, out);
    }
    width = out;
    if (i + 1 < stages) block.downsampler.emplace(state, next_name(), width, config.temperal_downsample[i]);
  }
  mid_block.emplace(state, "encoder.mid_block", width);
  norm_out = state.take("encoder.norm_out.gamma", {width, 1, 1, 1});
  conv_out = WanCausalConv3d(state, "encoder.conv_out", width, 2 * config.z_dim, {3, 3, 3});
}

// Up to the first convolution in time, where frames are many and large, one of them is in work, and only the
// smaller picture made of it is kept.
at::Tensor WanEncoder3d::run_stage(size_t index, const at::Tensor& x, FeatCache& cache) const {
  const WanDownBlock& block = down_blocks[index];
  const auto stages = std::span(down_blocks).first(index);
  const bool together = std::ranges::any_of(stages, &WanDownBlock::in_time);
  const int64_t at_once = together ? x.size(kTime) : 1;
  const size_t position = cache.position();
  std::vector<at::Tensor> parts;
  for (int64_t i = 0; i < x.size(kTime); i += at_once) {
    cache.move_to(position);
    at::Tensor part = x.narrow(kTime, i, at_once);
    if (index == 0) part = conv_in(part, cache);
    parts.push_back(block.in_space(std::move(part), cache));
  }
  const at::Tensor smaller = parts.size() == 1 ? parts[0] : at::cat(parts, kTime);
  return block.downsampler ? block.downsampler->in_time(smaller, cache) : smaller;
}

at::Tensor WanEncoder3d::run_or_repeat(size_t index, const at::Tensor& x, bool repeated, FeatCache& cache,
                                       const Checkpoint& between_blocks) const {
  const int64_t look_back = down_blocks[index].look_back() + (index == 0 ? kConvLookBack : 0);
  // Two outputs are equal when their own chunks are and the chunks that each looks back on.
  const int64_t needed = (look_back + x.size(kTime) - 1) / x.size(kTime) + 1;
  FeatCache::Stage& stage = cache.stage(index);
  stage.repeats = repeated ? stage.repeats + 1 : 0;
  if (stage.repeats >= needed && stage.output.defined()) {
    cache.move_to(stage.end);
    return stage.output;
  }
  if (between_blocks) between_blocks();
  const at::Tensor output = run_stage(index, x, cache);
  stage.end = cache.position();
  stage.output = stage.repeats + 1 >= needed ? output : at::Tensor();
  return output;
}

at::Tensor WanEncoder3d::forward(const at::Tensor& frames, bool repeated, FeatCache& cache,
                                 const Checkpoint& between_blocks) const {
  at::Tensor hidden = frames;
  for (size_t i = 0; i < down_blocks.size(); ++i) {
    const at::Tensor before = cache.stage(i).output;
    hidden = run_or_repeat(i, hidden, repeated, cache, between_blocks);
    repeated = before.defined() && hidden.is_same(before);
  }
  if (between_blocks) between_blocks();
  return conv_out.after_norm(mid_block->forward(hidden, cache), norm_out, cache);
}

}  // namespace wan::model
