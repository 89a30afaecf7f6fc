#include "runtime/model/wan_vae_layers.h"

#include <ATen/ops/_upsample_nearest_exact2d.h>
#include <ATen/ops/add.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/conv3d.h>
#include <ATen/ops/div.h>
#include <ATen/ops/mkldnn_convolution.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <array>
#include <cmath>
#include <utility>

#include "runtime/device/memory.h"

namespace wan::model {
namespace {

constexpr int64_t kHistory = 2;  // frames that a kernel of three looks back
constexpr int64_t kChannels = 1;
constexpr int64_t kTime = 2;

// No padding in time. Asked for oneDNN by name on the CPU: at::conv3d takes a path through im2col for small
// pictures that is six times slower.
at::Tensor convolve(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                    int64_t time_stride = 1) {
  const std::array<int64_t, 3> padding = {0, weight.size(3) / 2, weight.size(4) / 2};
  const std::array<int64_t, 3> stride = {time_stride, 1, 1};
  if (!x.is_cpu()) return at::conv3d(x, weight, bias, stride, padding);
  constexpr std::array<int64_t, 3> kOnes = {1, 1, 1};
  return at::mkldnn_convolution(x, weight, bias, padding, stride, kOnes, /*groups=*/1);
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

at::Tensor norm_silu(const at::Tensor& x, const at::Tensor& gamma) {
  at::Tensor normed = channel_norm(x, gamma);
  return at::silu_(normed);
}

at::Tensor upsample_nearest_exact(const at::Tensor& x) {
  return at::_upsample_nearest_exact2d(x, {2 * x.size(2), 2 * x.size(3)});
}

void give_back_if_large(const at::Tensor& pictures) {
  constexpr int64_t kLarge = 256 * 256;
  if (pictures.size(-1) * pictures.size(-2) >= kLarge) device::give_back_freed_memory();
}

void FeatCache::begin_chunk() {
  next_ = 0;
  ++chunks_;
}

FeatCache::Stage& FeatCache::stage(size_t index) {
  if (index >= stages_.size()) stages_.resize(index + 1);
  return stages_[index];
}

Frames& FeatCache::next() {
  if (next_ == slots_.size()) slots_.emplace_back();
  return slots_[next_++];
}

WanCausalConv3d::WanCausalConv3d(weights::StateDict& state, const std::string& name, int64_t in, int64_t out,
                                 std::initializer_list<int64_t> kernel) {
  const int64_t* side = kernel.begin();
  weight = state.take(name + ".weight", {out, in, side[0], side[1], side[2]});
  bias = state.take(name + ".bias", {out});
  const bool sums_are_narrower = side[0] > 1 && side[0] * out <= in;
  if (sums_are_narrower && weight.defined() && own_pictures(weight))
    by_time_ = weight.permute({2, 0, 1, 3, 4}).reshape({side[0] * out, in, 1, side[1], side[2]});
}

// The past is kept as the convolution takes it: normed, with its border.
at::Tensor WanCausalConv3d::own(at::Tensor x, const at::Tensor& gamma, FeatCache& cache,
                                at::Tensor residual) const {
  if (by_time_.defined() && !residual.defined()) return own_sums(std::move(x), gamma, cache);
  at::Tensor pictures = channels_last(std::move(x));
  at::Tensor added = residual.defined() ? channels_last(std::move(residual)) : at::Tensor();
  if (weight.size(2) == 1) return channels_first(mix_channels(pictures, weight, bias, added));
  const int64_t rows = weight.size(3) / 2, columns = weight.size(4) / 2;
  Frames& past = cache.next();
  Frames seen = std::move(past);
  if (seen.empty()) {
    const at::Tensor nothing = at::zeros(
        {pictures.size(1) + 2 * rows, pictures.size(2) + 2 * columns, pictures.size(3)}, pictures.options());
    seen.assign(kHistory, nothing);
  }
  for (at::Tensor& frame : with_border(pictures, {rows, rows, columns, columns}, gamma, /*silu=*/true))
    seen.push_back(std::move(frame));
  pictures.reset();
  at::Tensor y = convolve_pictures(seen, weight, bias, std::move(added));
  seen.erase(seen.begin(), seen.end() - kHistory);
  past = std::move(seen);
  return channels_first(y);
}

// Where a few channels are made of many, the past is kept as what it adds to the next two results.
at::Tensor WanCausalConv3d::own_sums(at::Tensor x, const at::Tensor& gamma, FeatCache& cache) const {
  const at::Tensor pictures = channels_last(std::move(x));
  const int64_t rows = weight.size(3) / 2, columns = weight.size(4) / 2, out = weight.size(0);
  const at::Tensor no_bias = at::zeros({by_time_.size(0)}, bias.options());
  Frames& past = cache.next();
  std::vector<at::Tensor> results;
  for (int64_t i = 0; i < pictures.size(0); ++i) {
    const Frames frame =
        with_border(pictures.narrow(0, i, 1), {rows, rows, columns, columns}, gamma, /*silu=*/true);
    const at::Tensor sums = convolve_pictures(frame, by_time_, no_bias);  // for the third, the second, this
    const auto of = [&](int64_t time) { return sums.narrow(3, time * out, out); };
    if (past.empty()) past.assign(kHistory, at::zeros_like(of(0)));
    results.push_back(at::add(past[0], of(2)).add_(bias));
    past = {at::add(past[1], of(1)), of(0).clone()};
  }
  return channels_first(at::cat(results, 0));
}

at::Tensor WanCausalConv3d::after_norm(at::Tensor x, const at::Tensor& gamma, FeatCache& cache,
                                       at::Tensor residual) const {
  if (own_pictures(x)) return own(std::move(x), gamma, cache, std::move(residual));
  const at::Tensor y = (*this)(norm_silu(x, gamma), cache);
  return residual.defined() ? y.add_(residual) : y;
}

at::Tensor WanCausalConv3d::operator()(const at::Tensor& x, FeatCache& cache) const {
  if (own_pictures(x)) return own(x, {}, cache, {});
  if (weight.size(2) == 1) return convolve(x, weight, bias);
  Frames& history = cache.next();
  if (history.empty()) {
    history.push_back(at::zeros({1, x.size(kChannels), kHistory, x.size(3), x.size(4)}, x.options()));
  }
  const at::Tensor seen = at::cat({history[0], x}, kTime);
  history[0] = seen.narrow(kTime, seen.size(kTime) - kHistory, kHistory).clone();
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

at::Tensor WanResidualBlock::forward(at::Tensor x, FeatCache& cache) const {
  at::Tensor shortcut = conv_shortcut ? (*conv_shortcut)(x, cache) : x;
  at::Tensor hidden = conv1.after_norm(std::move(x), norm1, cache);
  return conv2.after_norm(std::move(hidden), norm2, cache, std::move(shortcut));
}

WanAttentionBlock::WanAttentionBlock(weights::StateDict& state, const std::string& name, int64_t dim)
    : norm(state.take(name + ".norm.gamma", {dim, 1, 1})),
      to_qkv_weight(state.take(name + ".to_qkv.weight", {3 * dim, dim, 1, 1})),
      to_qkv_bias(state.take(name + ".to_qkv.bias", {3 * dim})),
      proj_weight(state.take(name + ".proj.weight", {dim, dim, 1, 1})),
      proj_bias(state.take(name + ".proj.bias", {dim})) {}

at::Tensor WanAttentionBlock::forward(const at::Tensor& x) const {
  if (own_pictures(x)) {
    const at::Tensor pictures = channels_last(x);
    const at::Tensor qkv = mix_channels(norm_pixels(pictures, norm), to_qkv_weight, to_qkv_bias);
    return channels_first(mix_channels(attend_within(qkv), proj_weight, proj_bias, pictures));
  }
  const at::Tensor frames = frames_as_batch(x);
  const int64_t count = frames.size(0), dim = frames.size(1), height = frames.size(2), width = frames.size(3);
  const at::Tensor qkv = at::conv2d(channel_norm(frames, norm), to_qkv_weight, to_qkv_bias);
  const at::Tensor rows = qkv.view({count, 1, 3 * dim, height * width}).transpose(2, 3).contiguous();
  const auto parts = rows.chunk(3, -1);
  const at::Tensor attended = at::scaled_dot_product_attention(parts[0], parts[1], parts[2]);
  const at::Tensor image = attended.transpose(2, 3).reshape({count, dim, height, width});
  return at::add(x, batch_as_frames(at::conv2d(image, proj_weight, proj_bias)));
}

WanMidBlock::WanMidBlock(weights::StateDict& state, const std::string& name, int64_t dim)
    : resnet_0(state, name + ".resnets.0", dim, dim),
      attention(state, name + ".attentions.0", dim),
      resnet_1(state, name + ".resnets.1", dim, dim) {}

at::Tensor WanMidBlock::forward(const at::Tensor& x, FeatCache& cache) const {
  at::Tensor hidden = attention.forward(resnet_0.forward(x, cache));
  return resnet_1.forward(std::move(hidden), cache);
}

WanUpsample::WanUpsample(weights::StateDict& state, const std::string& name, int64_t dim, bool in_time)
    : resample_weight(state.take(name + ".resample.1.weight", {dim / 2, dim, 3, 3})),
      resample_bias(state.take(name + ".resample.1.bias", {dim / 2})) {
  if (resample_weight.defined() && own_pictures(resample_weight))
    doubled = DoubledConvolution(resample_weight);
  if (in_time)
    time_conv.emplace(state, name + ".time_conv", dim, 2 * dim, std::initializer_list<int64_t>{3, 1, 1});
}

at::Tensor WanUpsample::in_time(const at::Tensor& x, FeatCache& cache) const {
  if (!time_conv) return x;
  if (cache.first_chunk()) {
    // The first frame is neither doubled nor remembered: the next one starts from zeros.
    [[maybe_unused]] const Frames& untouched = cache.next();
    return x;
  }
  if (own_pictures(x)) {
    const at::Tensor both = channels_last((*time_conv)(x, cache));  // channels: first halves, second halves
    return channels_first(both.unflatten(3, {2, -1})
                              .permute({0, 3, 1, 2, 4})
                              .reshape({2 * both.size(0), both.size(1), both.size(2), both.size(3) / 2}));
  }
  const at::Tensor both = (*time_conv)(x, cache);  // [1, 2C, T, H, W]: first halves, second halves
  const auto halves = both.chunk(2, kChannels);
  return at::stack({halves[0], halves[1]}, kTime + 1).flatten(kTime, kTime + 1);
}

at::Tensor WanUpsample::in_space(const at::Tensor& x) const {
  if (own_pictures(x)) return channels_first(doubled(channels_last(x), resample_bias));
  const at::Tensor larger = upsample_nearest_exact(frames_as_batch(x));
  return batch_as_frames(at::conv2d(larger, resample_weight, resample_bias, 1, 1));
}

WanDownsample::WanDownsample(weights::StateDict& state, const std::string& name, int64_t dim, bool in_time)
    : resample_weight(state.take(name + ".resample.1.weight", {dim, dim, 3, 3})),
      resample_bias(state.take(name + ".resample.1.bias", {dim})) {
  if (in_time)
    time_conv.emplace(state, name + ".time_conv", dim, dim, std::initializer_list<int64_t>{3, 1, 1});
}

// A border on the right and below alone.
at::Tensor WanDownsample::in_space(const at::Tensor& x) const {
  if (own_pictures(x)) {
    const Frames bordered = with_border(channels_last(x), {.below = 1, .right = 1});
    return channels_first(
        convolve_pictures(bordered, resample_weight.unsqueeze(2), resample_bias, {}, /*step=*/2));
  }
  const at::Tensor padded = at::constant_pad_nd(frames_as_batch(x), {0, 1, 0, 1});
  return batch_as_frames(at::conv2d(padded, resample_weight, resample_bias, /*stride=*/2));
}

at::Tensor WanDownsample::in_time(const at::Tensor& smaller, FeatCache& cache) const {
  if (!time_conv) return smaller;
  Frames& last = cache.next();
  const Frames before = last;
  last = {smaller.narrow(kTime, smaller.size(kTime) - 1, 1).clone()};
  if (before.empty()) return smaller;  // the first frame of the video
  if (!own_pictures(smaller)) {
    const at::Tensor seen = at::cat({before[0], smaller}, kTime);
    return convolve(seen, time_conv->weight, time_conv->bias, /*time_stride=*/2);
  }
  Frames seen = frames_of(channels_last(before[0]));
  for (const at::Tensor& frame : frames_of(channels_last(smaller))) seen.push_back(frame);
  return channels_first(convolve_pictures(seen, time_conv->weight, time_conv->bias, {}, 1, /*time_step=*/2));
}

}  // namespace wan::model
