// Convolutions of pictures with channels last, as matrix products without a copy of the picture: a pixel's
// neighbours along a row lie behind it in memory, so one row of the kernel, all channels, is one slice of the
// depth, and the next pixel's slice begins one pixel further. Every position of the padded picture is
// computed; what falls on the border is not written.

#include <algorithm>

#include "runtime/device/gemm_avx2.h"
#include "runtime/device/winograd.h"

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

namespace wan::device {
namespace {

using avx2::kTileColumns;

// A packed kernel; depth runs over (time, row), then column and channel together.
struct KernelRows {
  static constexpr avx2::Values kValues = avx2::Values::kFloat;
  static constexpr bool kLeftInTiles = false;
  // Three pixels of 96 channels, the widths of the Wan VAE being multiples of it.
  static constexpr int64_t kDepth = 288;

  const ConvolutionArguments& to;
  const float* const* x;  // the frames of one result
  const float* packed;    // panels of 16 columns, the whole depth each

  int64_t row_depth() const { return to.columns * to.in; }
  int64_t slices_of_row() const { return (row_depth() + kDepth - 1) / kDepth; }
  int64_t slices() const { return to.times * to.rows * slices_of_row(); }
  int64_t first(int64_t slice) const { return slice % slices_of_row() * kDepth; }
  int64_t depth(int64_t slice) const {
    const int64_t rest = row_depth() - first(slice);
    return rest < kDepth ? rest : kDepth;
  }
  avx2::Rows left(int64_t slice, int64_t row) const {
    const int64_t tap = slice / slices_of_row(), stride = to.step * to.in;
    return {x[tap / to.rows] + tap % to.rows * to.x_width * to.in + first(slice) + row * stride, stride};
  }
  avx2::Panels panels(int64_t slice, int64_t first_column) const {
    const int64_t whole = to.times * to.rows * row_depth();
    const int64_t before = slice / slices_of_row() * row_depth() + first(slice);
    return {packed + first_column * whole + before * kTileColumns, whole * kTileColumns};
  }
  avx2::Ahead ahead(int64_t slice, int64_t first_column, int64_t count) const {
    const avx2::Panels next = panels(slice, first_column);
    return {next.first, (count + kTileColumns - 1) / kTileColumns, next.stride, depth(slice) * kTileColumns};
  }
  avx2::Panels pack(int64_t slice, int64_t first_column, int64_t, avx2::Scratch&) const {
    return panels(slice, first_column);
  }
};

// Up to 16 of the kernels [out, in, taps], for KernelRows. Their rows are read in order, eight values at a
// time.
void pack_kernels(const ConvolutionArguments& to, const float* kernels, int64_t count, float* out) {
  const int64_t taps = to.times * to.rows * to.columns, size = to.in * taps;
  int64_t channel = 0, tap = 0;
  const auto next = [&] {  // where the value that is next in a kernel goes
    float* place = out + (tap * to.in + channel) * kTileColumns;
    if (++tap == taps) tap = 0, ++channel;
    return place;
  };
  int64_t i = 0;
  for (; count == kTileColumns && i + 8 <= size; i += 8) {
    __m256 left[8], right[8];
    avx2::transpose8(kernels + i, size, left);
    avx2::transpose8(kernels + i + 8 * size, size, right);
    for (int k = 0; k < 8; ++k) {
      float* place = next();
      _mm256_storeu_ps(place, left[k]);
      _mm256_storeu_ps(place + 8, right[k]);
    }
  }
  for (; i < size; ++i) {
    float* place = next();
    for (int64_t lane = 0; lane < kTileColumns; ++lane)
      place[lane] = lane < count ? kernels[lane * size + i] : 0.0F;
  }
}

const float* packed_kernels(const ConvolutionArguments& to) {
  static thread_local avx2::Scratch memory;
  const int64_t size = to.in * to.times * to.rows * to.columns,
                panels = (to.out + kTileColumns - 1) / kTileColumns;
  float* packed = memory.get(panels * kTileColumns * size);
  parallel_tasks(panels, [&](int64_t panel) {
    const int64_t first = panel * kTileColumns, rest = to.out - first;
    pack_kernels(to, to.weight + first * size, rest < kTileColumns ? rest : kTileColumns,
                 packed + first * size);
  });
  return packed;
}

void finish_pixel(const ConvolutionArguments& to, int64_t at, int64_t first, int64_t count,
                  const float* sums) {
  float* y = to.y + at + first;
  for (int64_t i = 0; i < count; i += 8) {
    const int64_t left = count - i;
    __m256 value = _mm256_add_ps(_mm256_loadu_ps(sums + i), avx2::load_first(to.bias + first + i, left));
    if (to.residual) value = _mm256_add_ps(value, avx2::load_first(to.residual + at + first + i, left));
    avx2::store_first(y + i, value, left);
  }
}

// The rows' sums, a slice of kernels and the pixels it meets lie in the second-level cache together.
avx2::Blocks blocks() { return {2 * avx2::kCacheRows, avx2::kBlockColumns}; }

void convolve(const ConvolutionArguments& to, int64_t frame, const float* packed) {
  // Up to the last pixel that is wanted.
  const int64_t positions = (to.height - 1) * to.x_width + to.width;
  const auto finish = [&](int64_t position, int64_t count, int64_t column, int64_t columns, const float* sums,
                          int64_t stride) {
    int64_t row = position / to.x_width, x = position % to.x_width;
    for (int64_t i = 0; i < count; ++i, sums += stride) {
      if (x < to.width)
        finish_pixel(to, frame * to.y_frame + row * to.y_row + x * to.y_column, column, columns, sums);
      if (++x == to.x_width) x = 0, ++row;
    }
  };
  avx2::multiply(positions, to.out, blocks(), KernelRows{to, to.x + frame * to.time_step, packed}, finish);
}

// x / max(|x|, 1e-12) * sqrt(channels) * gamma, then SiLU.
void norm_pixel(const BorderArguments& to, const float* x, float root, float* out) {
  __m256 squares = _mm256_setzero_ps();
  for (int64_t c = 0; c < to.channels; c += 8) {
    const __m256 values = avx2::load_first(x + c, to.channels - c);
    squares = _mm256_fmadd_ps(values, values, squares);
  }
  const __m256 length = _mm256_sqrt_ps(_mm256_set1_ps(avx2::sum8(squares)));
  const __m256 factor = _mm256_div_ps(_mm256_set1_ps(root), _mm256_max_ps(length, _mm256_set1_ps(1e-12F)));
  for (int64_t c = 0; c < to.channels; c += 8) {
    const int64_t left = to.channels - c;
    const __m256 gamma = avx2::load_first(to.gamma + c, left);
    const __m256 value = _mm256_mul_ps(_mm256_mul_ps(avx2::load_first(x + c, left), factor), gamma);
    avx2::store_first(out + c, to.silu ? avx2::silu8(value) : value, left);
  }
}

void border_row(const BorderArguments& to, int64_t frame, int64_t row, float root, float* out) {
  const int64_t from = row - to.above, width = to.left + to.width + to.right;
  if (from < 0 || from >= to.height) {
    std::memset(out, 0, static_cast<size_t>(width * to.channels) * sizeof(float));
    return;
  }
  std::memset(out, 0, static_cast<size_t>(to.left * to.channels) * sizeof(float));
  out += to.left * to.channels;
  const float* x = to.x + (frame * to.height + from) * to.width * to.channels;
  if (!to.gamma) std::memcpy(out, x, static_cast<size_t>(to.width * to.channels) * sizeof(float));
  for (int64_t column = 0; to.gamma && column < to.width; ++column)
    norm_pixel(to, x + column * to.channels, root, out + column * to.channels);
  out += to.width * to.channels;
  std::memset(out, 0, static_cast<size_t>(to.right * to.channels) * sizeof(float));
}

}  // namespace

void convolution(const ConvolutionArguments& to) {
  if (winograd_pays(to)) return winograd(to);
  const float* packed = packed_kernels(to);
  for (int64_t frame = 0; frame < to.frames; ++frame) convolve(to, frame, packed);
}

void with_border(const BorderArguments& to) {
  const int64_t height = to.above + to.height + to.below, width = to.left + to.width + to.right;
  const float root = __builtin_sqrtf(static_cast<float>(to.channels));
  parallel_tasks(to.frames * height, [&](int64_t task) {
    border_row(to, task / height, task % height, root, to.out + task * width * to.channels);
  });
}

}  // namespace wan::device

#pragma clang attribute pop
