#include "runtime/model/picture_kernels.h"

#include <ATen/ops/add.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <cmath>
#include <utility>

#include "runtime/device/kernels.h"

namespace wan::model {
namespace {

const float* values(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.const_data_ptr<float>() : nullptr;
}

device::ConvolutionArguments arguments_of(const Frames& frames, const at::Tensor& weight,
                                          const at::Tensor& bias) {
  return {.in = weight.size(1),
          .out = weight.size(0),
          .times = weight.size(2),
          .rows = weight.size(3),
          .columns = weight.size(4),
          .x_height = frames[0].size(0),
          .x_width = frames[0].size(1),
          .weight = values(weight),
          .bias = values(bias)};
}

std::vector<const float*> pointers(const Frames& frames, int64_t offset = 0) {
  std::vector<const float*> result;
  for (const at::Tensor& frame : frames) result.push_back(values(frame) + offset);
  return result;
}

device::BorderArguments border_arguments(const at::Tensor& pictures, const at::Tensor& gamma) {
  return {.frames = pictures.size(0),
          .height = pictures.size(1),
          .width = pictures.size(2),
          .channels = pictures.size(3),
          .x = values(pictures),
          .gamma = values(gamma)};
}

// Of three taps along `dim`, those that fall on the first and on the second pixel of the half.
at::Tensor half_taps(const at::Tensor& weight, int64_t dim, int64_t half) {
  const auto tap = [&](int64_t i) { return weight.narrow(dim, i, 1); };
  return half == 0 ? at::cat({tap(0), at::add(tap(1), tap(2))}, dim)
                   : at::cat({at::add(tap(0), tap(1)), tap(2)}, dim);
}

}  // namespace

bool own_pictures(const at::Tensor& x) {
  return device::own_kernels() && x.is_cpu() && x.scalar_type() == at::kFloat;
}

at::Tensor channels_last(at::Tensor x) { return x.squeeze(0).permute({1, 2, 3, 0}).contiguous(); }

at::Tensor channels_first(const at::Tensor& pictures) { return pictures.permute({3, 0, 1, 2}).unsqueeze(0); }

Frames with_border(const at::Tensor& pictures, const Border& border, const at::Tensor& gamma, bool silu) {
  Frames frames;
  for (int64_t i = 0; i < pictures.size(0); ++i) {
    frames.push_back(at::empty({border.above + pictures.size(1) + border.below,
                                border.left + pictures.size(2) + border.right, pictures.size(3)},
                               pictures.options()));
    auto to = border_arguments(pictures.narrow(0, i, 1), gamma);
    to.above = border.above;
    to.below = border.below;
    to.left = border.left;
    to.right = border.right;
    to.silu = silu;
    to.out = frames.back().mutable_data_ptr<float>();
    device::with_border(to);
  }
  return frames;
}

at::Tensor norm_pixels(const at::Tensor& pictures, const at::Tensor& gamma) {
  at::Tensor out = at::empty_like(pictures);
  auto to = border_arguments(pictures, gamma);
  to.out = out.mutable_data_ptr<float>();
  device::with_border(to);
  return out;
}

Frames frames_of(const at::Tensor& pictures) { return pictures.unbind(0); }

at::Tensor convolve_pictures(const Frames& frames, const at::Tensor& weight, const at::Tensor& bias,
                             at::Tensor residual, int64_t step, int64_t time_step) {
  auto to = arguments_of(frames, weight, bias);
  to.frames = (static_cast<int64_t>(frames.size()) - to.times) / time_step + 1;
  to.height = (to.x_height - to.rows) / step + 1;
  to.width = (to.x_width - to.columns) / step + 1;
  to.step = step;
  to.time_step = time_step;
  to.residual = values(residual);
  const auto x = pointers(frames);
  to.x = x.data();
  const bool in_place = residual.defined() && residual.storage().use_count() == 1;
  at::Tensor y = in_place ? std::move(residual)
                          : at::empty({to.frames, to.height, to.width, to.out}, frames[0].options());
  to.y = y.mutable_data_ptr<float>();
  to.y_column = to.out;
  to.y_row = to.width * to.y_column;
  to.y_frame = to.height * to.y_row;
  device::convolution(to);
  return y;
}

DoubledConvolution::DoubledConvolution(const at::Tensor& weight) {
  for (int64_t row = 0; row < 2; ++row) {
    for (int64_t column = 0; column < 2; ++column)
      quarters[row][column] = half_taps(half_taps(weight, 2, row), 3, column).unsqueeze(2).contiguous();
  }
}

at::Tensor DoubledConvolution::operator()(const at::Tensor& pictures, const at::Tensor& bias) const {
  const Frames bordered = with_border(pictures, {1, 1, 1, 1});
  const int64_t frames = pictures.size(0), height = pictures.size(1), width = pictures.size(2);
  const int64_t out = quarters[0][0].size(0);
  at::Tensor y = at::empty({frames, 2 * height, 2 * width, out}, pictures.options());
  for (int64_t row = 0; row < 2; ++row) {
    for (int64_t column = 0; column < 2; ++column) {
      auto to = arguments_of(bordered, quarters[row][column], bias);
      to.frames = frames;
      to.height = height;
      to.width = width;
      const auto x = pointers(bordered, (row * to.x_width + column) * to.in);
      to.x = x.data();
      to.y = y.mutable_data_ptr<float>() + (row * 2 * width + column) * out;
      to.y_column = 2 * out;
      to.y_row = 2 * width * to.y_column;
      to.y_frame = height * to.y_row;
      device::convolution(to);
    }
  }
  return y;
}

at::Tensor attend_within(const at::Tensor& qkv) {
  const int64_t frames = qkv.size(0), pixels = qkv.size(1) * qkv.size(2), channels = qkv.size(3) / 3;
  at::Tensor out = at::empty({frames, qkv.size(1), qkv.size(2), channels}, qkv.options());
  for (int64_t frame = 0; frame < frames; ++frame) {
    const float* q = values(qkv) + frame * pixels * 3 * channels;
    device::attention({.heads = 1,
                       .head_dim = channels,
                       .queries = pixels,
                       .keys = pixels,
                       .q = q,
                       .q_stride = 3 * channels,
                       .k = q + channels,
                       .k_stride = 3 * channels,
                       .v = q + 2 * channels,
                       .v_stride = 3 * channels,
                       .scale = static_cast<float>(1 / std::sqrt(static_cast<double>(channels))),
                       .out = out.mutable_data_ptr<float>() + frame * pixels * channels,
                       .out_stride = channels});
  }
  return out;
}

at::Tensor mix_channels(const at::Tensor& pictures, const at::Tensor& weight, const at::Tensor& bias,
                        const at::Tensor& residual) {
  const int64_t in = pictures.size(3), out = weight.size(0);
  at::Tensor y = at::empty({pictures.size(0), pictures.size(1), pictures.size(2), out}, pictures.options());
  device::linear({.rows = pictures.numel() / in,
                  .in = in,
                  .out = out,
                  .x = values(pictures),
                  .x_stride = in,
                  .weight = weight.const_data_ptr(),
                  .bias = values(bias),
                  .residual = values(residual),
                  .residual_stride = out,
                  .y = y.mutable_data_ptr<float>(),
                  .y_stride = out});
  return y;
}

}  // namespace wan::model
