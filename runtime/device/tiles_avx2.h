#pragma once
// Rows in tiles (kernels.h): a product's left operand as its innermost loop reads it. Slice after slice of
// the depth; in a slice, tile after tile of six rows; in a tile, column after column the rows' values, six
// side by side. Rows of 6 or 20 KB fall on few sets of the first-level cache, and a tile is one stream
// instead of six. Included by the *_avx2.cc files alone.

#include "runtime/device/tile_avx2.h"

namespace wan::device::avx2 {

inline int64_t round_up(int64_t value, int64_t step) { return (value + step - 1) / step * step; }

// How many of `rows` are in the tile that begins with `first`.
inline int64_t rows_of_tile(int64_t rows, int64_t first) {
  return rows - first < kTileRows ? rows - first : kTileRows;
}

// As much of the depth as is packed at a time.
constexpr int64_t kBlockDepth = 256;

// The depth in slices.
struct Slices {
  int64_t in;

  int64_t slices() const { return (in + kBlockDepth - 1) / kBlockDepth; }
  int64_t first(int64_t slice) const { return slice * kBlockDepth; }
  int64_t depth(int64_t slice) const {
    const int64_t rest = in - first(slice);
    return rest < kBlockDepth ? rest : kBlockDepth;
  }
};

// Where things lie.
struct TilePlaces : Slices {
  int64_t rows;  // a multiple of kTileRows

  // The tile that begins with `row`, a multiple of kTileRows.
  int64_t tile(int64_t slice, int64_t row) const { return first(slice) * rows + row * depth(slice); }
  // The same tile's values from that column on.
  int64_t column(int64_t row, int64_t column) const {
    const int64_t slice = column / kBlockDepth;
    return tile(slice, row) + (column - first(slice)) * kTileRows;
  }
};

inline TilePlaces places_of(int64_t rows, int64_t dim) { return {{dim}, round_up(rows, kTileRows)}; }

}  // namespace wan::device::avx2

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

namespace wan::device::avx2 {

// One column of a tile: six values, and none behind them, where others' may be.
[[gnu::always_inline]] static inline void store_column(float* out, __m256 values) {
  static_assert(kTileRows == 6);
  _mm_storeu_ps(out, _mm256_castps256_ps128(values));
  _mm_storel_pi(reinterpret_cast<__m64*>(out + 4), _mm256_extractf128_ps(values, 1));
}

// Up to eight columns of kTileRows rows, `rows[0]` to `rows[kTileRows - 1]`, into a tile.
[[gnu::always_inline]] static inline void store_columns(__m256 (&rows)[8], int64_t count, float* out) {
  __m256 columns[8];
  transpose8(rows, columns);
  if (count >= 8) {
#pragma clang loop unroll(full)
    for (int i = 0; i < 8; ++i) store_column(out + i * kTileRows, columns[i]);
  } else {
    for (int64_t i = 0; i < count; ++i) store_column(out + i * kTileRows, columns[i]);
  }
}

// Up to kTileRows rows of a matrix become a tile of `depth` columns. Rows that are not there are whatever
// there was.
static inline void interleave_rows(const float* rows, int64_t stride, int64_t count, int64_t depth,
                                   float* out) {
  int64_t k = 0;
  if (count == kTileRows) {
    // Eight values are stored where six belong; the next ones take the place of the two, which the last has
    // not.
    for (; k + 8 < depth; k += 8, out += 8 * kTileRows) {
      __m256 columns[8];
      __m256 r[8] = {};
#pragma clang loop unroll(full)
      for (int i = 0; i < kTileRows; ++i) r[i] = load8(rows + i * stride + k);
      transpose8(r, columns);
#pragma clang loop unroll(full)
      for (int i = 0; i < 8; ++i) _mm256_storeu_ps(out + i * kTileRows, columns[i]);
    }
  }
  for (; k < depth; ++k, out += kTileRows)
    for (int64_t r = 0; r < count; ++r) out[r] = rows[r * stride + k];
}

}  // namespace wan::device::avx2

#pragma clang attribute pop
