#pragma once
// The register tile of AVX-512, for operands packed as the AVX2 tile's are (tile_avx2.h); and what the bf16
// kernels need beside it. Only to be called where kernel_set() says so.

#include <cstdint>

namespace wan::device::avx2 {
struct Beside;
}

namespace wan::device::avx512 {

// Rows of a register tile of pairs: 24 accumulators, two columns of the packed operand and a broadcast of 32
// registers. Of floats avx2::kTileRows rows meet four columns.
constexpr int kPairTileRows = 12;

// As avx2::multiply_block, and with the same bits; copies nothing.
void multiply_block(int64_t rows, const float* a, int64_t a_stride, const float* b, int64_t b_stride,
                    int64_t panels, int64_t depth, float* c, int64_t c_stride, bool add,
                    avx2::Beside& beside);

// As avx2::multiply_tiles, and with the same bits.
void multiply_tiles(int64_t rows, const float* tiles, const float* b, int64_t b_stride, int64_t panels,
                    int64_t depth, float* c, int64_t c_stride, bool add, avx2::Beside& beside);

// The same as multiply_block() where a value of `a` and of `b` is a pair of bf16, neighbours in the depth,
// the first in the lower half; `depth` and strides count pairs. Sums are fp32.
void multiply_pairs(int64_t rows, const float* a, int64_t a_stride, const float* b, int64_t b_stride,
                    int64_t panels, int64_t depth, float* c, int64_t c_stride, bool add);

// The largest of a row's scores times `scale` with their bias (or none).
float largest_score(const float* scores, int64_t keys, float scale, const float* bias);

// Those scores to e^(score - largest), in place; returns their sum. Both with the bits of attention_avx2.cc.
float weigh_scores(float* scores, int64_t keys, float scale, const float* bias, float largest);

// sums + bias (or none), then GELU as avx2::gelu8, in place; `sums` has whole sixteens.
void add_and_gelu(float* sums, const float* bias, int64_t count);

// sums + bias (or none), then GELU if asked for, to bf16; `sums` has whole sixteens.
void finish_narrow(const float* sums, const float* bias, bool gelu, int64_t count, uint16_t* out);

// fp32 to bf16, to the nearest, ties to even.
void narrow(const float* x, int64_t count, uint16_t* out);

// Sixteen rows of pairs become a packed panel, as avx2::pack_panel; `depth` is a multiple of sixteen.
void pack_panel_of_pairs(const float* rows, int64_t stride, int64_t depth, float* out);

// fp32 values as sums of kParts bf16 each, every one the rounded rest that the ones before leave: together
// they are exact. `out`: the first ones; the second and the third lie `part` further each.
constexpr int kParts = 3;
void split(const float* x, int64_t count, int64_t part, uint16_t* out);

// The same of two rows of sixteen: pairs (even[i], odd[i]), `part` further in pairs.
void split_and_interleave(const float* even, const float* odd, int64_t part, float* out);

// Sixteen pairs of bf16, (even[i], odd[i]), lanes from `count` on zero; `odd` may be null: zeros.
void interleave(const uint16_t* even, const uint16_t* odd, int64_t count, float* out);

}  // namespace wan::device::avx512
