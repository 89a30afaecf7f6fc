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
  int64_t a_part = 0, b_part = 0;  // from part to part of split values
};

// `act<tile of sums, of rows, of columns>(its sums)` for every tile of sums that there is.
template <bool kTwoTiles, int kCount, typename Act>
[[gnu::always_inline]] inline void for_sums(const Block& to, const Act& act) {
  float* low = to.c + kRows * to.c_stride;
  act.template operator()<kTopLeft, kTop, kLeft>(to.c);
  if constexpr (kCount == 2) act.template operator()<kTopRight, kTop, kRight>(to.c + kColumns);
  if constexpr (kTwoTiles) act.template operator()<kLowLeft, kLow, kLeft>(low);
  if constexpr (kTwoTiles && kCount == 2) act.template operator()<kLowRight, kLow, kRight>(low + kColumns);
}

// Two of the next block's 32 rows of sums, while this one takes a step.
[[gnu::always_inline]] inline void fetch_sums(const Block& to, int64_t step) {
  const float* next = to.c + kPanels * kColumns + 2 * step * to.c_stride;
#pragma clang loop unroll(full)
  for (int i = 0; i < 4; ++i) _mm_prefetch(next + i / 2 * to.c_stride + i % 2 * kColumns, _MM_HINT_T0);
}

template <bool kTwoTiles>
[[gnu::always_inline]] inline void load_rows(const Block& to, const float* a) {
  _tile_loadd(kTop, a, to.a_stride * 4);
  if constexpr (kTwoTiles) _tile_loadd(kLow, a + kRows * to.a_stride, to.a_stride * 4);
}

template <bool kTwoTiles, int kCount>
[[gnu::always_inline]] inline void multiply_loaded(const Block& to) {
  for_sums<kTwoTiles, kCount>(
      to, [&]<int kSums, int kRow, int kColumn>(float*) { _tile_dpbf16ps(kSums, kRow, kColumn); });
}

// The rows stay in the first-level cache from panel to panel; the columns are read past it, or the two would
// not fit.
struct OfPairs {
  avx2::Beside& beside;

  template <bool kTwoTiles, int kCount>
  [[gnu::always_inline]] void step(const Block& to, int64_t k) const {
    const float* b = to.b + k * kColumns;
    if (k < kPairs * kRows) fetch_sums(to, k / kPairs);
    if (k % (4 * kPairs) == 0) beside.fetch_some();
    _tile_stream_loadd(kLeft, b, kLine);
    if constexpr (kCount == 2) _tile_stream_loadd(kRight, b + to.b_stride, kLine);
    load_rows<kTwoTiles>(to, to.a + k);
    multiply_loaded<kTwoTiles, kCount>(to);
  }
};

// x = x0 + x1 + x2, the largest first: x0 y2, x0 y1, x0 y0, x1 y0, x1 y1, x2 y0. Columns are read again soon.
struct OfSplit {
  avx2::Beside& beside;

  template <bool kTwoTiles, int kCount>
  [[gnu::always_inline]] void step(const Block& to, int64_t k) const {
    constexpr int kProducts = 6;
    constexpr int kRowParts[kProducts] = {0, 0, 0, 1, 1, 2}, kColumnParts[kProducts] = {2, 1, 0, 0, 1, 0};
#pragma clang loop unroll(full)
    for (int i = 0; i < kProducts; ++i) {
      const int64_t product = k / kPairs * kProducts + i;
      if (product < kRows) fetch_sums(to, product);
      if (i % 2 == 0) beside.fetch_some();
      if (i == 0 || kRowParts[i] != kRowParts[i - 1])
        load_rows<kTwoTiles>(to, to.a + k + kRowParts[i] * to.a_part);
      if (i == 0 || kColumnParts[i] != kColumnParts[i - 1]) {
        const float* b = to.b + k * kColumns + kColumnParts[i] * to.b_part;
        _tile_loadd(kLeft, b, kLine);
        if constexpr (kCount == 2) _tile_loadd(kRight, b + to.b_stride, kLine);
      }
      multiply_loaded<kTwoTiles, kCount>(to);
    }
  }
};

template <bool kTwoTiles, int kCount, typename Of>
[[gnu::always_inline]] inline void multiply_block(const Of& of, const Block& to, int64_t depth, bool add) {
  const int64_t stride = to.c_stride * 4;
  for_sums<kTwoTiles, kCount>(
      to, [&]<int kSums, int, int>(float* c) { add ? _tile_loadd(kSums, c, stride) : _tile_zero(kSums); });
  for (int64_t k = 0; k < depth; k += kPairs) of.template step<kTwoTiles, kCount>(to, k);
  for_sums<kTwoTiles, kCount>(to, [&]<int kSums, int, int>(float* c) { _tile_stored(kSums, c, stride); });
}

// Those rows with all panels; `depth` in whole steps of what the tiles are sized for.
template <bool kTwoTiles, typename Of>
void multiply_rows(const Of& of, Block to, int64_t panels, int64_t depth, bool add) {
  int64_t panel = 0;
  for (; panel + 2 <= panels; panel += 2, to.b += 2 * to.b_stride, to.c += 2 * kColumns)
    multiply_block<kTwoTiles, 2>(of, to, depth, add);
  if (panel < panels) multiply_block<kTwoTiles, 1>(of, to, depth, add);
}

// `step`: pairs of a step, of which `depth` is a multiple.
template <typename Of>
void multiply_steps(const Of& of, int64_t rows, Block to, int64_t panels, int64_t depth, int64_t step,
                    bool add) {
  if (rows >= kTileRows) {
    const Tiles tiles(kRows, kRows, step);
    for (; rows >= kTileRows; rows -= kTileRows) {
      multiply_rows<true>(of, to, panels, depth, add);
      to.a += kTileRows * to.a_stride, to.c += kTileRows * to.c_stride;
    }
  }
  if (rows == 0) return;
  const Tiles tiles(std::min(rows, kRows), std::max<int64_t>(1, rows - kRows), step);
  rows > kRows ? multiply_rows<true>(of, to, panels, depth, add)
               : multiply_rows<false>(of, to, panels, depth, add);
}

// Whole steps, then what is left of the depth.
template <typename Of>
void multiply(const Of& of, int64_t rows, Block to, int64_t panels, int64_t depth, bool add) {
  const int64_t rest = depth % kPairs, whole = depth - rest;
  if (whole > 0) multiply_steps(of, rows, to, panels, whole, kPairs, add);
  if (rest == 0) return;
  to.a += whole, to.b += whole * kColumns;
  multiply_steps(of, rows, to, panels, rest, rest, add || whole > 0);
}

}  // namespace

void multiply_pairs(int64_t rows, const float* a, int64_t a_stride, const float* b, int64_t b_stride,
                    int64_t panels, int64_t depth, float* c, int64_t c_stride, bool add,
                    avx2::Beside& beside) {
  multiply(OfPairs{beside}, rows, {a, a_stride, b, b_stride, c, c_stride}, panels, depth, add);
}

void multiply_split(int64_t rows, const Split& a, const Split& b, int64_t panels, int64_t depth, float* c,
                    int64_t c_stride, bool add, avx2::Beside& beside) {
  multiply(OfSplit{beside}, rows, {a.first, a.stride, b.first, b.stride, c, c_stride, a.part, b.part}, panels,
           depth, add);
}

}  // namespace wan::device::amx

#pragma clang attribute pop
