#include "runtime/device/tile_avx512.h"

#include <cmath>

#include "runtime/device/tile_avx2.h"

// The fp32 functions below use nothing of bf16: one attribute serves both.
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16"))), \
                             apply_to = function)

namespace wan::device::avx512 {
namespace {

constexpr int kLanes = 16;

struct MultiplyAdd {
  [[gnu::always_inline]] static inline __m512 step(__m512 a, __m512 b, __m512 sum) {
    return _mm512_fmadd_ps(a, b, sum);
  }
};

struct DotOfPairs {
  [[gnu::always_inline]] static inline __m512 step(__m512 a, __m512 b, __m512 sum) {
    return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b));
  }
};

// Rows of the left operand where they lie. fetch(): those of one cache line each, of kRows rows.
struct FarRows {
  static constexpr int kSteps = 4;
  const float* first;
  int64_t stride;

  [[gnu::always_inline]] const float* at(int row, int64_t k) const { return first + row * stride + k; }
  [[gnu::always_inline]] void advance(int64_t steps) { first += steps; }
  [[gnu::always_inline]] FarRows from(int64_t row) const { return {first + row * stride, stride}; }
  template <int kRows>
  [[gnu::always_inline]] void fetch(int64_t k) const {
#pragma clang loop unroll(full)
    for (int r = 0; r < kRows; ++r) _mm_prefetch(first + r * stride + k, _MM_HINT_T0);
  }
};

// A tile (tiles_avx2.h), or some of its last rows.
struct TileOfRows {
  static constexpr int kSteps = 8;
  const float* first;

  [[gnu::always_inline]] const float* at(int row, int64_t k) const {
    return first + k * avx2::kTileRows + row;
  }
  [[gnu::always_inline]] void advance(int64_t steps) { first += steps * avx2::kTileRows; }
};

// No rows to be fetched.
struct NoRows {
  template <int kRows>
  [[gnu::always_inline]] void fetch(int64_t) const {}
};

template <typename Arithmetic, int kRows, int kPanels, typename Rows>
[[gnu::always_inline]] inline void multiply_step(const Rows& a, int64_t k, const float* b, int64_t b_stride,
                                                 __m512 (&sum)[kRows][kPanels]) {
  __m512 column[kPanels];
#pragma clang loop unroll(full)
  for (int p = 0; p < kPanels; ++p) column[p] = _mm512_loadu_ps(b + p * b_stride);
#pragma clang loop unroll(full)
  for (int r = 0; r < kRows; ++r) {
    const __m512 x = _mm512_broadcastss_ps(_mm_load_ss(a.at(r, k)));
#pragma clang loop unroll(full)
    for (int p = 0; p < kPanels; ++p) sum[r][p] = Arithmetic::step(x, column[p], sum[r][p]);
  }
}

// See avx2::multiply_rows: the same sums in the same order.
template <typename Arithmetic, int kRows, int kPanels, typename Rows, typename Next>
[[gnu::always_inline]] inline void multiply_rows(Rows a, const float* b, int64_t b_stride, int64_t depth,
                                                 float* c, int64_t c_stride, bool add, const Next& next) {
  constexpr int64_t kLine = 16;  // values of a cache line
  constexpr int kSteps = Rows::kSteps;
  __m512 sum[kRows][kPanels];
#pragma clang loop unroll(full)
  for (int r = 0; r < kRows; ++r) {
#pragma clang loop unroll(full)
    for (int p = 0; p < kPanels; ++p) {
      sum[r][p] = _mm512_setzero_ps();
      _mm_prefetch(c + r * c_stride + p * kLanes, _MM_HINT_T0);
    }
  }
  int64_t k = 0;
  for (; k + kLine <= depth; k += kLine) {
    next.template fetch<kRows>(k);
#pragma clang loop unroll_count(1)
    for (int64_t i = 0; i < kLine; i += kSteps, a.advance(kSteps), b += kSteps * kLanes) {
#pragma clang loop unroll(full)
      for (int step = 0; step < kSteps; ++step)
        multiply_step<Arithmetic, kRows, kPanels>(a, step, b + step * kLanes, b_stride, sum);
    }
  }
  for (; k < depth; ++k, a.advance(1), b += kLanes)
    multiply_step<Arithmetic, kRows, kPanels>(a, 0, b, b_stride, sum);
#pragma clang loop unroll(full)
  for (int r = 0; r < kRows; ++r) {
#pragma clang loop unroll(full)
    for (int p = 0; p < kPanels; ++p) {
      float* out = c + r * c_stride + p * kLanes;
      _mm512_storeu_ps(out, add ? _mm512_add_ps(sum[r][p], _mm512_loadu_ps(out)) : sum[r][p]);
    }
  }
}

// All rows of up to two panels, in pairs of bf16.
template <int kPanels>
void multiply_panels(int64_t rows, const FarRows& a, const float* b, int64_t b_stride, int64_t depth,
                     float* c, int64_t c_stride, bool add) {
  int64_t row = 0;
  const auto tiles = [&]<int kRows>() {
    for (; rows - row >= kRows; row += kRows) {
      // The last tile's is the first of the next panels.
      const FarRows next = rows - row > kRows ? a.from(row + kRows) : a;
      multiply_rows<DotOfPairs, kRows, kPanels>(a.from(row), b, b_stride, depth, c + row * c_stride, c_stride,
                                                add, next);
    }
  };
  tiles.template operator()<kPairTileRows>();
  tiles.template operator()<6>();
  tiles.template operator()<3>();
  tiles.template operator()<1>();
}

// kRows rows with all panels, four at a time. The rows' slice (6 KB) stays in the first-level cache and the
// panels come from the second: fewer loads a multiply-add than twelve rows of two panels take, which
// matters where another program runs on the core's other thread.
template <int kRows, typename Rows>
void multiply_few(const Rows& a, const float* b, int64_t b_stride, int64_t panels, int64_t depth, float* c,
                  int64_t c_stride, bool add, avx2::Beside& beside) {
  int64_t panel = 0;
  const auto groups = [&]<int kPanels>() {
    for (; panels - panel >= kPanels; panel += kPanels) {
      beside.fetch_some();
      multiply_rows<MultiplyAdd, kRows, kPanels>(a, b + panel * b_stride, b_stride, depth, c + panel * kLanes,
                                                 c_stride, add, NoRows{});
    }
  };
  groups.template operator()<4>();
  groups.template operator()<2>();
  groups.template operator()<1>();
}

// `from(row)`: the rows from there on, of the same tile if they are in tiles.
template <typename From>
void multiply_floats(int64_t rows, const From& from, const float* b, int64_t b_stride, int64_t panels,
                     int64_t depth, float* c, int64_t c_stride, bool add, avx2::Beside& beside) {
  int64_t row = 0;
  const auto some = [&]<int kRows>() {
    for (; rows - row >= kRows; row += kRows)
      multiply_few<kRows>(from(row), b, b_stride, panels, depth, c + row * c_stride, c_stride, add, beside);
  };
  some.template operator()<avx2::kTileRows>();
  some.template operator()<3>();
  some.template operator()<1>();
}

// Step by step what avx2::exp8 does, for x up to 88.
[[gnu::always_inline]] inline __m512 exp16(__m512 x) {
  x = _mm512_max_ps(x, _mm512_set1_ps(-87.0F));
  const __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504F)),
                                        _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0.693359375F), x);
  r = _mm512_fnmadd_ps(n, _mm512_set1_ps(-2.12194440e-4F), r);
  __m512 p = _mm512_set1_ps(1.9875691500e-4F);
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.3981999507e-3F));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(8.3334519073e-3F));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(4.1665795894e-2F));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.6666665459e-1F));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(5.0000001201e-1F));
  p = _mm512_fmadd_ps(p, _mm512_mul_ps(r, r), _mm512_add_ps(r, _mm512_set1_ps(1.0F)));
  const __m512i power =
      _mm512_slli_epi32(_mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127)), 23);
  return _mm512_mul_ps(p, _mm512_castsi512_ps(power));
}

// Step by step what avx2::gelu8 does.
[[gnu::always_inline]] inline __m512 gelu16(__m512 x) {
  const __m512 cubic = _mm512_fmadd_ps(_mm512_mul_ps(x, x), _mm512_set1_ps(0.044715F), _mm512_set1_ps(1.0F));
  const __m512 minus_2u = _mm512_mul_ps(_mm512_mul_ps(x, cubic), _mm512_set1_ps(-1.5957691216F));
  const __m512 e = exp16(_mm512_min_ps(minus_2u, _mm512_set1_ps(88.0F)));
  return _mm512_div_ps(x, _mm512_add_ps(e, _mm512_set1_ps(1.0F)));
}

// All ones in the lanes below `count`.
[[gnu::always_inline]] inline __mmask16 first_lanes(int64_t count) {
  return static_cast<__mmask16>(count >= kLanes ? 0xFFFF : (1u << count) - 1);
}

// Sixteen scores times `scale` with their bias.
[[gnu::always_inline]] inline __m512 scaled(const float* scores, __mmask16 inside, float scale,
                                            const float* bias) {
  const __m512 score = _mm512_mul_ps(_mm512_loadu_ps(scores), _mm512_set1_ps(scale));
  return bias ? _mm512_add_ps(score, _mm512_maskz_loadu_ps(inside, bias)) : score;
}

[[gnu::always_inline]] inline __m256i narrowed(__m512 values) {
  return reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(values));
}
[[gnu::always_inline]] inline void store_halves(uint16_t* out, __mmask16 inside, __m256i halves) {
  if (inside == 0xFFFF)
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), halves);
  else
    _mm256_mask_storeu_epi16(out, inside, halves);
}

struct Parts {
  __m256i of[kParts];
};
[[gnu::always_inline]] inline Parts parts_of(__m512 rest) {
  Parts parts;
#pragma clang loop unroll(full)
  for (int p = 0; p < kParts; ++p) {
    parts.of[p] = narrowed(rest);
    const __m512i wide = _mm512_slli_epi32(_mm512_cvtepu16_epi32(parts.of[p]), 16);
    rest = _mm512_sub_ps(rest, _mm512_castsi512_ps(wide));
  }
  return parts;
}

// Pairs of bf16, the first of each in the lower half.
[[gnu::always_inline]] inline __m512 pairs_of(__m256i first, __m256i second) {
  const __m512i upper = _mm512_slli_epi32(_mm512_cvtepu16_epi32(second), 16);
  return _mm512_castsi512_ps(_mm512_or_si512(_mm512_cvtepu16_epi32(first), upper));
}

// Sums with their bias, if there is one.
[[gnu::always_inline]] inline __m512 biased(const float* sums, __mmask16 inside, const float* bias) {
  const __m512 value = _mm512_loadu_ps(sums);
  return bias ? _mm512_add_ps(value, _mm512_maskz_loadu_ps(inside, bias)) : value;
}

// Sixteen rows of sixteen to columns, in place.
[[gnu::always_inline]] inline void transpose16(__m512 (&x)[kLanes]) {
  __m512 t[kLanes];
#pragma clang loop unroll(full)
  for (int i = 0; i < kLanes; i += 2) {
    t[i] = _mm512_unpacklo_ps(x[i], x[i + 1]);
    t[i + 1] = _mm512_unpackhi_ps(x[i], x[i + 1]);
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < kLanes; i += 4) {
    x[i] = _mm512_shuffle_ps(t[i], t[i + 2], 0x44);
    x[i + 1] = _mm512_shuffle_ps(t[i], t[i + 2], 0xEE);
    x[i + 2] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0x44);
    x[i + 3] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0xEE);
  }
  // x[4 g + c] holds, of the rows 4 g to 4 g + 3, the columns c, 4 + c, 8 + c and 12 + c.
#pragma clang loop unroll(full)
  for (int c = 0; c < 4; ++c) {
    t[c] = _mm512_shuffle_f32x4(x[c], x[4 + c], 0x88);
    t[4 + c] = _mm512_shuffle_f32x4(x[c], x[4 + c], 0xDD);
    t[8 + c] = _mm512_shuffle_f32x4(x[8 + c], x[12 + c], 0x88);
    t[12 + c] = _mm512_shuffle_f32x4(x[8 + c], x[12 + c], 0xDD);
  }
#pragma clang loop unroll(full)
  for (int c = 0; c < 4; ++c) {
    x[c] = _mm512_shuffle_f32x4(t[c], t[8 + c], 0x88);
    x[4 + c] = _mm512_shuffle_f32x4(t[4 + c], t[12 + c], 0x88);
    x[8 + c] = _mm512_shuffle_f32x4(t[c], t[8 + c], 0xDD);
    x[12 + c] = _mm512_shuffle_f32x4(t[4 + c], t[12 + c], 0xDD);
  }
}

// `step(i, lanes that are there)` for every sixteen.
template <typename Step>
[[gnu::always_inline]] inline void for_lanes(int64_t count, const Step& step) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) step(i, static_cast<__mmask16>(0xFFFF));
  if (i < count) step(i, first_lanes(count - i));
}

}  // namespace

float largest_score(const float* scores, int64_t keys, float scale, const float* bias) {
  __m512 most = _mm512_set1_ps(-INFINITY);
  for_lanes(keys, [&](int64_t i, __mmask16 inside) {
    const __m512 score = scaled(scores + i, inside, scale, bias ? bias + i : nullptr);
    most = _mm512_mask_max_ps(most, inside, most, score);
  });
  return _mm512_reduce_max_ps(most);
}

float weigh_scores(float* scores, int64_t keys, float scale, const float* bias, float largest) {
  // Eight lanes, as with AVX2, so that the sum is the same.
  __m256 total = _mm256_setzero_ps();
  for_lanes(keys, [&](int64_t i, __mmask16 inside) {
    const __m512 score = scaled(scores + i, inside, scale, bias ? bias + i : nullptr);
    const __m512 weight = _mm512_maskz_mov_ps(inside, exp16(_mm512_sub_ps(score, _mm512_set1_ps(largest))));
    _mm512_storeu_ps(scores + i, weight);
    total = _mm256_add_ps(total, _mm512_castps512_ps256(weight));
    total = _mm256_add_ps(total, _mm512_extractf32x8_ps(weight, 1));
  });
  return avx2::sum8(total);
}

void multiply_block(int64_t rows, const float* a, int64_t a_stride, const float* b, int64_t b_stride,
                    int64_t panels, int64_t depth, float* c, int64_t c_stride, bool add,
                    avx2::Beside& beside) {
  const FarRows left{a, a_stride};
  const auto from = [&](int64_t row) { return left.from(row); };
  multiply_floats(rows, from, b, b_stride, panels, depth, c, c_stride, add, beside);
}

void multiply_tiles(int64_t rows, const float* tiles, const float* b, int64_t b_stride, int64_t panels,
                    int64_t depth, float* c, int64_t c_stride, bool add, avx2::Beside& beside) {
  const auto from = [&](int64_t row) {
    const int64_t within = row % avx2::kTileRows;
    return TileOfRows{tiles + (row - within) * depth + within};
  };
  multiply_floats(rows, from, b, b_stride, panels, depth, c, c_stride, add, beside);
}

void multiply_pairs(int64_t rows, const float* a, int64_t a_stride, const float* b, int64_t b_stride,
                    int64_t panels, int64_t depth, float* c, int64_t c_stride, bool add) {
  int64_t panel = 0;
  for (; panel + 2 <= panels; panel += 2)
    multiply_panels<2>(rows, {a, a_stride}, b + panel * b_stride, b_stride, depth, c + panel * kLanes,
                       c_stride, add);
  if (panel < panels)
    multiply_panels<1>(rows, {a, a_stride}, b + panel * b_stride, b_stride, depth, c + panel * kLanes,
                       c_stride, add);
}

void add_and_gelu(float* sums, const float* bias, int64_t count) {
  for_lanes(count, [&](int64_t i, __mmask16 inside) {
    _mm512_storeu_ps(sums + i, gelu16(biased(sums + i, inside, bias ? bias + i : nullptr)));
  });
}

void finish_narrow(const float* sums, const float* bias, bool gelu, int64_t count, uint16_t* out) {
  for_lanes(count, [&](int64_t i, __mmask16 inside) {
    const __m512 value = biased(sums + i, inside, bias ? bias + i : nullptr);
    store_halves(out + i, inside, narrowed(gelu ? gelu16(value) : value));
  });
}

void narrow(const float* x, int64_t count, uint16_t* out) {
  for_lanes(count, [&](int64_t i, __mmask16 inside) {
    store_halves(out + i, inside, narrowed(_mm512_maskz_loadu_ps(inside, x + i)));
  });
}

void pack_panel_of_pairs(const float* rows, int64_t stride, int64_t depth, float* out) {
  for (int64_t k = 0; k < depth; k += kLanes, out += kLanes * kLanes) {
    __m512 square[kLanes];
#pragma clang loop unroll(full)
    for (int r = 0; r < kLanes; ++r) square[r] = _mm512_loadu_ps(rows + r * stride + k);
    transpose16(square);
#pragma clang loop unroll(full)
    for (int r = 0; r < kLanes; ++r) _mm512_storeu_ps(out + r * kLanes, square[r]);
  }
}

void split(const float* x, int64_t count, int64_t part, uint16_t* out) {
  for_lanes(count, [&](int64_t i, __mmask16 inside) {
    const Parts parts = parts_of(_mm512_maskz_loadu_ps(inside, x + i));
#pragma clang loop unroll(full)
    for (int p = 0; p < kParts; ++p) store_halves(out + p * part + i, inside, parts.of[p]);
  });
}

void split_and_interleave(const float* even, const float* odd, int64_t part, float* out) {
  const Parts lower = parts_of(_mm512_loadu_ps(even)), upper = parts_of(_mm512_loadu_ps(odd));
#pragma clang loop unroll(full)
  for (int p = 0; p < kParts; ++p) _mm512_storeu_ps(out + p * part, pairs_of(lower.of[p], upper.of[p]));
}

void interleave(const uint16_t* even, const uint16_t* odd, int64_t count, float* out) {
  const __mmask16 inside = first_lanes(count);
  const __m256i second = odd ? _mm256_maskz_loadu_epi16(inside, odd) : _mm256_setzero_si256();
  _mm512_storeu_ps(out, pairs_of(_mm256_maskz_loadu_epi16(inside, even), second));
}

}  // namespace wan::device::avx512

#pragma clang attribute pop
