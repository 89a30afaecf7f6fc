#pragma once
// Convolutions of the VAE by our own kernels, on pictures with channels last: tensors [frames, height, width,
// channels], contiguous. Only for tensors that own_pictures() takes.

#include <ATen/core/Tensor.h>
#include <cstdint>
#include <vector>

namespace wan::model {

[[nodiscard]] bool own_pictures(const at::Tensor& x);

// [1, channels, frames, height, width] to channels last (a copy only if it lies otherwise), and back (a
// view).
[[nodiscard]] at::Tensor channels_last(at::Tensor x);
[[nodiscard]] at::Tensor channels_first(const at::Tensor& pictures);

struct Border {
  int64_t above = 0, below = 0, left = 0, right = 0;
};

// Pictures one by one, [height, width, channels] each: what a convolution sees of a video does not lie in one
// piece, and the past is kept without a copy.
using Frames = std::vector<at::Tensor>;

// Each picture within a border of zeros; `gamma` undefined: as it is, else channel_norm'ed, and SiLU'd if
// asked for.
[[nodiscard]] Frames with_border(const at::Tensor& pictures, const Border& border,
                                 const at::Tensor& gamma = {}, bool silu = false);

// The pictures' own memory.
[[nodiscard]] Frames frames_of(const at::Tensor& pictures);

// Frames with their borders and a weight [out, in, times, rows, columns]; `residual`, of the result's shape
// [frames, height, width, out], is added where there is one, and its memory is the result's where nobody else
// holds it. Steps are from result to result.
[[nodiscard]] at::Tensor convolve_pictures(const Frames& frames, const at::Tensor& weight,
                                           const at::Tensor& bias, at::Tensor residual = {}, int64_t step = 1,
                                           int64_t time_step = 1);

// A 3x3 convolution of the picture of twice the size in which every pixel stands four times: each quarter of
// the result sees two by two different pixels, so it is a 2x2 convolution with sums of weights.
struct DoubledConvolution {
  at::Tensor quarters[2][2];  // [out, in, 1, 2, 2], of the rows and columns 2i and 2i + 1

  DoubledConvolution() = default;
  explicit DoubledConvolution(const at::Tensor& weight);  // [out, in, 3, 3]
  // [frames, height, width, in] -> [frames, 2 height, 2 width, out]
  [[nodiscard]] at::Tensor operator()(const at::Tensor& pictures, const at::Tensor& bias) const;
};

// One head within each picture: q, k, v side by side in qkv [frames, height, width, 3 channels].
[[nodiscard]] at::Tensor attend_within(const at::Tensor& qkv);

// x / |x| * sqrt(channels) * gamma, the length taken over each pixel's channels.
[[nodiscard]] at::Tensor norm_pixels(const at::Tensor& pictures, const at::Tensor& gamma);

// Each pixel's channels times a weight [out, in, 1, 1].
[[nodiscard]] at::Tensor mix_channels(const at::Tensor& pictures, const at::Tensor& weight,
                                      const at::Tensor& bias, const at::Tensor& residual = {});

}  // namespace wan::model
