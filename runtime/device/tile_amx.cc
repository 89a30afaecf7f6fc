#include "runtime/device/tile_amx.h"

#include <algorithm>
#include <immintrin.h>

#include "runtime/device/tile_avx2.h"

#pragma clang attribute push(__attribute__((target("amx-tile,amx-bf16"))), apply_to = function)

namespace wan::device::amx {
namespace {

constexpr int64_t kRows = 16, kPairs = 16, kColumns = 16;  // of a tile: 16 rows of 64 bytes
constexpr int64_t kLine = 64;

// Which tile is what: four of sums, two of rows of the left operand, two of columns of the right one. The
// instructions take numbers alone.
enum Tile {
  kTopLeft = 0,
  kTopRight = 1,
  kLowLeft = 2,
  kLowRight = 3,
  kTop = 4,
  kLow = 5,
  kLeft = 6,
  kRight = 7
};

// Operand of LDTILECFG (Intel SDM).
struct alignas(kLine) Configuration {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};

  void set(int tile, int64_t count, int64_t values) {
    row_bytes[tile] = static_cast<uint16_t>(values * 4);
    rows[tile] = static_cast<uint8_t>(count);
  }
};

// Sizes the tiles for as long as it lives; the unit is given back then, so that a thread's state is small
// again when it is switched.
class Tiles {
 public:
  // `top` and `low`: rows of the two tiles of the left operand; `pairs` of a step.
  Tiles(int64_t top, int64_t low, int64_t pairs) {
    Configuration tiles;
    for (const int tile : {kTopLeft, kTopRight}) tiles.set(tile, top, kColumns);
    for (const int tile : {kLowLeft, kLowRight}) tiles.set(tile, low, kColumns);
    tiles.set(kTop, top, pairs);
    tiles.set(kLow, low, pairs);
    for (const int tile : {kLeft, kRight}) tiles.set(tile, pairs, kColumns);
    _tile_loadconfig(&tiles);
  }
  Tiles(const Tiles&) = delete;
  Tiles& operator=(const Tiles&) = delete;
  ~Tiles() { _tile_release(); }
};

// One block of sums: up to 32 rows, one panel of columns or two.
struct Block {
  const float* a;
  int64_t a_stride;
  const float* b;
  int64_t b_stride;
  float* c;
  int64_t c_stride;
};

template <bool kTwoTiles, int kCount>
[[gnu::always_inline]] inline void load_sums(const Block& to, bool add) {
  if (!add) {
    _tile_zero(kTopLeft);
    if constexpr (kCount == 2) _tile_zero(kTopRight);
    if constexpr (kTwoTiles) _tile_zero(kLowLeft);
    if constexpr (kTwoTiles && kCount == 2) _tile_zero(kLowRight);
    return;
  }
  const int64_t stride = to.c_stride * 4;
  float* low = to.c + kRows * to.c_stride;
  _tile_loadd(kTopLeft, to.c, stride);
  if constexpr (kCount == 2) _tile_loadd(kTopRight, to.c + kColumns, stride);
  if constexpr (kTwoTiles) _tile_loadd(kLowLeft, low, stride);
  if constexpr (kTwoTiles && kCount == 2) _tile_loadd(kLowRight, low + kColumns, stride);
}

template <bool kTwoTiles, int kCount>
[[gnu::always_inline]] inline void store_sums(const Block& to) {
  const int64_t stride = to.c_stride * 4;
  float* low = to.c + kRows * to.c_stride;
  _tile_stored(kTopLeft, to.c, stride);
  if constexpr (kCount == 2) _tile_stored(kTopRight, to.c + kColumns, stride);
  if constexpr (kTwoTiles) _tile_stored(kLowLeft, low, stride);
  if constexpr (kTwoTiles && kCount == 2) _tile_stored(kLowRight, low + kColumns, stride);
}

// Two of the next block's 32 rows of sums, while this one takes a step.
[[gnu::always_inline]] inline void fetch_sums(const Block& to, int64_t step) {
  const float* next = to.c + kPanels * kColumns + 2 * step * to.c_stride;
#pragma clang loop unroll(full)
  for (int i = 0; i < 4; ++i) _mm_prefetch(next + i / 2 * to.c_stride + i % 2 * kColumns, _MM_HINT_T0);
}

// The rows stay in the first-level cache from panel to panel; the columns are read past it, or the two would
// not fit.
template <bool kTwoTiles, int kCount>
[[gnu::always_inline]] inline void multiply_block(const Block& to, int64_t depth, bool add,
                                                  avx2::Beside& beside) {
  load_sums<kTwoTiles, kCount>(to, add);
  const int64_t stride = to.a_stride * 4;
  for (int64_t k = 0; k < depth; k += kPairs) {
    const float* b = to.b + k * kColumns;
    if (k < kPairs * kRows) fetch_sums(to, k / kPairs);
    if (k % (4 * kPairs) == 0) beside.fetch_some();
    _tile_stream_loadd(kLeft, b, kLine);
    _tile_loadd(kTop, to.a + k, stride);
    _tile_dpbf16ps(kTopLeft, kTop, kLeft);
    if constexpr (kCount == 2) {
      _tile_stream_loadd(kRight, b + to.b_stride, kLine);
      _tile_dpbf16ps(kTopRight, kTop, kRight);
    }
    if constexpr (kTwoTiles) {
      _tile_loadd(kLow, to.a + kRows * to.a_stride + k, stride);
      _tile_dpbf16ps(kLowLeft, kLow, kLeft);
      if constexpr (kCount == 2) _tile_dpbf16ps(kLowRight, kLow, kRight);
    }
  }
  store_sums<kTwoTiles, kCount>(to);
}

// Those rows with all panels; `depth` in whole steps of what the tiles are sized for.
template <bool kTwoTiles>
void multiply_rows(Block to, int64_t panels, int64_t depth, bool add, avx2::Beside& beside) {
  int64_t panel = 0;
  for (; panel + 2 <= panels; panel += 2, to.b += 2 * to.b_stride, to.c += 2 * kColumns)
    multiply_block<kTwoTiles, 2>(to, depth, add, beside);
  if (panel < panels) multiply_block<kTwoTiles, 1>(to, depth, add, beside);
}

// `step`: pairs of a step, of which `depth` is a multiple.
void multiply_steps(int64_t rows, Block to, int64_t panels, int64_t depth, int64_t step, bool add,
                    avx2::Beside& beside) {
  if (rows >= kTileRows) {
    const Tiles tiles(kRows, kRows, step);
    for (; rows >= kTileRows; rows -= kTileRows) {
      multiply_rows<true>(to, panels, depth, add, beside);
      to.a += kTileRows * to.a_stride, to.c += kTileRows * to.c_stride;
    }
  }
  if (rows == 0) return;
  const Tiles tiles(std::min(rows, kRows), std::max<int64_t>(1, rows - kRows), step);
  rows > kRows ? multiply_rows<true>(to, panels, depth, add, beside)
               : multiply_rows<false>(to, panels, depth, add, beside);
}

}  // namespace

void multiply_pairs(int64_t rows, const float* a, int64_t a_stride, const float* b, int64_t b_stride,
                    int64_t panels, int64_t depth, float* c, int64_t c_stride, bool add,
                    avx2::Beside& beside) {
  const int64_t rest = depth % kPairs, whole = depth - rest;
  const Block to{a, a_stride, b, b_stride, c, c_stride};
  if (whole > 0) multiply_steps(rows, to, panels, whole, kPairs, add, beside);
  if (rest == 0) return;
  const Block last{a + whole, a_stride, b + whole * kColumns, b_stride, c, c_stride};
  multiply_steps(rows, last, panels, rest, rest, add || whole > 0, beside);
}

}  // namespace wan::device::amx

#pragma clang attribute pop
