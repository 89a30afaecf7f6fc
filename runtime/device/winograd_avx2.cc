// 3x3 convolutions two by two results at a time: Winograd's F(2x2, 3x3) (Lavin and Gray, "Fast Algorithms for
// Convolutional Neural Networks", 2015). Pictures and kernels are brought to sixteen points, at each of which
// the convolution is a product of two numbers where it was nine for each of four results: sixteen matrix
// products over channels (and frames) with 2.25 times fewer multiplications. Its sums have other roundings
// than the plain ones, no larger ones: the transforms only add, subtract and halve.

#include "runtime/device/gemm_avx2.h"
#include "runtime/device/winograd.h"

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

namespace wan::device {
namespace {

using avx2::kTileColumns;

constexpr int kSide = 4, kPoints = kSide * kSide, kTaps = 9;
// Squares of two by two results at a time, and channels of a slice of the depth: the slice's points, and the
// kernels that they meet, lie in the second-level cache.
constexpr int64_t kSquares = 48, kSlice = 96;
// Between what belongs to one point and to the next: without it the sixteen would fall on the same few sets
// of the first-level cache.
constexpr int64_t kApart = 16;
constexpr int64_t kPicturePoint = kSquares * kSlice + kApart;

struct Layout {
  const ConvolutionArguments& to;
  int64_t depth = to.times * to.in;
  int64_t panels = (to.out + kTileColumns - 1) / kTileColumns;
  int64_t squares_of_row = (to.width + 1) / 2;
  int64_t squares = squares_of_row * ((to.height + 1) / 2);
  // Packed kernels: points, panels, depth, 16 results.
  int64_t panel_size() const { return depth * kTileColumns; }
  int64_t point_size() const { return panels * panel_size() + kApart; }
  // Sums of a point: [kSquares, columns].
  int64_t columns() const { return panels * kTileColumns; }
  int64_t sums_size() const { return kSquares * columns() + kApart; }
};

// (a, b, c) to (a, (a + b + c) / 2, (a - b + c) / 2, c).
struct Four {
  __m256 at[kSide];
};
[[gnu::always_inline]] inline Four kernel_points(__m256 a, __m256 b, __m256 c) {
  const __m256 half = _mm256_set1_ps(0.5F), outer = _mm256_add_ps(a, c);
  return {{a, _mm256_mul_ps(half, _mm256_add_ps(outer, b)), _mm256_mul_ps(half, _mm256_sub_ps(outer, b)), c}};
}

// Eight kernels' nine taps, `stride` apart, to their points.
void write_kernel_points(const float* taps, int64_t point_size, float* out) {
  Four columns[3];
#pragma clang loop unroll(full)
  for (int c = 0; c < 3; ++c) {
    const float* tap = taps + c * kTileColumns;
    columns[c] = kernel_points(_mm256_loadu_ps(tap), _mm256_loadu_ps(tap + 3 * kTileColumns),
                               _mm256_loadu_ps(tap + 6 * kTileColumns));
  }
#pragma clang loop unroll(full)
  for (int r = 0; r < kSide; ++r) {
    const Four row = kernel_points(columns[0].at[r], columns[1].at[r], columns[2].at[r]);
#pragma clang loop unroll(full)
    for (int c = 0; c < kSide; ++c) _mm256_storeu_ps(out + (r * kSide + c) * point_size, row.at[c]);
  }
}

// A panel of kernels [out, in, times, 3, 3] to their points.
void pack_points(const Layout& layout, int64_t panel, float* packed) {
  constexpr int64_t kTogether = 8;  // kernels: whole vectors of taps
  const ConvolutionArguments& to = layout.to;
  const int64_t first = panel * kTileColumns, rest = to.out - first, size = layout.depth * kTaps;
  const int64_t count = rest < kTileColumns ? rest : kTileColumns;
  float taps[kTogether * kTaps * kTileColumns];
  for (int64_t at = 0; at < layout.depth; at += kTogether) {
    const int64_t now = layout.depth - at < kTogether ? layout.depth - at : kTogether;
    avx2::pack_panel(to.weight + first * size + at * kTaps, size, count, now * kTaps, taps);
    for (int64_t i = 0; i < now; ++i) {
      const int64_t channel = (at + i) / to.times, time = (at + i) % to.times;
      float* out = packed + panel * layout.panel_size() + (time * to.in + channel) * kTileColumns;
      const float* from = taps + i * kTaps * kTileColumns;
      write_kernel_points(from, layout.point_size(), out);
      write_kernel_points(from + 8, layout.point_size(), out + 8);
    }
  }
}

const float* packed_kernels(const Layout& layout) {
  static thread_local avx2::Scratch memory;
  float* packed = memory.get(kPoints * layout.point_size());
  parallel_tasks(layout.panels, [&](int64_t panel) { pack_points(layout, panel, packed); });
  return packed;
}

// (a, b, c, d) to (a - c, b + c, c - b, b - d).
[[gnu::always_inline]] inline Four picture_points(const Four& x) {
  return {{_mm256_sub_ps(x.at[0], x.at[2]), _mm256_add_ps(x.at[1], x.at[2]), _mm256_sub_ps(x.at[2], x.at[1]),
           _mm256_sub_ps(x.at[1], x.at[3])}};
}

// Channels of four by four pixels to their points, `point_size` apart.
void write_picture_points(const float* const (&pixels)[kPoints], int64_t first, int64_t channels,
                          int64_t point_size, float* out) {
  for (int64_t i = 0; i < channels; i += 8) {
    const int64_t left = channels - i;
    Four rows[kSide];
#pragma clang loop unroll(full)
    for (int r = 0; r < kSide; ++r) {
      Four row;
#pragma clang loop unroll(full)
      for (int c = 0; c < kSide; ++c) row.at[c] = avx2::load_first(pixels[r * kSide + c] + first + i, left);
      rows[r] = picture_points(row);
    }
#pragma clang loop unroll(full)
    for (int c = 0; c < kSide; ++c) {
      const Four column = picture_points({{rows[0].at[c], rows[1].at[c], rows[2].at[c], rows[3].at[c]}});
#pragma clang loop unroll(full)
      for (int r = 0; r < kSide; ++r) _mm256_storeu_ps(out + (r * kSide + c) * point_size + i, column.at[r]);
    }
  }
}

// The pixels that a square's results see in one frame; those outside are zeros.
void pixels_of(const Layout& layout, int64_t square, const float* frame, const float* zeros,
               const float* (&pixels)[kPoints]) {
  const ConvolutionArguments& to = layout.to;
  const int64_t top = square / layout.squares_of_row * 2, left = square % layout.squares_of_row * 2;
  for (int64_t r = 0; r < kSide; ++r) {
    for (int64_t c = 0; c < kSide; ++c) {
      const bool inside = top + r < to.x_height && left + c < to.x_width;
      pixels[r * kSide + c] = inside ? frame + ((top + r) * to.x_width + left + c) * to.in : zeros;
    }
  }
}

// The sums of all channels and frames at every point.
void multiply_points(const Layout& layout, const float* const* frames, int64_t first, int64_t count,
                     const float* kernels, const float* zeros, float* pictures, float* sums) {
  const ConvolutionArguments& to = layout.to;
  for (int64_t time = 0; time < to.times; ++time) {
    for (int64_t channel = 0; channel < to.in; channel += kSlice) {
      const int64_t deep = to.in - channel < kSlice ? to.in - channel : kSlice;
      for (int64_t i = 0; i < count; ++i) {
        const float* pixels[kPoints];
        pixels_of(layout, first + i, frames[time], zeros, pixels);
        write_picture_points(pixels, channel, deep, kPicturePoint, pictures + i * kSlice);
      }
      const float* slice = kernels + (time * to.in + channel) * kTileColumns;
      for (int64_t point = 0; point < kPoints; ++point) {
        avx2::multiply_values<avx2::Values::kFloat>(count, pictures + point * kPicturePoint, kSlice,
                                                    slice + point * layout.point_size(), layout.panel_size(),
                                                    layout.panels, deep, sums + point * layout.sums_size(),
                                                    layout.columns(), time > 0 || channel > 0);
      }
    }
  }
}

struct Two {
  __m256 at[2];
};
// (a, b, c, d) to (a + b + c, b - c - d).
[[gnu::always_inline]] inline Two results_of(__m256 a, __m256 b, __m256 c, __m256 d) {
  return {{_mm256_add_ps(a, _mm256_add_ps(b, c)), _mm256_sub_ps(_mm256_sub_ps(b, c), d)}};
}

// The two by two results of a square, with bias and residual.
void finish_square(const Layout& layout, int64_t frame, int64_t square, const float* sums,
                   int64_t point_size) {
  const ConvolutionArguments& to = layout.to;
  const int64_t top = square / layout.squares_of_row * 2, left = square % layout.squares_of_row * 2;
  const int64_t place = frame * to.y_frame + top * to.y_row + left * to.y_column;
  const int64_t rows = to.height - top < 2 ? 1 : 2, columns = to.width - left < 2 ? 1 : 2;
  for (int64_t i = 0; i < to.out; i += 8) {
    const int64_t rest = to.out - i;
    Two halves[kSide];
#pragma clang loop unroll(full)
    for (int c = 0; c < kSide; ++c) {
      const auto point = [&](int r) { return _mm256_loadu_ps(sums + (r * kSide + c) * point_size + i); };
      halves[c] = results_of(point(0), point(1), point(2), point(3));
    }
    const __m256 bias = avx2::load_first(to.bias + i, rest);
    for (int64_t r = 0; r < rows; ++r) {
      const Two row = results_of(halves[0].at[r], halves[1].at[r], halves[2].at[r], halves[3].at[r]);
      for (int64_t c = 0; c < columns; ++c) {
        const int64_t at = place + r * to.y_row + c * to.y_column + i;
        __m256 value = _mm256_add_ps(row.at[c], bias);
        if (to.residual) value = _mm256_add_ps(value, avx2::load_first(to.residual + at, rest));
        avx2::store_first(to.y + at, value, rest);
      }
    }
  }
}

void convolve_squares(const Layout& layout, int64_t frame, int64_t first, int64_t count,
                      const float* kernels) {
  static thread_local avx2::Scratch memory;
  const ConvolutionArguments& to = layout.to;
  float* pictures = memory.get(kPoints * (kPicturePoint + layout.sums_size()) + to.in + 8);
  float* sums = pictures + kPoints * kPicturePoint;
  float* zeros = sums + kPoints * layout.sums_size();
  std::memset(zeros, 0, static_cast<size_t>(to.in + 8) * sizeof(float));
  multiply_points(layout, to.x + frame * to.time_step, first, count, kernels, zeros, pictures, sums);
  for (int64_t i = 0; i < count; ++i)
    finish_square(layout, frame, first + i, sums + i * layout.columns(), layout.sums_size());
}

}  // namespace

bool winograd_pays(const ConvolutionArguments& to) {
  constexpr int64_t kFewest = 32;  // channels: with fewer the transforms cost more than they save
  return to.rows == 3 && to.columns == 3 && to.step == 1 && to.in >= kFewest && to.out >= kFewest;
}

void winograd(const ConvolutionArguments& to) {
  const Layout layout{to};
  const float* kernels = packed_kernels(layout);
  const int64_t blocks = (layout.squares + kSquares - 1) / kSquares;
  parallel_tasks(to.frames * blocks, [&](int64_t task) {
    const int64_t first = task % blocks * kSquares, rest = layout.squares - first;
    convolve_squares(layout, task / blocks, first, rest < kSquares ? rest : kSquares, kernels);
  });
}

}  // namespace wan::device

#pragma clang attribute pop
