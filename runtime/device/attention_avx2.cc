// Attention in blocks of queries and keys with a running softmax: no score matrix of the whole length.

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "runtime/device/gemm_avx2.h"
#include "runtime/device/narrow_rows_avx2.h"

namespace wan::device {
namespace {

using avx2::kTileColumns, avx2::round_up;

// A block's scores, packed keys, packed values and result lie in the second-level cache together.
constexpr int64_t kQueries = 96, kKeys = 256;

// Enough heads at a time that every thread has a few blocks of queries.
int64_t heads_at_once(const AttentionArguments& to) {
  constexpr int64_t kTasksPerThread = 16;
  const int64_t blocks = (to.queries + kQueries - 1) / kQueries;
  const int64_t wanted = kTasksPerThread * parallel_threads();
  return std::clamp<int64_t>((wanted + blocks - 1) / blocks, 1, to.heads);
}

}  // namespace
}  // namespace wan::device

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

namespace wan::device {
namespace {

using avx2::Values;

// How q, k and v are stored, and what of them is multiplied at a time.
struct Floats {
  using Stored = float;
  using Packed = float;
  static constexpr Values kValues = Values::kFloat;
};
struct Pairs {
  using Stored = uint16_t;
  using Packed = avx2::Pair;
  static constexpr Values kValues = Values::kPair;
};
template <typename Kind>
constexpr int64_t kPerValue = avx2::kPerValue<Kind::kValues>;

template <typename Kind>
const typename Kind::Stored* row_of(const AttentionArguments& to, const void* rows, int64_t stride,
                                    int64_t head, int64_t row) {
  return static_cast<const typename Kind::Stored*>(rows) + row * stride + head * to.head_dim;
}

// [head_dim] of 16 keys, panel after panel.
template <typename Kind>
void pack_keys(const AttentionArguments& to, int64_t head, int64_t first, int64_t count, float* packed) {
  const int64_t depth = to.head_dim / kPerValue<Kind>;
  for (int64_t key = first; key < first + count; key += kTileColumns) {
    const int64_t width = first + count - key < kTileColumns ? first + count - key : kTileColumns;
    avx2::pack_panel(
        reinterpret_cast<const typename Kind::Packed*>(row_of<Kind>(to, to.k, to.k_stride, head, key)),
        to.k_stride / kPerValue<Kind>, width, depth, packed + key * depth);
  }
}

// 16 columns of a key's row, or of two keys' rows as pairs; zeros beyond `width`.
[[gnu::always_inline]] inline void pack_value_row(const float* row, const float*, int64_t width, float* out) {
  _mm256_storeu_ps(out, avx2::load_first(row, width));
  _mm256_storeu_ps(out + 8, width > 8 ? avx2::load_first(row + 8, width - 8) : _mm256_setzero_ps());
}
[[gnu::always_inline]] inline void pack_value_row(const uint16_t* row, const uint16_t* next, int64_t width,
                                                  float* out) {
  avx512::interleave(row, next, width, out);
}

// The keys' values of 16 columns, panel after panel. `first` is a multiple of kKeys.
template <typename Kind>
void pack_values(const AttentionArguments& to, int64_t head, int64_t first, int64_t count, float* packed) {
  float* out = packed + first / kPerValue<Kind> * round_up(to.head_dim, kTileColumns);
  for (int64_t column = 0; column < to.head_dim; column += kTileColumns) {
    for (int64_t key = first; key < first + count; key += kPerValue<Kind>, out += kTileColumns) {
      const auto* row = row_of<Kind>(to, to.v, to.v_stride, head, key) + column;
      const auto* next = key + 1 < first + count ? row + to.v_stride : nullptr;
      pack_value_row(row, next, to.head_dim - column, out);
    }
  }
}

// One row's scores of a block times `scale`, with their bias, in place; returns the largest. The loops below
// leave the last keys, fewer than eight, to what comes after them: masks would cost every key a third more.
float scale_scores(float* scores, int64_t keys, float scale, const float* bias) {
  const __m256 scales = _mm256_set1_ps(scale);
  __m256 most = _mm256_set1_ps(-INFINITY);
  int64_t i = 0;
  for (; i + 8 <= keys; i += 8) {
    __m256 score = _mm256_mul_ps(_mm256_loadu_ps(scores + i), scales);
    if (bias) score = _mm256_add_ps(score, _mm256_loadu_ps(bias + i));
    _mm256_storeu_ps(scores + i, score);
    most = _mm256_max_ps(most, score);
  }
  if (i < keys) {
    __m256 score = _mm256_mul_ps(_mm256_loadu_ps(scores + i), scales);
    if (bias) score = _mm256_add_ps(score, avx2::load_first(bias + i, keys - i));
    const __m256 inside = _mm256_castsi256_ps(avx2::first_lanes(keys - i));
    score = _mm256_blendv_ps(_mm256_set1_ps(-INFINITY), score, inside);
    _mm256_storeu_ps(scores + i, score);
    most = _mm256_max_ps(most, score);
  }
  return avx2::max8(most);
}

// Those scores to e^(score - largest), in place; returns their sum.
float weigh_scores(float* scores, int64_t keys, float largest) {
  const __m256 top = _mm256_set1_ps(largest);
  __m256 total = _mm256_setzero_ps();
  int64_t i = 0;
  for (; i + 8 <= keys; i += 8) {
    const __m256 weight = avx2::exp8(_mm256_sub_ps(_mm256_loadu_ps(scores + i), top));
    _mm256_storeu_ps(scores + i, weight);
    total = _mm256_add_ps(total, weight);
  }
  if (i < keys) {
    const __m256 inside = _mm256_castsi256_ps(avx2::first_lanes(keys - i));
    const __m256 weight = _mm256_and_ps(avx2::exp8(_mm256_sub_ps(_mm256_loadu_ps(scores + i), top)), inside);
    _mm256_storeu_ps(scores + i, weight);
    total = _mm256_add_ps(total, weight);
  }
  return avx2::sum8(total);
}

void scale_row(float* row, int64_t count, float factor) {
  for (int64_t i = 0; i < count; i += 8)
    _mm256_storeu_ps(row + i, _mm256_mul_ps(_mm256_loadu_ps(row + i), _mm256_set1_ps(factor)));
}

// Eight columns of a row's result.
[[gnu::always_inline]] inline __m256 finish8(__m256 values, float inverse, const float* add, int64_t left) {
  values = _mm256_mul_ps(values, _mm256_set1_ps(inverse));
  return add ? _mm256_add_ps(values, avx2::load_first(add, left)) : values;
}

const float* addend(const AttentionArguments& to, int64_t row, int64_t column) {
  return to.add ? to.add + row * to.add_stride + column : nullptr;
}

void write_row(const AttentionArguments& to, int64_t head, int64_t row, const float* result, float inverse) {
  const int64_t first = head * to.head_dim;
  avx2::write_row(to.out, to.out_stored, row * to.out_stride + first, to.head_dim, [&](int64_t i) {
    return finish8(_mm256_loadu_ps(result + i), inverse, addend(to, row, first + i), to.head_dim - i);
  });
}

// Rows of one tile.
void write_tile(const AttentionArguments& to, int64_t head, int64_t row, int64_t rows, const float* result,
                int64_t width, const float* sums) {
  const avx2::TilePlaces places = avx2::places_of(to.queries, to.heads * to.head_dim);
  for (int64_t i = 0; i < to.head_dim; i += 8) {
    const int64_t column = head * to.head_dim + i;
    __m256 values[8] = {};
    for (int64_t r = 0; r < rows; ++r)
      values[r] =
          finish8(_mm256_loadu_ps(result + r * width + i), 1 / sums[r], addend(to, row + r, column), 8);
    avx2::store_columns(values, 8, static_cast<float*>(to.out) + places.column(row, column));
  }
}

// A block's result; the first row begins a tile.
void write_block(const AttentionArguments& to, int64_t head, int64_t first, int64_t rows, const float* result,
                 int64_t width, const float* sums) {
  constexpr int64_t kTileRows = avx2::kTileRows;
  static_assert(kQueries % kTileRows == 0);
  if (to.out_layout == RowLayout::kRows) {
    for (int64_t r = 0; r < rows; ++r) write_row(to, head, first + r, result + r * width, 1 / sums[r]);
  } else {
    for (int64_t r = 0; r < rows; r += kTileRows)
      write_tile(to, head, first + r, avx2::rows_of_tile(rows, r), result + r * width, width, sums + r);
  }
}

// What a row's scores of a block of keys become, by either width of registers.
struct Scores {
  const AttentionArguments& to;
  int64_t key, count;  // the block's first key, and how many
  const float* bias = to.bias ? to.bias + key : nullptr;
  bool wide = kernel_set().registers == Registers::kAvx512;

  // With AVX2 the scores are scaled in place.
  float largest(float* scores) const {
    return wide ? avx512::largest_score(scores, count, to.scale, bias)
                : scale_scores(scores, count, to.scale, bias);
  }
  float weigh(float* scores, float largest) const {
    return wide ? avx512::weigh_scores(scores, count, to.scale, bias, largest)
                : weigh_scores(scores, count, largest);
  }
};

// A block's scores to weights, and what was added up before by the change of the largest. Row after row in
// two passes, so that one row's end need not be waited for before the next.
template <typename Kind>
void soften_block(const Scores& block, int64_t rows, float* scores, float* result, int64_t width,
                  float* largest, float* sum) {
  float before[kQueries];
  std::copy_n(largest, rows, before);
  for (int64_t r = 0; r < rows; ++r) largest[r] = std::max(before[r], block.largest(scores + r * kKeys));
  for (int64_t r = 0; r < rows; ++r) {
    const float total = block.weigh(scores + r * kKeys, largest[r]);
    const float factor = before[r] == largest[r] ? 1.0F : std::exp(before[r] - largest[r]);
    sum[r] = sum[r] * factor + total;
    if (block.key > 0 && factor != 1) scale_row(result + r * width, width, factor);
    // In place: the pairs of a row take its first half. Past the last of an odd number there is a zero.
    if constexpr (std::is_same_v<Kind, Pairs>)
      avx512::narrow(scores + r * kKeys, round_up(block.count, 2),
                     reinterpret_cast<uint16_t*>(scores + r * kKeys));
  }
}

// A block of queries of one head against all keys.
template <typename Kind>
void attend_block(const AttentionArguments& to, int64_t head, int64_t first, int64_t rows, const float* keys,
                  const float* values) {
  static thread_local avx2::Scratch memory;
  const int64_t width = round_up(to.head_dim, kTileColumns), depth = to.head_dim / kPerValue<Kind>;
  float* scores = memory.get(kQueries * (kKeys + width + depth + 2));
  float* result = scores + kQueries * kKeys;
  float* tiles = result + kQueries * width;
  float* largest = tiles + kQueries * depth;
  float* sum = largest + kQueries;
  for (int64_t r = 0; r < rows; ++r) largest[r] = -INFINITY, sum[r] = 0;
  const auto* q = reinterpret_cast<const float*>(row_of<Kind>(to, to.q, to.q_stride, head, first));
  const int64_t q_stride = to.q_stride / kPerValue<Kind>;
  constexpr bool kInTiles = Kind::kValues == Values::kFloat;
  if constexpr (kInTiles)
    for (int64_t r = 0; r < rows; r += avx2::kTileRows)
      avx2::interleave_rows(q + r * q_stride, q_stride, avx2::rows_of_tile(rows, r), depth,
                            tiles + r * depth);
  for (int64_t key = 0; key < to.keys; key += kKeys) {
    const int64_t count = to.keys - key < kKeys ? to.keys - key : kKeys;
    const int64_t value_rows = (count + kPerValue<Kind> - 1) / kPerValue<Kind>;
    const float* block_values = values + key / kPerValue<Kind> * width;
    const int64_t panels = (count + kTileColumns - 1) / kTileColumns;
    avx2::Beside for_values;
    for_values.right = {block_values, 1, 0, value_rows * width};
    if constexpr (kInTiles)
      avx2::multiply_rows_in_tiles(rows, tiles, keys + key * depth, depth * kTileColumns, panels, depth,
                                   scores, kKeys, false, for_values);
    else
      avx2::multiply_values<Kind::kValues>(rows, q, q_stride, keys + key * depth, depth * kTileColumns,
                                           panels, depth, scores, kKeys, false, &for_values);
    soften_block<Kind>(Scores{to, key, count}, rows, scores, result, width, largest, sum);
    avx2::Beside for_keys;
    if (key + kKeys < to.keys) for_keys.right = {keys + (key + kKeys) * depth, 1, 0, kKeys * depth};
    avx2::multiply_values<Kind::kValues>(rows, scores, kKeys, block_values, value_rows * kTileColumns,
                                         width / kTileColumns, value_rows, result, width, key > 0, &for_keys);
  }
  write_block(to, head, first, rows, result, width, sum);
}

template <typename Kind>
void attend(const AttentionArguments& to) {
  const int64_t together = heads_at_once(to), blocks = (to.queries + kQueries - 1) / kQueries;
  const int64_t key_blocks = (to.keys + kKeys - 1) / kKeys;
  const int64_t key_size = round_up(to.keys, kTileColumns) * to.head_dim / kPerValue<Kind>;
  const int64_t value_size =
      round_up(to.keys, kPerValue<Kind>) / kPerValue<Kind> * round_up(to.head_dim, kTileColumns);
  static thread_local avx2::Scratch key_memory, value_memory;
  float* keys = key_memory.get(together * key_size);
  float* values = value_memory.get(together * value_size);
  for (int64_t head = 0; head < to.heads; head += together) {
    const int64_t count = to.heads - head < together ? to.heads - head : together;
    parallel_tasks(count * key_blocks, [&](int64_t task) {
      const int64_t at = task / key_blocks, key = task % key_blocks * kKeys;
      const int64_t rows = to.keys - key < kKeys ? to.keys - key : kKeys;
      pack_keys<Kind>(to, head + at, key, rows, keys + at * key_size);
      pack_values<Kind>(to, head + at, key, rows, values + at * value_size);
    });
    parallel_tasks(count * blocks, [&](int64_t task) {
      const int64_t at = task / blocks, query = task % blocks * kQueries;
      const int64_t rows = to.queries - query < kQueries ? to.queries - query : kQueries;
      attend_block<Kind>(to, head + at, query, rows, keys + at * key_size, values + at * value_size);
    });
  }
}

}  // namespace

void attention(const AttentionArguments& to) {
  to.stored == Stored::kBFloat16 ? attend<Pairs>(to) : attend<Floats>(to);
}

}  // namespace wan::device

#pragma clang attribute pop
