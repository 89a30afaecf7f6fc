#include "runtime/model/autoencoder_kl_wan.h"

#include <ATen/ops/_upsample_nearest_exact2d.h>
#include <ATen/ops/add.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/conv3d.h>
#include <ATen/ops/div.h>
#include <ATen/ops/mkldnn_convolution.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <array>
#include <cmath>

namespace wan::model {
namespace {

constexpr int64_t kHistory = 2;  // frames that a kernel of three looks back
constexpr int64_t kChannels = 1;
constexpr int64_t kTime = 2;

at::Tensor norm_silu(const at::Tensor& x, const at::Tensor& gamma) {
  at::Tensor normed = channel_norm(x, gamma);
  return at::silu_(normed);
}

// No padding in time. Asked for oneDNN by name on the CPU: at::conv3d takes a path through im2col for small
// pictures that is six times slower.
at::Tensor convolve(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  const std::array<int64_t, 3> padding = {0, weight.size(3) / 2, weight.size(4) / 2};
  if (!x.is_cpu()) return at::conv3d(x, weight, bias, 1, padding);
  constexpr std::array<int64_t, 3> kOnes = {1, 1, 1};
  return at::mkldnn_convolution(x, weight, bias, padding, kOnes, kOnes, /*groups=*/1);
}

// [1, C, T, H, W] <-> [T, C, H, W]
at::Tensor frames_as_batch(const at::Tensor& x) { return x.squeeze(0).transpose(0, 1); }
at::Tensor batch_as_frames(const at::Tensor& x) { return x.transpose(0, 1).unsqueeze(0); }

}  // namespace

at::Tensor channel_norm(const at::Tensor& x, const at::Tensor& gamma) {
  const at::Tensor length = at::sum(at::mul(x, x), kChannels, /*keepdim=*/true).sqrt_().clamp_min_(1e-12);
  const double scale = std::sqrt(static_cast<double>(x.size(kChannels)));
  return at::div(x, length).mul_(at::mul(gamma, scale));
}

at::Tensor& FeatCache::next() {
  if (next_ == slots_.size()) slots_.emplace_back();
  return slots_[next_++];
}

WanCausalConv3d::WanCausalConv3d(weights::StateDict& state, const std::string& name, int64_t in, int64_t out,
                                 std::initializer_list<int64_t> kernel) {
  const int64_t* side = kernel.begin();
  weight = state.take(name + ".weight", {out, in, side[0], side[1], side[2]});
  bias = state.take(name + ".bias", {out});
}

at::Tensor WanCausalConv3d::operator()(const at::Tensor& x, FeatCache& cache) const {
  if (weight.size(2) == 1) return convolve(x, weight, bias);
  at::Tensor& history = cache.next();
  if (!history.defined()) {
    history = at::zeros({1, x.size(kChannels), kHistory, x.size(3), x.size(4)}, x.options());
  }
  const at::Tensor seen = at::cat({history, x}, kTime);
  history = seen.narrow(kTime, seen.size(kTime) - kHistory, kHistory).clone();
  return convolve(seen, weight, bias);
}

WanResidualBlock::WanResidualBlock(weights::StateDict& state, const std::string& name, int64_t in,
                                   int64_t out)
    : norm1(state.take(name + ".norm1.gamma", {in, 1, 1, 1})),
      norm2(state.take(name + ".norm2.gamma", {out, 1, 1, 1})),
      conv1(state, name + ".conv1", in, out, {3, 3, 3}),
      conv2(state, name + ".conv2", out, out, {3, 3, 3}) {
  if (in != out)
    conv_shortcut.emplace(state, name + ".conv_shortcut", in, out, std::initializer_list<int64_t>{1, 1, 1});
}

at::Tensor WanResidualBlock::forward(const at::Tensor& x, FeatCache& cache) const {
  const at::Tensor shortcut = conv_shortcut ? (*conv_shortcut)(x, cache) : x;
  const at::Tensor hidden = conv1(norm_silu(x, norm1), cache);
  return conv2(norm_silu(hidden, norm2), cache).add_(shortcut);
}

WanAttentionBlock::WanAttentionBlock(weights::StateDict& state, const std::string& name, int64_t dim)
    : norm(state.take(name + ".norm.gamma", {dim, 1, 1})),
      to_qkv_weight(state.take(name + ".to_qkv.weight", {3 * dim, dim, 1, 1})),
      to_qkv_bias(state.take(name + ".to_qkv.bias", {3 * dim})),
      proj_weight(state.take(name + ".proj.weight", {dim, dim, 1, 1})),
      proj_bias(state.take(name + ".proj.bias", {dim})) {}

at::Tensor WanAttentionBlock::forward(const at::Tensor& x) const {
  const at::Tensor frames = frames_as_batch(x);
  const int64_t count = frames.size(0), dim = frames.size(1), height = frames.size(2), width = frames.size(3);
  const at::Tensor qkv = at::conv2d(channel_norm(frames, norm), to_qkv_weight, to_qkv_bias);
  const at::Tensor rows = qkv.view({count, 1, 3 * dim, height * width}).transpose(2, 3).contiguous();
  const auto parts = rows.chunk(3, -1);
  const at::Tensor attended = at::scaled_dot_product_attention(parts[0], parts[1], parts[2]);
  const at::Tensor image = attended.transpose(2, 3).reshape({count, dim, height, width});
  return at::add(x, batch_as_frames(at::conv2d(image, proj_weight, proj_bias)));
}

WanUpsample::WanUpsample(weights::StateDict& state, const std::string& name, int64_t dim, bool in_time)
    : resample_weight(state.take(name + ".resample.1.weight", {dim / 2, dim, 3, 3})),
      resample_bias(state.take(name + ".resample.1.bias", {dim / 2})) {
  if (in_time)
    time_conv.emplace(state, name + ".time_conv", dim, 2 * dim, std::initializer_list<int64_t>{3, 1, 1});
}

at::Tensor WanUpsample::forward(const at::Tensor& x, bool first, FeatCache& cache) const {
  at::Tensor hidden = x;
  if (time_conv && first) {
    // The first frame is neither doubled nor remembered: the next one starts from zeros.
    [[maybe_unused]] const at::Tensor& untouched = cache.next();
  } else if (time_conv) {
    const at::Tensor both = (*time_conv)(x, cache);  // [1, 2C, T, H, W]: first halves, second halves
    const auto halves = both.chunk(2, kChannels);
    hidden = at::stack({halves[0], halves[1]}, kTime + 1).flatten(kTime, kTime + 1);
  }
  const at::Tensor frames = frames_as_batch(hidden);
  const at::Tensor larger = at::_upsample_nearest_exact2d(frames, {2 * frames.size(2), 2 * frames.size(3)});
  return batch_as_frames(at::conv2d(larger, resample_weight, resample_bias, 1, 1));
}

AutoencoderKLWan::AutoencoderKLWan(const AutoencoderKLWanConfig& config, weights::StateDict& state)
    : config_(config) {
  const int64_t stages = static_cast<int64_t>(config.dim_mult.size());
  const int64_t widest = config.base_dim * config.dim_mult.back();
  const at::Tensor std = at::tensor(config.latents_std).to(state.device());
  latents_mean_ = at::tensor(config.latents_mean).to(state.device()).view({-1, 1, 1, 1});
  latents_inverse_std_ = std.reciprocal().view({-1, 1, 1, 1});

  post_quant_conv_ = WanCausalConv3d(state, "post_quant_conv", config.z_dim, config.z_dim, {1, 1, 1});
  conv_in_ = WanCausalConv3d(state, "decoder.conv_in", config.z_dim, widest, {3, 3, 3});
  for (const char* name : {"decoder.mid_block.resnets.0", "decoder.mid_block.resnets.1"}) {
    mid_resnets_.emplace_back(state, name, widest, widest);
  }
  mid_attentions_.emplace_back(state, "decoder.mid_block.attentions.0", widest);

  int64_t width = widest;
  for (int64_t i = 0; i < stages; ++i) {
    const std::string name = "decoder.up_blocks." + std::to_string(i);
    const int64_t out = config.base_dim * config.dim_mult[stages - 1 - i];
    WanUpBlock& block = up_blocks_.emplace_back();
    for (int64_t j = 0; j <= config.num_res_blocks; ++j) {
      block.resnets.emplace_back(state, name + ".resnets." + std::to_string(j), j == 0 ? width : out, out);
    }
    width = out;
    if (i + 1 == stages) continue;
    const bool in_time = config.temperal_downsample[stages - 2 - i];
    block.upsampler.emplace(state, name + ".upsamplers.0", width, in_time);
    width /= 2;
  }
  norm_out_ = state.take("decoder.norm_out.gamma", {width, 1, 1, 1});
  conv_out_ = WanCausalConv3d(state, "decoder.conv_out", width, 3, {3, 3, 3});
  state.ignore("encoder.");
  state.ignore("quant_conv.");
}

at::Tensor AutoencoderKLWan::denormalize(const at::Tensor& latents) const {
  return at::div(latents, latents_inverse_std_).add_(latents_mean_);
}

at::Tensor AutoencoderKLWan::decode_frame(const at::Tensor& latent, bool first, FeatCache& cache,
                                          const Checkpoint& between_blocks) const {
  cache.rewind();
  at::Tensor hidden = conv_in_(post_quant_conv_(latent.unsqueeze(0), cache), cache);
  hidden = mid_resnets_[0].forward(hidden, cache);
  hidden = mid_attentions_[0].forward(hidden);
  hidden = mid_resnets_[1].forward(hidden, cache);
  for (const WanUpBlock& block : up_blocks_) {
    if (between_blocks) between_blocks();
    for (const WanResidualBlock& resnet : block.resnets) hidden = resnet.forward(hidden, cache);
    if (block.upsampler) hidden = block.upsampler->forward(hidden, first, cache);
  }
  return conv_out_(norm_silu(hidden, norm_out_), cache).squeeze(0);
}

}  // namespace wan::model
