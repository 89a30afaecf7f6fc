// 3x3 convolutions two by two results at a time: Winograd's F(2x2, 3x3) (Lavin and Gray, "Fast Algorithms for
// Convolutional Neural Networks", 2015). Pictures and kernels are brought to sixteen points, at each of which
// the convolution is a product of two numbers where it was nine for each of four results: sixteen matrix
// products over channels (and frames) with 2.25 times fewer multiplications. Its sums have other roundings
// than the plain ones, no larger ones: the transforms only add, subtract and halve.
//
// A matrix unit for bf16 (AMX) multiplies fp32 values too: each is the exact sum of three bf16, and six of
// the nine products of those are all that fp32 can tell (tile_amx.h).

#include "runtime/device/gemm_avx2.h"
#include "runtime/device/winograd.h"

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

namespace wan::device {
namespace {

using avx2::kTileColumns;

constexpr int kSide = 4, kPoints = kSide * kSide, kTaps = 9;
// Channels of a slice of the depth.
constexpr int64_t kSlice = 96;
// Between what belongs to one point and to the next: without it the sixteen would fall on the same few sets
// of the first-level cache.
constexpr int64_t kApart = 16;
// Floats of memory that split values take.
using avx512::kParts;
constexpr int64_t in_parts(int64_t values) { return values * kParts / 2; }

struct Layout {
  const ConvolutionArguments& to;
  // Whether values are split for the matrix unit, which multiplies pairs of them.
  bool split = kernel_set().bf16_unit == Bf16Unit::kAmx && to.in % 2 == 0;
  // Squares of two by two results at a time: a slice's points, and the kernels that they meet, lie in the
  // second-level cache; or pass through it while the matrix unit is busy with the ones before.
  int64_t together = split ? 96 : 48;
  int64_t depth = to.times * to.in;
  int64_t panels = (to.out + kTileColumns - 1) / kTileColumns;
  int64_t squares_of_row = (to.width + 1) / 2;
  int64_t squares = squares_of_row * ((to.height + 1) / 2);
  // Packed kernels: points, panels, depth, 16 results; or points, slices, panels, parts, pairs of the depth,
  // 16 results.
  int64_t panel_size() const { return depth * kTileColumns; }
  int64_t point_size() const {
    return (split ? in_parts(panels * panel_size()) : panels * panel_size()) + kApart;
  }
  // Pictures of a point: [together, kSlice]; or parts of that.
  int64_t picture_size() const { return (split ? in_parts(together * kSlice) : together * kSlice) + kApart; }
  // Sums of a point: [together, columns].
  int64_t columns() const { return panels * kTileColumns; }
  int64_t sums_size() const { return together * columns() + kApart; }
};

// Channels of one frame that are summed at a time.
struct Slice {
  int64_t time, channel, count;
  int64_t first;  // in the depth
};
template <typename Act>
void for_slices(const ConvolutionArguments& to, const Act& act) {
  for (int64_t time = 0; time < to.times; ++time) {
    for (int64_t channel = 0; channel < to.in; channel += kSlice) {
      const int64_t count = to.in - channel < kSlice ? to.in - channel : kSlice;
      act(Slice{time, channel, count, time * to.in + channel});
    }
  }
}

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

// A panel of kernels [out, in, times, 3, 3] to their points, `point_size` apart: depth, 16 results.
void pack_points(const Layout& layout, int64_t panel, int64_t point_size, float* packed) {
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
      float* out = packed + (time * to.in + channel) * kTileColumns;
      const float* from = taps + i * kTaps * kTileColumns;
      write_kernel_points(from, point_size, out);
      write_kernel_points(from + 8, point_size, out + 8);
    }
  }
}

// Where a slice of one panel begins among a point's split kernels.
int64_t split_place(const Layout& layout, const Slice& slice, int64_t panel) {
  return in_parts((slice.first * layout.panels + panel * slice.count) * kTileColumns);
}

// A panel's points, split.
void split_points(const Layout& layout, int64_t panel, const float* points, float* packed) {
  for (int64_t point = 0; point < kPoints; ++point) {
    for_slices(layout.to, [&](const Slice& slice) {
      const float* from = points + point * layout.panel_size() + slice.first * kTileColumns;
      float* out = packed + point * layout.point_size() + split_place(layout, slice, panel);
      for (int64_t i = 0; i < slice.count; i += 2, from += 2 * kTileColumns, out += kTileColumns)
        avx512::split_and_interleave(from, from + kTileColumns, slice.count / 2 * kTileColumns, out);
    });
  }
}

const float* packed_kernels(const Layout& layout) {
  static thread_local avx2::Scratch memory;
  float* packed = memory.get(kPoints * layout.point_size());
  parallel_tasks(layout.panels, [&](int64_t panel) {
    if (!layout.split)
      return pack_points(layout, panel, layout.point_size(), packed + panel * layout.panel_size());
    static thread_local avx2::Scratch points_memory;
    float* points = points_memory.get(kPoints * layout.panel_size());
    pack_points(layout, panel, layout.panel_size(), points);
    split_points(layout, panel, points, packed);
  });
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

// Channels of some squares to their points, split if the layout says so.
void write_pictures(const Layout& layout, const float* frame, int64_t first, int64_t count,
                    const Slice& slice, const float* zeros, float* pictures) {
  float points[kPoints * kSlice];
  for (int64_t i = 0; i < count; ++i) {
    const float* pixels[kPoints];
    pixels_of(layout, first + i, frame, zeros, pixels);
    if (!layout.split) {
      write_picture_points(pixels, slice.channel, slice.count, layout.picture_size(), pictures + i * kSlice);
      continue;
    }
    write_picture_points(pixels, slice.channel, slice.count, kSlice, points);
    for (int64_t point = 0; point < kPoints; ++point)
      avx512::split(points + point * kSlice, slice.count, layout.together * kSlice,
                    reinterpret_cast<uint16_t*>(pictures + point * layout.picture_size()) + i * kSlice);
  }
}

void multiply_point(const Layout& layout, const Slice& slice, int64_t point, int64_t count,
                    const float* kernels, const float* pictures, float* sums) {
  const bool add = slice.first > 0;
  pictures += point * layout.picture_size(), sums += point * layout.sums_size();
  if (!layout.split)
    return avx2::multiply_values<avx2::Values::kFloat>(
        count, pictures, kSlice, kernels + point * layout.point_size() + slice.first * kTileColumns,
        layout.panel_size(), layout.panels, slice.count, sums, layout.columns(), add);
  const int64_t pairs = slice.count / 2, panel_size = kParts * pairs * kTileColumns;
  const float* columns = kernels + point * layout.point_size() + split_place(layout, slice, 0);
  avx2::Beside beside;
  if (point + 1 < kPoints) beside.right = {columns + layout.point_size(), 1, 0, layout.panels * panel_size};
  amx::multiply_split(count, {pictures, kSlice / 2, layout.together * kSlice / 2},
                      {columns, panel_size, pairs * kTileColumns}, layout.panels, pairs, sums,
                      layout.columns(), add, beside);
}

// The sums of all channels and frames at every point.
void multiply_points(const Layout& layout, const float* const* frames, int64_t first, int64_t count,
                     const float* kernels, const float* zeros, float* pictures, float* sums) {
  for_slices(layout.to, [&](const Slice& slice) {
    write_pictures(layout, frames[slice.time], first, count, slice, zeros, pictures);
    for (int64_t point = 0; point < kPoints; ++point)
      multiply_point(layout, slice, point, count, kernels, pictures, sums);
  });
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
  float* pictures = memory.get(kPoints * (layout.picture_size() + layout.sums_size()) + to.in + 8);
  float* sums = pictures + kPoints * layout.picture_size();
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
  const int64_t together = layout.together, blocks = (layout.squares + together - 1) / together;
  parallel_tasks(to.frames * blocks, [&](int64_t task) {
    const int64_t first = task % blocks * together, rest = layout.squares - first;
    convolve_squares(layout, task / blocks, first, rest < together ? rest : together, kernels);
  });
}

}  // namespace wan::device

#pragma clang attribute pop
