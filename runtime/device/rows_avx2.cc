// Norms, row by row: a row is read into the cache once.

#include <cmath>

#include "runtime/device/narrow_rows_avx2.h"
#include "runtime/device/parallel.h"
#include "runtime/device/tiles_avx2.h"

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

namespace wan::device {
namespace {

constexpr int64_t kTaskRows = 32;

template <typename Row>
void for_rows(int64_t rows, const Row& row) {
  parallel_tasks((rows + kTaskRows - 1) / kTaskRows, [&](int64_t task) {
    const int64_t first = task * kTaskRows, end = rows < first + kTaskRows ? rows : first + kTaskRows;
    for (int64_t r = first; r < end; ++r) row(r);
  });
}

// Sum over i of term(x[i .. i+8)), lanes beyond the end zero. Two chains, so that latencies overlap.
template <typename Term>
[[gnu::always_inline]] inline float sum_row(const float* x, int64_t count, const Term& term) {
  __m256 even = _mm256_setzero_ps(), odd = _mm256_setzero_ps();
  int64_t i = 0;
  for (; i + 16 <= count; i += 16) {
    even = _mm256_add_ps(even, term(_mm256_loadu_ps(x + i)));
    odd = _mm256_add_ps(odd, term(_mm256_loadu_ps(x + i + 8)));
  }
  for (; i < count; i += 8) {
    const int64_t left = count - i;
    const __m256 values = term(avx2::load_first(x + i, left));
    even = _mm256_add_ps(even, _mm256_and_ps(values, _mm256_castsi256_ps(avx2::first_lanes(left))));
  }
  return avx2::sum8(_mm256_add_ps(even, odd));
}

struct Moments {
  __m256 mean, inverse;  // of the deviation
};

Moments moments(const LayerNormArguments& to, int64_t row) {
  const float* x = to.x + row * to.dim;
  const auto count = static_cast<float>(to.dim);
  const __m256 mean = _mm256_set1_ps(sum_row(x, to.dim, [](__m256 v) { return v; }) / count);
  const float squares = sum_row(x, to.dim, [&](__m256 v) {
    const __m256 away = _mm256_sub_ps(v, mean);
    return _mm256_mul_ps(away, away);
  });
  return {mean,
          _mm256_set1_ps(static_cast<float>(1 / std::sqrt(static_cast<double>(squares / count) + to.eps)))};
}

// Eight columns of a row.
[[gnu::always_inline]] inline __m256 norm8(const LayerNormArguments& to, const Moments& of, int64_t row,
                                           int64_t column) {
  const int64_t left = to.dim - column;
  const __m256 x = avx2::load_first(to.x + row * to.dim + column, left);
  const __m256 value = _mm256_mul_ps(_mm256_sub_ps(x, of.mean), of.inverse);
  if (!to.weight) return value;
  const __m256 base = _mm256_set1_ps(to.one_plus ? 1.0F : 0.0F);
  const __m256 weight = _mm256_add_ps(base, avx2::load_first(to.weight + column, left));
  return _mm256_fmadd_ps(value, weight, avx2::load_first(to.bias + column, left));
}

void norm_row(const LayerNormArguments& to, int64_t row) {
  const Moments of = moments(to, row);
  avx2::write_row(to.out, to.out_stored, row * to.dim, to.dim,
                  [&](int64_t i) { return norm8(to, of, row, i); });
}

// The rows of one tile, into it.
void norm_tile(const LayerNormArguments& to, int64_t first) {
  const avx2::TilePlaces places = avx2::places_of(to.rows, to.dim);
  const int64_t rows = avx2::rows_of_tile(to.rows, first);
  Moments of[avx2::kTileRows];
  for (int64_t r = 0; r < rows; ++r) of[r] = moments(to, first + r);
  for (int64_t i = 0; i < to.dim; i += 8) {
    __m256 values[8] = {};
    for (int64_t r = 0; r < rows; ++r) values[r] = norm8(to, of[r], first + r, i);
    avx2::store_columns(values, to.dim - i, static_cast<float*>(to.out) + places.column(first, i));
  }
}

// Pairs (a, b) to (a cos - b sin, b cos + a sin).
[[gnu::always_inline]] inline __m256 rotate8(__m256 pairs, __m256 turns) {
  const __m256 cosine = _mm256_moveldup_ps(turns), sine = _mm256_movehdup_ps(turns);
  const __m256 swapped = _mm256_permute_ps(pairs, 0xB1);
  return _mm256_fmaddsub_ps(pairs, cosine, _mm256_mul_ps(swapped, sine));
}

void rms_row(const RmsNormArguments& to, int64_t row) {
  const float* x = to.x + row * to.dim;
  const float squares = sum_row(x, to.dim, [](__m256 v) { return _mm256_mul_ps(v, v); });
  const double mean = static_cast<double>(squares) / static_cast<double>(to.dim);
  const __m256 inverse = _mm256_set1_ps(static_cast<float>(1 / std::sqrt(mean + to.eps)));
  const int64_t width = to.rotary ? to.head_dim : to.dim;
  for (int64_t head = 0; head < to.dim; head += width) {
    avx2::write_row(to.out, to.out_stored, row * to.dim + head, width, [&](int64_t i) {
      const int64_t left = width - i;
      __m256 value = _mm256_mul_ps(avx2::load_first(x + head + i, left), inverse);
      value = _mm256_mul_ps(value, avx2::load_first(to.weight + head + i, left));
      return to.rotary ? rotate8(value, avx2::load_first(to.rotary + row * to.head_dim + i, left)) : value;
    });
  }
}

}  // namespace

void layer_norm(const LayerNormArguments& arguments) {
  if (arguments.out_layout == RowLayout::kRows)
    return for_rows(arguments.rows, [&](int64_t row) { norm_row(arguments, row); });
  constexpr int64_t kTileRows = avx2::kTileRows;
  parallel_tasks((arguments.rows + kTileRows - 1) / kTileRows,
                 [&](int64_t tile) { norm_tile(arguments, tile * kTileRows); });
}

void rms_norm_rotate(const RmsNormArguments& arguments) {
  for_rows(arguments.rows, [&](int64_t row) { rms_row(arguments, row); });
}

}  // namespace wan::device

#pragma clang attribute pop
