#pragma once
// A matrix product in blocks that fit the caches: for one block of columns, a slice of the depth of the right
// operand is packed (and widened) once and meets all rows of the left operand.
// What is called a value below may be a pair of bf16: depth and strides then count pairs.
// Included by the *_avx2.cc files alone.

#include <cstdlib>
#include <memory>
#include <new>
#include <sys/mman.h>

#include "runtime/device/parallel.h"
#include "runtime/device/tile_amx.h"
#include "runtime/device/tile_avx2.h"
#include "runtime/device/tile_avx512.h"
#include "runtime/device/tiles_avx2.h"

namespace wan::device::avx2 {

// A thread's own memory for packed operands and sums; kept, grown when a larger block comes and given back
// when one that needs less than half of it does.
class Scratch {
 public:
  float* get(int64_t count) {
    if (count > count_ || (count < count_ / 2 && count_ > kWorthGivingBack)) {
      memory_.reset();  // before the new one: never both
      memory_.reset(allocate(static_cast<size_t>(count) * sizeof(float)));
      count_ = count;
    }
    return memory_.get();
  }

 private:
  static constexpr size_t kLine = 64, kHugePage = 2 << 20;
  static constexpr int64_t kWorthGivingBack = 1 << 20;  // floats: 4 MiB
  struct Free {
    void operator()(float* memory) const { std::free(memory); }
  };

  // In large pages where the kernel has them: looking up thousands of small ones takes some percent of a
  // product.
  static float* allocate(size_t bytes) {
    const size_t align = bytes >= kHugePage ? kHugePage : kLine;
    const size_t whole = (bytes + align - 1) / align * align;
    void* memory = std::aligned_alloc(align, whole);
    if (memory == nullptr) throw std::bad_alloc();
    if (align == kHugePage) ::madvise(memory, whole, MADV_HUGEPAGE);
    return static_cast<float*>(memory);
  }

  std::unique_ptr<float, Free> memory_;
  int64_t count_ = 0;
};

// Rows that meet a packed block in turn: their slice (96 KB) stays in the second-level cache of at least 256
// KB, while of the block one panel after the other goes through the first-level one.
constexpr int64_t kCacheRows = 96;

// Columns of a packed block.
constexpr int64_t kBlockColumns = 256;

struct Range {
  int64_t first, count;
};

// Of `whole`, in parts of `length` but for the last.
static inline Range part(int64_t whole, int64_t length, int64_t at) {
  const int64_t first = at * length;
  return {first, whole - first < length ? whole - first : length};
}

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
                                   int64_t c_stride, bool add, Beside* beside = nullptr) {
  Beside nothing;
  if (beside == nullptr) beside = &nothing;
  if constexpr (kValues == Values::kPair) {
    if (kernel_set().bf16_unit == Bf16Unit::kAmx)
      amx::multiply_pairs(rows, a, a_stride, b, b_stride, panels, depth, c, c_stride, add, *beside);
    else
      avx512::multiply_pairs(rows, a, a_stride, b, b_stride, panels, depth, c, c_stride, add);
    return;
  }
  if (kernel_set().registers == Registers::kAvx512) {
    avx512::multiply_block(rows, a, a_stride, b, b_stride, panels, depth, c, c_stride, add, *beside);
  } else {
    multiply_block(rows, a, a_stride, b, b_stride, panels, depth, c, c_stride, add, *beside);
  }
}

// The same of rows in tiles.
static inline void multiply_rows_in_tiles(int64_t rows, const float* tiles, const float* b, int64_t b_stride,
                                          int64_t panels, int64_t depth, float* c, int64_t c_stride, bool add,
                                          Beside& beside) {
  if (kernel_set().registers == Registers::kAvx512) {
    avx512::multiply_tiles(rows, tiles, b, b_stride, panels, depth, c, c_stride, add, beside);
  } else {
    multiply_tiles(rows, tiles, b, b_stride, panels, depth, c, c_stride, add, beside);
  }
}

// Packed columns, 16 a panel, and how far apart the panels are.
struct Panels {
  const float* first;
  int64_t stride;
};

// A slice of the left operand's rows: where the first one's begins, and how far apart they are.
struct Rows {
  const float* first;
  int64_t stride;
};

// `Right` says what the values are, how the depth is cut, and gives a slice of it packed:
//   static constexpr Values kValues;
//   static constexpr bool kLeftInTiles;   whether the left operand's rows are in tiles
//   int64_t slices() const;  int64_t depth(slice) const;
//   Rows left(slice, row) const;   from that row on, which begins a tile
//   Ahead ahead(slice, first_column, count) const;   what pack() will read
//   Panels pack(slice, first_column, count, Scratch&) const;
// `finish(first_row, row_count, first_column, column_count, sums, sums_stride)` takes the sums.
template <typename Right, typename Finish>
class Task {
 public:
  // `next_columns`: of the task that this thread is likely to run next.
  Task(const Right& right, const Finish& finish, const Range& rows, const Range& columns,
       const Range& next_columns)
      : right_(right),
        finish_(finish),
        first_row_(rows.first),
        rows_(rows.count),
        columns_(columns),
        next_columns_(next_columns) {}

  void run() {
    static thread_local Scratch packed_memory, sums_memory, copy_memory;
    sums_ = sums_memory.get(rows_ * stride_);
    if (far_ && kernel_set().registers == Registers::kAvx2)  // wider ones copy nothing
      beside_.copy = copy_memory.get(kCacheRows * right_.depth(0));
    for (int64_t slice = 0; slice < slices_; ++slice) {
      const Panels packed = right_.pack(slice, columns_.first, columns_.count, packed_memory);
      beside_.right = slice + 1 < slices_ ? right_.ahead(slice + 1, columns_.first, columns_.count)
                                          : right_.ahead(0, next_columns_.first, next_columns_.count);
      for (int64_t row = 0; row < rows_; row += kCacheRows) multiply_rows_of(slice, row, packed);
    }
  }

 private:
  int64_t count(int64_t row) const { return rows_ - row < kCacheRows ? rows_ - row : kCacheRows; }
  Rows left(int64_t slice, int64_t row) const { return right_.left(slice, first_row_ + row); }
  Ahead ahead(int64_t slice, int64_t row) const {
    if (row >= rows_) row = 0, ++slice;
    if (!far_ || slice >= slices_) return {};
    const Rows next = left(slice, row);
    return {next.first, count(row), next.stride, right_.depth(slice)};
  }
  void multiply_rows_of(int64_t slice, int64_t row, const Panels& packed) {
    beside_.left = ahead(slice, row + kCacheRows);
    const Rows rows = left(slice, row);
    if constexpr (Right::kLeftInTiles)
      multiply_rows_in_tiles(count(row), rows.first, packed.first, packed.stride, panels_,
                             right_.depth(slice), sums_ + row * stride_, stride_, slice > 0, beside_);
    else
      multiply_values<Right::kValues>(count(row), rows.first, rows.stride, packed.first, packed.stride,
                                      panels_, right_.depth(slice), sums_ + row * stride_, stride_, slice > 0,
                                      &beside_);
    if (slice + 1 == slices_)
      finish_(first_row_ + row, count(row), columns_.first, columns_.count, sums_ + row * stride_, stride_);
  }

  const Right& right_;
  const Finish& finish_;
  const int64_t first_row_, rows_;
  const Range columns_, next_columns_;
  const int64_t panels_ = (columns_.count + kTileColumns - 1) / kTileColumns,
                stride_ = panels_ * kTileColumns;
  const int64_t slices_ = right_.slices();
  // Whether rows need help on their way to the cache: not where their slices are nearly side by side, or meet
  // few columns.
  static constexpr int64_t kFewestPanels = 4;
  const bool far_ = left(0, 0).stride >= 2 * right_.depth(0) && panels_ >= kFewestPanels;
  float* sums_ = nullptr;
  Beside beside_;
};

template <typename Right, typename Finish>
static void multiply(int64_t rows, int64_t columns, const Blocks& block, const Right& right,
                     const Finish& finish) {
  const int64_t row_blocks = (rows + block.rows - 1) / block.rows;
  const int64_t column_blocks = (columns + block.columns - 1) / block.columns;
  const int64_t threads = parallel_threads();
  parallel_tasks(row_blocks * column_blocks, [&](int64_t task) {
    const auto columns_of = [&](int64_t at) { return part(columns, block.columns, at % column_blocks); };
    Task(right, finish, part(rows, block.rows, task / column_blocks), columns_of(task),
         columns_of(task + threads))
        .run();
  });
}

}  // namespace wan::device::avx2

#pragma clang attribute pop
