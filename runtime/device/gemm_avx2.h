#pragma once
// A matrix product in blocks that fit the caches: for one block of columns, a slice of the depth of the right
// operand is packed (and widened) once and meets all rows of the left operand, which is read where it lies.
// What is called a value below may be a pair of bf16: depth and strides then count pairs.
// Included by the *_avx2.cc files alone.

#include <cstdlib>
#include <memory>
#include <new>

#include "runtime/device/parallel.h"
#include "runtime/device/tile_avx2.h"
#include "runtime/device/tile_avx512.h"

namespace wan::device::avx2 {

// A thread's own memory for packed operands and sums; kept, grown when a larger block comes and given back
// when one that needs less than half of it does.
class Scratch {
 public:
  float* get(int64_t count) {
    if (count > count_ || (count < count_ / 2 && count_ > kWorthGivingBack)) {
      memory_.reset();  // before the new one: never both
      memory_.reset(static_cast<float*>(::operator new(static_cast<size_t>(count) * sizeof(float), kAlign)));
      count_ = count;
    }
    return memory_.get();
  }

 private:
  static constexpr std::align_val_t kAlign{64};
  static constexpr int64_t kWorthGivingBack = 1 << 20;  // floats: 4 MiB
  struct Delete {
    void operator()(float* memory) const { ::operator delete(memory, kAlign); }
  };
  std::unique_ptr<float, Delete> memory_;
  int64_t count_ = 0;
};

// Columns and depth of a packed block (128 KB of a second-level cache of at least 256 KB), and rows that meet
// it in turn.
constexpr int64_t kBlockColumns = 128, kBlockDepth = 256, kCacheRows = 96;

// Rows and columns of a task. Only speed depends on them.
struct Blocks {
  int64_t rows, columns;
};

}  // namespace wan::device::avx2

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

namespace wan::device::avx2 {

enum class Values { kFloat, kPair };
template <Values kValues>
constexpr int64_t kPerValue = kValues == Values::kPair ? 2 : 1;

// A block of a product by the widest registers there are, which changes no bit.
template <Values kValues>
static inline void multiply_values(int64_t rows, const float* a, int64_t a_stride, const float* b,
                                   int64_t b_stride, int64_t panels, int64_t depth, float* c,
                                   int64_t c_stride, bool add) {
  if constexpr (kValues == Values::kPair) {
    avx512::multiply_pairs(rows, a, a_stride, b, b_stride, panels, depth, c, c_stride, add);
  } else if (kernel_set().registers == Registers::kAvx512) {
    avx512::multiply_block(rows, a, a_stride, b, b_stride, panels, depth, c, c_stride, add);
  } else {
    multiply_block(rows, a, a_stride, b, b_stride, panels, depth, c, c_stride, add);
  }
}

// Packed columns, 16 a panel, and how far apart the panels are.
struct Panels {
  const float* first;
  int64_t stride;
};

// `Right` says what the values are, how the depth is cut, and gives a slice of it packed:
//   static constexpr Values kValues;
//   int64_t slices() const;  int64_t depth(slice) const;
//   const float* left(slice) const;   where the slice begins in the left operand's first row
//   Panels pack(slice, first_column, count, Scratch&) const;
// `finish(first_row, row_count, first_column, column_count, sums, sums_stride)` takes the sums.
template <typename Right, typename Finish>
static void multiply_task(int64_t left_stride, const Right& right, const Finish& finish, int64_t first_row,
                          int64_t rows, int64_t first_column, int64_t columns) {
  static thread_local Scratch packed_memory, sums_memory;
  const int64_t panels = (columns + kTileColumns - 1) / kTileColumns, stride = panels * kTileColumns;
  float* sums = sums_memory.get(rows * stride);
  const int64_t slices = right.slices();
  for (int64_t slice = 0; slice < slices; ++slice) {
    const Panels packed = right.pack(slice, first_column, columns, packed_memory);
    const float* left = right.left(slice) + first_row * left_stride;
    for (int64_t row = 0; row < rows; row += kCacheRows) {
      const int64_t count = rows - row < kCacheRows ? rows - row : kCacheRows;
      multiply_values<Right::kValues>(count, left + row * left_stride, left_stride, packed.first,
                                      packed.stride, panels, right.depth(slice), sums + row * stride, stride,
                                      slice > 0);
      if (slice + 1 == slices)
        finish(first_row + row, count, first_column, columns, sums + row * stride, stride);
    }
  }
}

template <typename Right, typename Finish>
static void multiply(int64_t left_stride, int64_t rows, int64_t columns, const Blocks& block,
                     const Right& right, const Finish& finish) {
  const int64_t row_blocks = (rows + block.rows - 1) / block.rows;
  const int64_t column_blocks = (columns + block.columns - 1) / block.columns;
  parallel_tasks(row_blocks * column_blocks, [&](int64_t task) {
    const int64_t row = task / column_blocks * block.rows, column = task % column_blocks * block.columns;
    const int64_t row_count = rows - row < block.rows ? rows - row : block.rows;
    const int64_t column_count = columns - column < block.columns ? columns - column : block.columns;
    multiply_task(left_stride, right, finish, row, row_count, column, column_count);
  });
}

}  // namespace wan::device::avx2

#pragma clang attribute pop
