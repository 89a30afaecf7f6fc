// Rows times a weight, with what follows it done while the sums are in the cache.

#include <algorithm>
#include <limits>
#include <type_traits>

#include "runtime/device/gemm_avx2.h"

namespace wan::device {

namespace {

// What a size of a task is judged by.
struct Costs {
  int64_t packing;    // of a task's part of the weight, as long as so many rows take
  int64_t reading;    // of its rows, as long as so many columns take
  int64_t most_rows;  // whose sums stay in a cache
  int64_t tile_rows;
};
constexpr Costs kOfFloats{16, 4, 1024, avx2::kTileRows}, kOfMatrixUnit{48, 4, 512, amx::kTileRows};

// How long the threads work on tasks of that size: they take so many turns.
int64_t time_of(const Costs& costs, const avx2::Blocks& blocks, int64_t rows, int64_t columns) {
  const int64_t threads = parallel_threads();
  const int64_t tasks =
      (rows + blocks.rows - 1) / blocks.rows * ((columns + blocks.columns - 1) / blocks.columns);
  return (tasks + threads - 1) / threads * (blocks.rows + costs.packing) * (blocks.columns + costs.reading);
}

// The size of a task that lets all threads end soonest.
avx2::Blocks blocks_of(const Costs& costs, int64_t rows, int64_t columns) {
  constexpr int64_t kFewestRows = 48;
  rows = std::max<int64_t>(1, rows);
  avx2::Blocks best{};
  int64_t soonest = std::numeric_limits<int64_t>::max();
  for (const int64_t some : {avx2::kBlockColumns, avx2::kBlockColumns / 2}) {
    for (int64_t parts = (rows + costs.most_rows - 1) / costs.most_rows;; ++parts) {
      const avx2::Blocks blocks{avx2::round_up((rows + parts - 1) / parts, costs.tile_rows), some};
      const int64_t time = time_of(costs, blocks, rows, columns);
      if (time < soonest) best = blocks, soonest = time;
      if (rows / (parts + 1) < kFewestRows) break;
    }
  }
  return best;
}

// The same for pairs of bf16 by AVX-512, as it was found best where there is 1 MB of second-level cache.
avx2::Blocks blocks_of_pairs(const LinearArguments& to, int64_t rows) {
  constexpr int64_t kColumns = avx2::kBlockColumns / 2, kTasksPerThread = 4, kFewestRows = 192,
                    kMostRows = 1536;
  const int64_t column_blocks = (to.out + kColumns - 1) / kColumns;
  const int64_t wanted = kTasksPerThread * parallel_threads();
  const int64_t row_blocks = std::max<int64_t>(1, (wanted + column_blocks - 1) / column_blocks);
  const int64_t share = std::clamp((rows + row_blocks - 1) / row_blocks, kFewestRows, kMostRows);
  return {avx2::round_up(share, avx512::kPairTileRows), kColumns};
}

avx2::Blocks blocks_for(avx2::Values values, const LinearArguments& to, int64_t rows) {
  if (values == avx2::Values::kFloat) return blocks_of(kOfFloats, rows, to.out);
  if (kernel_set().bf16_unit == Bf16Unit::kAmx) return blocks_of(kOfMatrixUnit, rows, to.out);
  return blocks_of_pairs(to, rows);
}

}  // namespace

}  // namespace wan::device

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

namespace wan::device {
namespace {

// Up to eight sums of a row, `left` columns before its end: bias, GELU, gate and residual.
[[gnu::always_inline]] inline __m256 finish8(const LinearArguments& to, __m256 value, int64_t column,
                                             int64_t left, const float* residual) {
  if (to.bias) value = _mm256_add_ps(value, avx2::load_first(to.bias + column, left));
  if (to.gelu) value = avx2::gelu8(value);
  if (residual) {
    const __m256 gate = to.gate ? avx2::load_first(to.gate + column, left) : _mm256_set1_ps(1.0F);
    value = _mm256_fmadd_ps(value, gate, avx2::load_first(residual, left));
  }
  return value;
}

// One row's columns.
void finish_row(const LinearArguments& to, int64_t row, int64_t first, int64_t count, const float* sums) {
  constexpr int64_t kLine = 16, kAhead = 2;  // rows that will be needed soon are fetched
  float* y = static_cast<float*>(to.y) + row * to.y_stride + first;
  const float* residual = to.residual ? to.residual + row * to.residual_stride + first : nullptr;
  for (int64_t i = 0; i < count; i += 8) {
    if (i % kLine == 0) {
      _mm_prefetch(y + kAhead * to.y_stride + i, _MM_HINT_T0);
      if (residual) _mm_prefetch(residual + kAhead * to.residual_stride + i, _MM_HINT_T0);
    }
    const __m256 value = _mm256_loadu_ps(sums + i);  // padded to whole panels
    avx2::store_first(y + i, finish8(to, value, first + i, count - i, residual ? residual + i : nullptr),
                      count - i);
  }
}

// The same in bf16.
void finish_narrow_row(const LinearArguments& to, int64_t row, int64_t first, int64_t count,
                       const float* sums) {
  constexpr int64_t kLine = 32, kAhead = 4;
  uint16_t* y = static_cast<uint16_t*>(to.y) + row * to.y_stride + first;
  for (int64_t i = 0; i < count; i += kLine) __builtin_prefetch(y + kAhead * to.y_stride + i, 1);
  avx512::finish_narrow(sums, to.bias ? to.bias + first : nullptr, to.gelu, count, y);
}

// The same columns of `rows` rows, the first of which begins a tile, into tiles.
void finish_tiles(const LinearArguments& to, int64_t row, int64_t rows, int64_t first, int64_t count,
                  const float* sums, int64_t stride) {
  constexpr int64_t kTile = avx2::kTileRows * avx2::kBlockDepth;  // one tile ahead is fetched
  const avx2::TilePlaces places = avx2::places_of(to.rows, to.out);
  for (int64_t at = 0; at < rows; at += avx2::kTileRows) {
    const int64_t here = avx2::rows_of_tile(rows, at);
    for (int64_t i = 0; i < count; i += 8) {
      __m256 values[8] = {};
      for (int64_t r = 0; r < here; ++r)
        values[r] = finish8(to, _mm256_loadu_ps(sums + (at + r) * stride + i), first + i, count - i, nullptr);
      float* y = static_cast<float*>(to.y) + places.column(row + at, first + i);
      for (int64_t line = 0; line < 8 * avx2::kTileRows; line += 16)
        _mm_prefetch(y + kTile + line, _MM_HINT_T0);
      avx2::store_columns(values, count - i, y);
    }
  }
}

// What follows the sums of a block. They may be written to.
void finish(LinearArguments to, int64_t row, int64_t rows, int64_t first, int64_t count, float* sums,
            int64_t stride) {
  if (to.y_stored == Stored::kBFloat16) {
    for (int64_t r = 0; r < rows; ++r) finish_narrow_row(to, row + r, first, count, sums + r * stride);
    return;
  }
  if (to.gelu && kernel_set().registers == Registers::kAvx512) {
    for (int64_t r = 0; r < rows; ++r)
      avx512::add_and_gelu(sums + r * stride, to.bias ? to.bias + first : nullptr, count);
    to.bias = nullptr, to.gelu = false;
  }
  if (to.y_layout == RowLayout::kTiles) return finish_tiles(to, row, rows, first, count, sums, stride);
  for (int64_t r = 0; r < rows; ++r) finish_row(to, row + r, first, count, sums + r * stride);
}

using avx2::kTileColumns;

// The rows where they lie.
struct RowsOfMemory : avx2::Slices {
  static constexpr bool kLeftInTiles = false;
  const float* x;
  int64_t stride;

  avx2::Rows left(int64_t slice, int64_t row) const { return {x + row * stride + first(slice), stride}; }
};

struct RowsInTiles : avx2::TilePlaces {
  static constexpr bool kLeftInTiles = true;
  const float* x;

  avx2::Rows left(int64_t slice, int64_t row) const { return {x + tile(slice, row), depth(slice)}; }
};

// `count` rows from `first_row` on, into tiles.
void copy_to_tiles(const RowsOfMemory& from, int64_t first_row, int64_t count, const avx2::TilePlaces& to,
                   float* out) {
  parallel_tasks((count + avx2::kTileRows - 1) / avx2::kTileRows, [&](int64_t at) {
    const int64_t row = at * avx2::kTileRows;
    for (int64_t slice = 0; slice < to.slices(); ++slice)
      avx2::interleave_rows(from.left(slice, first_row + row).first, from.stride,
                            avx2::rows_of_tile(count, row), to.depth(slice), out + to.tile(slice, row));
  });
}

template <typename Element>
constexpr avx2::Values kValuesOf =
    std::is_same_v<Element, avx2::Pair> ? avx2::Values::kPair : avx2::Values::kFloat;

// Rows, and the weight [out, in] that they meet.
template <typename Element, typename Left>
struct WeightRows : Left {
  static constexpr avx2::Values kValues = kValuesOf<Element>;
  using Left::in, Left::first, Left::depth;
  const Element* weight;

  avx2::Ahead ahead(int64_t slice, int64_t first_column, int64_t count) const {
    return {weight + first_column * in + first(slice), count, in, depth(slice)};
  }
  avx2::Panels pack(int64_t slice, int64_t first_column, int64_t count, avx2::Scratch& memory) const {
    const int64_t deep = depth(slice);
    float* panels = memory.get(deep * (count + kTileColumns));
    for (int64_t column = 0; column < count; column += kTileColumns) {
      const int64_t width = count - column < kTileColumns ? count - column : kTileColumns;
      const Element* rows = weight + (first_column + column) * in + first(slice);
      if constexpr (kValues == avx2::Values::kPair) {
        if (width == kTileColumns && deep % kTileColumns == 0) {
          avx512::pack_panel_of_pairs(reinterpret_cast<const float*>(rows), in, deep, panels + column * deep);
          continue;
        }
      }
      avx2::pack_panel(rows, in, width, deep, panels + column * deep);
    }
    return {panels, deep * kTileColumns};
  }
};

// The rows from `first_row` on, which `left` counts from 0.
template <typename Element, typename Left>
void multiply_rows_from(const LinearArguments& to, int64_t first_row, int64_t rows, const Left& left) {
  avx2::multiply(rows, to.out, blocks_for(kValuesOf<Element>, to, rows),
                 WeightRows<Element, Left>{left, static_cast<const Element*>(to.weight)},
                 [&](int64_t row, int64_t count, int64_t column, int64_t columns, float* sums,
                     int64_t stride) { finish(to, first_row + row, count, column, columns, sums, stride); });
}

// Whether rows are worth laying out in tiles first: many rows that lie far apart meet several blocks of
// columns.
bool worth_tiles(const LinearArguments& to) {
  constexpr int64_t kFewestRows = 384;
  return to.rows >= kFewestRows && to.x_stride >= 2 * avx2::kBlockDepth && to.out >= 2 * avx2::kBlockColumns;
}

// As many rows at a time as fill the memory that there is for their copy.
template <typename Element>
void multiply_tiles_of(const LinearArguments& to, const RowsOfMemory& x) {
  constexpr int64_t kMostFloats = 16 << 20;
  static thread_local avx2::Scratch memory;
  const int64_t turns = (tiled_size(to.rows, to.in) + kMostFloats - 1) / kMostFloats;
  const int64_t share = avx2::round_up((to.rows + turns - 1) / turns, avx2::kTileRows);
  float* copy = memory.get(share * to.in);
  for (int64_t first = 0; first < to.rows; first += share) {
    const int64_t rows = to.rows - first < share ? to.rows - first : share;
    const RowsInTiles tiles{{{to.in}, share}, copy};
    copy_to_tiles(x, first, rows, tiles, copy);
    multiply_rows_from<Element>(to, first, rows, tiles);
  }
}

template <typename Element>
void linear_of(const LinearArguments& to) {
  constexpr int64_t kPerValue = avx2::kPerValue<kValuesOf<Element>>;
  const auto* values = static_cast<const float*>(to.x);
  const RowsOfMemory x{{to.in / kPerValue}, values, to.x_stride / kPerValue};
  if constexpr (kValuesOf<Element> == avx2::Values::kFloat) {
    if (to.x_layout == RowLayout::kTiles)
      return multiply_rows_from<Element>(to, 0, to.rows,
                                         RowsInTiles{avx2::places_of(to.rows, to.in), values});
    if (worth_tiles(to)) return multiply_tiles_of<Element>(to, x);
  }
  multiply_rows_from<Element>(to, 0, to.rows, x);
}

}  // namespace

int64_t tiled_size(int64_t rows, int64_t dim) { return avx2::places_of(rows, dim).rows * dim; }

void linear(const LinearArguments& to) {
  if (to.x_stored == Stored::kBFloat16) return linear_of<avx2::Pair>(to);
  switch (to.stored) {
    case Stored::kFloat: return linear_of<float>(to);
    case Stored::kBFloat16: return linear_of<avx2::BFloat16Bits>(to);
    case Stored::kHalf: return linear_of<avx2::HalfBits>(to);
  }
}

}  // namespace wan::device

#pragma clang attribute pop
