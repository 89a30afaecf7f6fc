#pragma once
// Our own CPU kernels, for AVX2 and AVX-512. Plain memory in, plain memory out, sums in fp32. The order of
// every sum is fixed by the shapes alone, so the bits depend neither on the number of threads nor on the
// width of the registers (kernel_set.h says where a matrix unit has bits of its own).

#include <cstdint>

#include "runtime/device/kernel_set.h"

namespace wan::device {

// This process' kernels, by its processor and WAN_KERNELS (if that cannot be had, which choose_device() says,
// what there is without it). Part of the numerics plan.
[[nodiscard]] KernelSet kernel_set();

// Whether there are any of ours. Nothing below may be called where this is false.
[[nodiscard]] inline bool own_kernels() { return kernel_set().registers != Registers::kAten; }

// In the numerics plan; to be counted up with every change of a kernel that changes a bit of a result.
inline constexpr const char *kOwnKernels = "own-3", *kOwnBf16Kernels = "own-3-bf16-1",
                            *kOwnAmxKernels = "own-3-amx-1";

enum class Stored { kFloat, kBFloat16, kHalf };

// How the rows of a matrix lie in memory: one behind the other, or (fp32 alone) in tiles, as linear() reads
// them fastest. What tiles look like is for the kernels alone to know.
enum class RowLayout { kRows, kTiles };

// Floats that the memory of [rows, dim] in tiles has.
[[nodiscard]] int64_t tiled_size(int64_t rows, int64_t dim);

// y = x w^T + bias, then GELU (tanh form) if asked for, then residual + gate * that if there is a residual.
// Rows are contiguous; y may be the residual. Strides are not used where there are tiles.
// fp32 rows: a narrower weight is widened a block at a time. bf16 rows (only where kernel_set().bf16()): the
// weight is bf16 too, and so are the factors of every product; `in` and `x_stride` are even.
struct LinearArguments {
  int64_t rows = 0, in = 0, out = 0;
  const void* x = nullptr;           // [rows, in]
  Stored x_stored = Stored::kFloat;  // or kBFloat16
  RowLayout x_layout = RowLayout::kRows;
  int64_t x_stride = 0;          // from row to row
  const void* weight = nullptr;  // [out, in]
  Stored stored = Stored::kFloat;
  const float* bias = nullptr;  // [out] or none
  bool gelu = false;
  const float* residual = nullptr;  // [rows, out] or none
  int64_t residual_stride = 0;
  const float* gate = nullptr;            // [out] or none: ones
  void* y = nullptr;                      // [rows, out]
  Stored y_stored = Stored::kFloat;       // or kBFloat16, without a residual and where kernel_set().bf16()
  RowLayout y_layout = RowLayout::kRows;  // in tiles without a residual
  int64_t y_stride = 0;
};
void linear(const LinearArguments& arguments);

// out = (x - mean) / sqrt(variance + eps) * weight + bias, row by row; weight and bias both there or neither.
// `one_plus`: the weight is a modulation's scale, 1 + weight is meant.
struct LayerNormArguments {
  int64_t rows = 0, dim = 0;
  const float* x = nullptr;
  double eps = 0;
  const float* weight = nullptr;
  const float* bias = nullptr;
  bool one_plus = false;
  void* out = nullptr;
  Stored out_stored = Stored::kFloat;  // or kBFloat16, in rows and where kernel_set().bf16()
  RowLayout out_layout = RowLayout::kRows;
};
void layer_norm(const LayerNormArguments& arguments);

// out = x / sqrt(mean(x^2) + eps) * weight, row by row; then the pairs (2i, 2i+1) of every head are turned
// by rotary[row][i] (cosine, sine) where there is one.
struct RmsNormArguments {
  int64_t rows = 0, dim = 0, head_dim = 0;  // head_dim: even, only for the rotation
  const float* x = nullptr;
  const float* weight = nullptr;
  double eps = 0;
  const float* rotary = nullptr;       // [rows, head_dim] or none
  void* out = nullptr;                 // may be x
  Stored out_stored = Stored::kFloat;  // or kBFloat16, where kernel_set().bf16()
};
void rms_norm_rotate(const RmsNormArguments& arguments);

// Per head: out = softmax(scale * q k^T + bias) v. A head's columns lie side by side in a row; `_stride` is
// from row to row. With q, k and v in bf16 (only where kernel_set().bf16(); then head_dim and strides are
// even) the softmax's weights are rounded to bf16 too before they meet v. `out` can be in tiles if head_dim
// is a multiple of eight.
struct AttentionArguments {
  int64_t heads = 0, head_dim = 0, queries = 0, keys = 0;
  Stored stored = Stored::kFloat;  // q, k and v: kFloat or kBFloat16
  const void* q = nullptr;
  int64_t q_stride = 0;
  const void* k = nullptr;
  int64_t k_stride = 0;
  const void* v = nullptr;
  int64_t v_stride = 0;
  float scale = 1;
  const float* bias = nullptr;  // [keys] or none
  const float* add = nullptr;   // [queries, heads * head_dim] or none: added; may be `out`
  int64_t add_stride = 0;
  void* out = nullptr;
  Stored out_stored = Stored::kFloat;  // or kBFloat16, in rows and where kernel_set().bf16()
  RowLayout out_layout = RowLayout::kRows;
  int64_t out_stride = 0;
};
void attention(const AttentionArguments& arguments);

// Pictures with channels last, [frames, height, width, channels]: x / |x| * gamma over the channels of each
// pixel, then SiLU, into the middle of a frame with a border of zeros; or a plain copy into it.
struct BorderArguments {
  int64_t frames = 0, height = 0, width = 0, channels = 0;
  int64_t above = 0, below = 0, left = 0, right = 0;  // pixels of border
  const float* x = nullptr;
  const float* gamma = nullptr;  // [channels], times sqrt(channels), or none: a copy
  bool silu = false;
  float* out = nullptr;
};
void with_border(const BorderArguments& arguments);

// A convolution of pictures with channels last. Nothing is padded: the borders are in x. Result i sees the
// frames x[i * time_step] and the `times - 1` after it.
struct ConvolutionArguments {
  int64_t frames = 0, height = 0, width = 0;  // of the result
  int64_t in = 0, out = 0;                    // channels
  int64_t times = 1, rows = 1, columns = 1;   // of the kernel
  int64_t time_step = 1, step = 1;            // from result to result, in frames and in pixels of x
  const float* const* x = nullptr;            // one pointer a frame, [x_height, x_width, in] each
  int64_t x_height = 0, x_width = 0;
  const float* weight = nullptr;    // [out, in, times, rows, columns]
  const float* bias = nullptr;      // [out]
  const float* residual = nullptr;  // added; laid out like y, may be y; or none
  float* y = nullptr;
  int64_t y_frame = 0, y_row = 0, y_column = 0;  // floats from result to result
};
void convolution(const ConvolutionArguments& arguments);

}  // namespace wan::device
