#pragma once
// The innermost loop for the matrix unit of bf16 (AMX). Only to be called where kernel_set() says so.

#include <cstdint>

namespace wan::device::avx2 {
struct Beside;
}

namespace wan::device::amx {

// Rows and columns of the packed operand that the unit multiplies at a time: two tiles by two.
constexpr int kTileRows = 32, kPanels = 2;

// What avx512::multiply_pairs does; within sixteen pairs the even and the odd are summed apart, so the bits
// differ from its.
void multiply_pairs(int64_t rows, const float* a, int64_t a_stride, const float* b, int64_t b_stride,
                    int64_t panels, int64_t depth, float* c, int64_t c_stride, bool add,
                    avx2::Beside& beside);

// fp32 values that are split in three bf16 each (avx512::split), which lie `part` apart.
struct Split {
  const float* first;
  int64_t stride, part;
};

// Their products, else as multiply_pairs(): six of the nine products of parts, the other three being smaller
// than what fp32 rounds off.
void multiply_split(int64_t rows, const Split& a, const Split& b, int64_t panels, int64_t depth, float* c,
                    int64_t c_stride, bool add, avx2::Beside& beside);

}  // namespace wan::device::amx
