// Rows times a weight, with what follows it done while the sums are in the cache.

#include <ATen/Parallel.h>
#include <algorithm>
#include <limits>
#include <type_traits>

#include "runtime/device/gemm_avx2.h"

namespace wan::device {

namespace {

// As many rows a task as let all threads end soonest: they take so many turns, and each task packs the weight
// for itself, which takes as long as some rows. Not more rows than whose sums stay in the last cache.
int64_t rows_of_a_task(int64_t rows, int64_t column_blocks) {
  constexpr int64_t kPacking = 12, kFewestRows = 48, kMostRows = 1024;
  const int64_t threads = at::get_num_threads();
  rows = std::max<int64_t>(1, rows);
  int64_t best = 0, soonest = std::numeric_limits<int64_t>::max();
  for (int64_t blocks = (rows + kMostRows - 1) / kMostRows; best == 0 || rows / blocks >= kFewestRows;
       ++blocks) {
    const int64_t share = avx2::round_up((rows + blocks - 1) / blocks, avx2::kTileRows);
    const int64_t tasks = (rows + share - 1) / share * column_blocks;
    const int64_t end = (tasks + threads - 1) / threads * (share + kPacking);
    if (end < soonest) best = share, soonest = end;
  }
  return best;
}

// The same for AVX-512, as it was found best there: a few tasks a thread.
int64_t rows_of_a_wide_task(int64_t rows, int64_t column_blocks) {
  constexpr int64_t kTasksPerThread = 4, kFewestRows = 192, kMostRows = 1536;
  const int64_t wanted = kTasksPerThread * at::get_num_threads();
  const int64_t row_blocks = std::max<int64_t>(1, (wanted + column_blocks - 1) / column_blocks);
  const int64_t share = std::clamp((rows + row_blocks - 1) / row_blocks, kFewestRows, kMostRows);
  return avx2::round_up(share, avx2::kTileRows);
}

avx2::Blocks blocks_of(const LinearArguments& to, int64_t rows) {
  const int64_t columns = avx2::block_columns(), column_blocks = (to.out + columns - 1) / columns;
  const bool is_wide = kernel_set().registers == Registers::kAvx512;
  return {is_wide ? rows_of_a_wide_task(rows, column_blocks) : rows_of_a_task(rows, column_blocks), columns};
}

}  // namespace

}  // namespace wan::device

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

namespace wan::device {
namespace {

// One row's columns: bias, GELU, gate and residual. `sums` may be written to.
void finish_row(const LinearArguments& to, int64_t row, int64_t first, int64_t count, float* sums) {
  constexpr int64_t kLine = 16, kAhead = 2;  // rows that will be needed soon are fetched
  const bool halve = to.y_stored == Stored::kBFloat16;
  const int64_t place = row * to.y_stride + first;
  float* y = halve ? sums : static_cast<float*>(to.y) + place;
  const float* residual = to.residual ? to.residual + row * to.residual_stride + first : nullptr;
  for (int64_t i = 0; i < count; i += 8) {
    const int64_t left = count - i;
    if (i % kLine == 0) {
      if (!halve) _mm_prefetch(y + kAhead * to.y_stride + i, _MM_HINT_T0);
      if (residual) _mm_prefetch(residual + kAhead * to.residual_stride + i, _MM_HINT_T0);
    }
    __m256 value = _mm256_loadu_ps(sums + i);  // padded to whole panels
    if (to.bias) value = _mm256_add_ps(value, avx2::load_first(to.bias + first + i, left));
    if (to.gelu) value = avx2::gelu8(value);
    if (residual) {
      const __m256 gate = to.gate ? avx2::load_first(to.gate + first + i, left) : _mm256_set1_ps(1.0F);
      value = _mm256_fmadd_ps(value, gate, avx2::load_first(residual + i, left));
    }
    avx2::store_first(y + i, value, left);
  }
  if (halve) avx512::narrow(sums, count, static_cast<uint16_t*>(to.y) + place);
}

using avx2::kTileColumns;

// `in` in slices of the depth that is packed at a time.
struct Slices {
  int64_t in;

  int64_t slices() const { return (in + avx2::kBlockDepth - 1) / avx2::kBlockDepth; }
  int64_t first(int64_t slice) const { return slice * avx2::kBlockDepth; }
  int64_t depth(int64_t slice) const {
    const int64_t rest = in - first(slice);
    return rest < avx2::kBlockDepth ? rest : avx2::kBlockDepth;
  }
};

// The rows where they lie.
struct RowsOfMemory : Slices {
  static constexpr bool kLeftInTiles = false;
  const float* x;
  int64_t stride;

  avx2::Rows left(int64_t slice, int64_t row) const { return {x + row * stride + first(slice), stride}; }
};

// A copy of up to `rows` rows, a multiple of a tile's: slice after slice, tile after tile.
struct RowsInTiles : Slices {
  static constexpr bool kLeftInTiles = true;
  float* memory;
  int64_t rows;

  float* tile(int64_t slice, int64_t row) const { return memory + first(slice) * rows + row * depth(slice); }
  avx2::Rows left(int64_t slice, int64_t row) const { return {tile(slice, row), depth(slice)}; }
  void copy(const RowsOfMemory& from, int64_t first_row, int64_t count) const {
    parallel_tasks((count + avx2::kTileRows - 1) / avx2::kTileRows, [&](int64_t at) {
      const int64_t row = at * avx2::kTileRows, left = count - row;
      for (int64_t slice = 0; slice < slices(); ++slice)
        avx2::interleave_rows(from.left(slice, first_row + row).first, from.stride,
                              left < avx2::kTileRows ? left : avx2::kTileRows, depth(slice),
                              tile(slice, row));
    });
  }
};

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
      avx2::pack_panel(weight + (first_column + column) * in + first(slice), in, width, deep,
                       panels + column * deep);
    }
    return {panels, deep * kTileColumns};
  }
};

// The rows from `first_row` on, which `left` counts from 0.
template <typename Element, typename Left>
void multiply_rows_from(const LinearArguments& to, int64_t first_row, int64_t rows, const Left& left) {
  avx2::multiply(
      rows, to.out, blocks_of(to, rows),
      WeightRows<Element, Left>{left, static_cast<const Element*>(to.weight)},
      [&](int64_t row, int64_t count, int64_t column, int64_t columns, float* sums, int64_t stride) {
        for (int64_t r = 0; r < count; ++r)
          finish_row(to, first_row + row + r, column, columns, sums + r * stride);
      });
}

// Whether rows are worth laying out in tiles first: many rows that lie far apart meet several blocks of
// columns.
bool worth_tiles(const LinearArguments& to) {
  constexpr int64_t kFewestRows = 384;
  return kernel_set().registers != Registers::kAvx512 && to.rows >= kFewestRows &&
         to.x_stride >= 2 * avx2::kBlockDepth && to.out >= 2 * avx2::block_columns();
}

// As many rows at a time as fill the memory that there is for their copy.
template <typename Element>
void multiply_tiles_of(const LinearArguments& to, const RowsOfMemory& x) {
  constexpr int64_t kMostFloats = 16 << 20;
  static thread_local avx2::Scratch memory;
  const int64_t turns = (avx2::round_up(to.rows, avx2::kTileRows) * to.in + kMostFloats - 1) / kMostFloats;
  const int64_t share = avx2::round_up((to.rows + turns - 1) / turns, avx2::kTileRows);
  const RowsInTiles tiles{{to.in}, memory.get(share * to.in), share};
  for (int64_t first = 0; first < to.rows; first += share) {
    const int64_t rows = to.rows - first < share ? to.rows - first : share;
    tiles.copy(x, first, rows);
    multiply_rows_from<Element>(to, first, rows, tiles);
  }
}

template <typename Element>
void linear_of(const LinearArguments& to) {
  constexpr int64_t kPerValue = avx2::kPerValue<kValuesOf<Element>>;
  const RowsOfMemory x{{to.in / kPerValue}, static_cast<const float*>(to.x), to.x_stride / kPerValue};
  if constexpr (kValuesOf<Element> == avx2::Values::kFloat)
    if (worth_tiles(to)) return multiply_tiles_of<Element>(to, x);
  multiply_rows_from<Element>(to, 0, to.rows, x);
}

}  // namespace

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
