#pragma once
// The innermost loops of the AVX2 kernels: what a register tile does, how its operand is packed, exp and
// GELU. Included by the *_avx2.cc files alone. Every function is compiled for AVX2 and FMA by attribute (the
// files themselves for the plain instruction set), and none of them is shared with other code.

#include <cstdint>
#include <cstring>
#include <immintrin.h>

#include "runtime/device/kernels.h"

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

namespace wan::device::avx2 {

// Twelve accumulators, two columns of the packed operand and a broadcast fill the sixteen registers.
constexpr int kTileRows = 6, kTileColumns = 16;

// Up to kTileRows rows of the left operand, `stride` apart. From the fourth on they begin at `lower`: so
// every address is a register and one or two strides.
struct FarRows {
  const float* first;
  int64_t stride;
  const float* lower = first + 3 * stride;

  [[gnu::always_inline]] const float* at(int row, int64_t k) const {
    return (row < 3 ? first + row * stride : lower + (row - 3) * stride) + k;
  }
  [[gnu::always_inline]] void advance(int64_t steps) { first += steps, lower += steps; }
  [[gnu::always_inline]] FarRows from(int64_t row, int64_t) const { return {first + row * stride, stride}; }
};

// kTileRows rows as interleave_rows() lays them out: what one step needs lies side by side.
struct TileOfRows {
  const float* first;

  [[gnu::always_inline]] const float* at(int row, int64_t k) const { return first + k * kTileRows + row; }
  [[gnu::always_inline]] void advance(int64_t steps) { first += steps * kTileRows; }
  // The tile that begins with that row, where tiles of `depth` follow each other.
  [[gnu::always_inline]] TileOfRows from(int64_t row, int64_t depth) const { return {first + row * depth}; }
};

// Step `k` of the sums: `b` holds sixteen values of the packed operand.
template <int kRows, typename Rows>
[[gnu::always_inline]] static inline void multiply_step(const Rows& a, int64_t k, const float* b,
                                                        __m256 (&sum)[kRows][2]) {
  const __m256 left = _mm256_loadu_ps(b), right = _mm256_loadu_ps(b + 8);
#pragma clang loop unroll(full)
  for (int r = 0; r < kRows; ++r) {
    const __m256 x = _mm256_broadcast_ss(a.at(r, k));
    sum[r][0] = _mm256_fmadd_ps(x, left, sum[r][0]);
    sum[r][1] = _mm256_fmadd_ps(x, right, sum[r][1]);
  }
}

// Rows of the left operand that the next tile needs, to be fetched during this one; or none.
struct NextRows {
  const float* first;
  int64_t stride;
};
struct NoRows {};

template <int kRows>
[[gnu::always_inline]] static inline void fetch(const NextRows& rows, int64_t at) {
  constexpr int64_t kLine = 16;  // floats of a cache line
  if (at % kLine != 0) return;
#pragma clang loop unroll(full)
  for (int r = 0; r < kRows; ++r) _mm_prefetch(rows.first + r * rows.stride + at, _MM_HINT_T0);
}
template <int kRows>
[[gnu::always_inline]] static inline void fetch(const NoRows&, int64_t) {}

// Rows of memory that something else will need, brought to the second-level cache bit by bit: short pieces
// far apart take memory long, and no processor looks ahead from one to the next.
class Ahead {
 public:
  Ahead() = default;
  template <typename Element>
  Ahead(const Element* first, int64_t rows, int64_t stride, int64_t length)
      : row_(reinterpret_cast<const char*>(first)),
        rows_(rows),
        stride_(stride * static_cast<int64_t>(sizeof(Element))),
        bytes_(length * static_cast<int64_t>(sizeof(Element))) {}

  void fetch_some() {
    constexpr int64_t kLine = 64, kLines = 8;
    if (rows_ == 0) return;
#pragma clang loop unroll(full)
    for (int64_t i = 0; i < kLines; ++i) _mm_prefetch(row_ + at_ + i * kLine, _MM_HINT_T1);
    at_ += kLines * kLine;
    if (at_ >= bytes_) at_ = 0, row_ += stride_, --rows_;
  }

 private:
  const char* row_ = nullptr;
  int64_t rows_ = 0, stride_ = 0, bytes_ = 0, at_ = 0;
};

// What multiply_block() does beside multiplying.
struct Beside {
  float* copy = nullptr;  // memory for a copy of its rows, [rows, depth], or none
  Ahead left, right;      // what is to be multiplied next

  void fetch_some() {
    left.fetch_some();
    right.fetch_some();
  }
};

// c[r][0..16) (+)= sum over k of a[r][k] * b[k][0..16), for kRows rows. Sums run over k in order.
template <int kRows, typename Rows, typename Next>
[[gnu::always_inline]] static inline void multiply_rows(Rows a, const float* b, int64_t depth, float* c,
                                                        int64_t c_stride, bool add, const Next& next) {
  constexpr int kSteps = 8;
  __m256 sum[kRows][2];
#pragma clang loop unroll(full)
  for (int r = 0; r < kRows; ++r) sum[r][0] = sum[r][1] = _mm256_setzero_ps();
#pragma clang loop unroll(full)
  for (int r = 0; r < kRows; ++r) _mm_prefetch(c + r * c_stride, _MM_HINT_T0);
  int64_t k = 0;
  for (; k + kSteps <= depth; k += kSteps, a.advance(kSteps), b += kSteps * kTileColumns) {
    fetch<kRows>(next, k);
#pragma clang loop unroll(full)
    for (int i = 0; i < kSteps; ++i) multiply_step<kRows>(a, i, b + i * kTileColumns, sum);
  }
  for (; k < depth; ++k, a.advance(1), b += kTileColumns) multiply_step<kRows>(a, 0, b, sum);
#pragma clang loop unroll(full)
  for (int r = 0; r < kRows; ++r) {
    float* out = c + r * c_stride;
    if (add) {
      sum[r][0] = _mm256_add_ps(sum[r][0], _mm256_loadu_ps(out));
      sum[r][1] = _mm256_add_ps(sum[r][1], _mm256_loadu_ps(out + 8));
    }
    _mm256_storeu_ps(out, sum[r][0]);
    _mm256_storeu_ps(out + 8, sum[r][1]);
  }
}

// Up to kTileRows rows.
template <typename Rows>
static inline void multiply_tile(int64_t rows, const Rows& a, const float* b, int64_t depth, float* c,
                                 int64_t c_stride, bool add) {
  switch (rows) {
    case 1: return multiply_rows<1>(a, b, depth, c, c_stride, add, NoRows{});
    case 2: return multiply_rows<2>(a, b, depth, c, c_stride, add, NoRows{});
    case 3: return multiply_rows<3>(a, b, depth, c, c_stride, add, NoRows{});
    case 4: return multiply_rows<4>(a, b, depth, c, c_stride, add, NoRows{});
    case 5: return multiply_rows<5>(a, b, depth, c, c_stride, add, NoRows{});
    default: return multiply_rows<6>(a, b, depth, c, c_stride, add, NoRows{});
  }
}

static inline void copy_rows(int64_t rows, const float* from, int64_t stride, int64_t depth, float* to) {
  for (int64_t r = 0; r < rows; ++r)
    std::memcpy(to + r * depth, from + r * stride, static_cast<size_t>(depth) * sizeof(float));
}

// What multiply_block() does with the first panel: every six rows are copied, if at all, before they are
// multiplied, and the next six are fetched meanwhile.
static inline void multiply_first_panel(int64_t rows, const float* a, int64_t a_stride, const float* b,
                                        int64_t depth, float* c, int64_t c_stride, bool add, float* copy) {
  for (int64_t row = 0; row < rows; row += kTileRows, a += kTileRows * a_stride, c += kTileRows * c_stride) {
    const int64_t left = rows - row;
    const float* near = copy ? copy + row * depth : a;
    const int64_t near_stride = copy ? depth : a_stride;
    if (copy) copy_rows(left < kTileRows ? left : kTileRows, a, a_stride, depth, copy + row * depth);
    if (left > kTileRows) {
      const NextRows next{a + kTileRows * a_stride, a_stride};
      multiply_rows<kTileRows>(FarRows{near, near_stride}, b, depth, c, c_stride, add, next);
    } else {
      multiply_tile(left, FarRows{near, near_stride}, b, depth, c, c_stride, add);
    }
  }
}

// The panels from `first` on of a product's block. `left`: all its rows.
template <typename Rows>
static inline void multiply_panels(int64_t first, int64_t rows, const Rows& left, const float* b,
                                   int64_t b_stride, int64_t panels, int64_t depth, float* c,
                                   int64_t c_stride, bool add, Beside& beside) {
  for (int64_t panel = first; panel < panels; ++panel) {
    for (int64_t row = 0; row < rows; row += kTileRows) {
      const int64_t count = rows - row < kTileRows ? rows - row : kTileRows;
      beside.fetch_some();
      multiply_tile(count, left.from(row, depth), b + panel * b_stride, depth,
                    c + row * c_stride + panel * kTileColumns, c_stride, add);
    }
  }
}

// The block [rows, columns of `b`] of a product: `b` holds `panels` packed columns of 16, `b_stride` apart.
// Rows that are far apart fall on few sets of the first-level cache, where the panel wants to stay: they can
// be copied while the first panel meets them.
static inline void multiply_block(int64_t rows, const float* a, int64_t a_stride, const float* b,
                                  int64_t b_stride, int64_t panels, int64_t depth, float* c, int64_t c_stride,
                                  bool add, Beside& beside) {
  multiply_first_panel(rows, a, a_stride, b, depth, c, c_stride, add, beside.copy);
  const FarRows left = beside.copy ? FarRows{beside.copy, depth} : FarRows{a, a_stride};
  multiply_panels(1, rows, left, b, b_stride, panels, depth, c, c_stride, add, beside);
}

// The same for rows that interleave_rows() has laid out, tile after tile: they are one stream, not six.
static inline void multiply_tiles(int64_t rows, const float* tiles, const float* b, int64_t b_stride,
                                  int64_t panels, int64_t depth, float* c, int64_t c_stride, bool add,
                                  Beside& beside) {
  multiply_panels(0, rows, TileOfRows{tiles}, b, b_stride, panels, depth, c, c_stride, add, beside);
}

[[gnu::always_inline]] static inline __m256 load8(const float* p) { return _mm256_loadu_ps(p); }

// A stored bf16 value is the upper half of its fp32 value.
struct BFloat16Bits {
  uint16_t bits;
};
[[gnu::always_inline]] static inline __m256 load8(const BFloat16Bits* p) {
  const __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
}
[[gnu::always_inline]] static inline float load1(const float* p) { return *p; }
[[gnu::always_inline]] static inline float load1(const BFloat16Bits* p) {
  const uint32_t bits = static_cast<uint32_t>(p->bits) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// Two bf16 that lie side by side, at any address; only moved about.
struct Pair {
  uint32_t bits;
};
[[gnu::always_inline]] static inline __m256 load8(const Pair* p) {
  return _mm256_castsi256_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
[[gnu::always_inline]] static inline float load1(const Pair* p) {
  float value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

struct HalfBits {
  uint16_t bits;
};
[[gnu::always_inline]] static inline __m256 load8(const HalfBits* p) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
[[gnu::always_inline]] static inline float load1(const HalfBits* p) {
  return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(p->bits)));
}

// Eight rows of eight, `r`, to columns: `columns[k]`.
[[gnu::always_inline]] static inline void transpose8(__m256 (&r)[8], __m256* columns) {
  __m256 t[8];
#pragma clang loop unroll(full)
  for (int i = 0; i < 8; i += 2) {
    t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
    t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < 8; i += 4) {
    r[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
    r[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xEE);
    r[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
    r[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xEE);
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < 4; ++i) {
    columns[i] = _mm256_permute2f128_ps(r[i], r[i + 4], 0x20);
    columns[i + 4] = _mm256_permute2f128_ps(r[i], r[i + 4], 0x31);
  }
}
template <typename Element>
[[gnu::always_inline]] static inline void transpose8(const Element* rows, int64_t stride, __m256* columns) {
  __m256 r[8];
#pragma clang loop unroll(full)
  for (int i = 0; i < 8; ++i) r[i] = load8(rows + i * stride);
  transpose8(r, columns);
}

// Up to 16 rows of a matrix become one packed panel: out[k][row]; rows that are not there are zero.
template <typename Element>
static inline void pack_panel(const Element* rows, int64_t stride, int64_t count, int64_t depth, float* out) {
  int64_t k = 0;
  if (count == kTileColumns) {
    for (; k + 8 <= depth; k += 8) {
      __m256 left[8], right[8];
      transpose8(rows + k, stride, left);
      transpose8(rows + k + 8 * stride, stride, right);
#pragma clang loop unroll(full)
      for (int i = 0; i < 8; ++i) {
        _mm256_storeu_ps(out + (k + i) * kTileColumns, left[i]);
        _mm256_storeu_ps(out + (k + i) * kTileColumns + 8, right[i]);
      }
    }
  }
  for (; k < depth; ++k) {
    for (int64_t r = 0; r < kTileColumns; ++r)
      out[k * kTileColumns + r] = r < count ? load1(rows + r * stride + k) : 0.0F;
  }
}

// e^x to about 1e-7 of itself: 2^n times a polynomial of the rest (Cephes' expf). x below -87 gives what -87
// gives, which is as good as zero.
[[gnu::always_inline]] static inline __m256 exp8(__m256 x) {
  x = _mm256_min_ps(_mm256_max_ps(x, _mm256_set1_ps(-87.0F)), _mm256_set1_ps(88.0F));
  const __m256 n = _mm256_round_ps(_mm256_mul_ps(x, _mm256_set1_ps(1.44269504F)),
                                   _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  __m256 r = _mm256_fnmadd_ps(n, _mm256_set1_ps(0.693359375F), x);
  r = _mm256_fnmadd_ps(n, _mm256_set1_ps(-2.12194440e-4F), r);
  __m256 p = _mm256_set1_ps(1.9875691500e-4F);
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.3981999507e-3F));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(8.3334519073e-3F));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(4.1665795894e-2F));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.6666665459e-1F));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(5.0000001201e-1F));
  p = _mm256_fmadd_ps(p, _mm256_mul_ps(r, r), _mm256_add_ps(r, _mm256_set1_ps(1.0F)));
  const __m256i power =
      _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
  return _mm256_mul_ps(p, _mm256_castsi256_ps(power));
}

// x / (1 + e^-x)
[[gnu::always_inline]] static inline __m256 silu8(__m256 x) {
  const __m256 e = exp8(_mm256_sub_ps(_mm256_setzero_ps(), x));
  return _mm256_div_ps(x, _mm256_add_ps(e, _mm256_set1_ps(1.0F)));
}

// GELU's tanh form: 0.5 x (1 + tanh u) is x / (1 + e^-2u) with u = sqrt(2 / pi) (x + 0.044715 x^3).
[[gnu::always_inline]] static inline __m256 gelu8(__m256 x) {
  const __m256 cubic = _mm256_fmadd_ps(_mm256_mul_ps(x, x), _mm256_set1_ps(0.044715F), _mm256_set1_ps(1.0F));
  const __m256 minus_2u = _mm256_mul_ps(_mm256_mul_ps(x, cubic), _mm256_set1_ps(-1.5957691216F));
  return _mm256_div_ps(x, _mm256_add_ps(exp8(minus_2u), _mm256_set1_ps(1.0F)));
}

[[gnu::always_inline]] static inline float sum8(__m256 x) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

[[gnu::always_inline]] static inline float max8(__m256 x) {
  __m128 s = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  s = _mm_max_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}

// All ones in the lanes below `count`.
[[gnu::always_inline]] static inline __m256i first_lanes(int64_t count) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(count < 8 ? static_cast<int>(count) : 8), lane);
}

// The first `count` values at p, up to eight; the other lanes are zero. Masks only at the end of a row: a
// masked store costs some processors fifty cycles.
[[gnu::always_inline]] static inline __m256 load_first(const float* p, int64_t count) {
  return count >= 8 ? _mm256_loadu_ps(p) : _mm256_maskload_ps(p, first_lanes(count));
}
[[gnu::always_inline]] static inline void store_first(float* p, __m256 values, int64_t count) {
  if (count >= 8) return _mm256_storeu_ps(p, values);
  _mm256_maskstore_ps(p, first_lanes(count), values);
}

}  // namespace wan::device::avx2

#pragma clang attribute pop
