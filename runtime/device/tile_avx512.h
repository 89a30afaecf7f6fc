#pragma once
// The register tile of AVX-512, for operands packed as the AVX2 tile's are (tile_avx2.h); and what the bf16
// kernels need beside it. Only to be called where kernel_set() says so.

#include <cstdint>

namespace wan::device::avx512 {

// As avx2::multiply_block, and with the same bits.
void multiply_block(int64_t rows, const float* a, int64_t a_stride, const float* b, int64_t b_stride,
                    int64_t panels, int64_t depth, float* c, int64_t c_stride, bool add);

// The same where a value of `a` and of `b` is a pair of bf16, neighbours in the depth, the first in the lower
// half; `depth` and strides count pairs. Sums are fp32.
void multiply_pairs(int64_t rows, const float* a, int64_t a_stride, const float* b, int64_t b_stride,
                    int64_t panels, int64_t depth, float* c, int64_t c_stride, bool add);

// As soften() of attention_avx2.cc, and with the same bits.
float soften(float* scores, int64_t keys, float scale, const float* bias, float& largest, float& sum);

// fp32 to bf16, to the nearest, ties to even.
void narrow(const float* x, int64_t count, uint16_t* out);

// Sixteen pairs of bf16, (even[i], odd[i]), lanes from `count` on zero; `odd` may be null: zeros.
void interleave(const uint16_t* even, const uint16_t* odd, int64_t count, float* out);

}  // namespace wan::device::avx512
