#pragma once
// The few layers that several components share. Weights are plain members; a forward is a function call.

#include <ATen/core/Tensor.h>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>

#include "runtime/device/kernels.h"
#include "runtime/device/parallel.h"
#include "runtime/weights/state_dict.h"

namespace wan::model {

// Called between blocks of a forward; may throw (an Interrupted, say) to end it there.
using Checkpoint = std::function<void()>;

using device::Interrupted;

// What products read: [rows, dim], or 1-D in the tiles of our own kernels.
struct Rows {
  at::Tensor values;
  int64_t rows = 0, dim = 0;
  device::RowLayout layout = device::RowLayout::kRows;

  Rows(const at::Tensor& x)  // NOLINT(google-explicit-constructor): any tensor is rows as they are
      : values(x), rows(x.dim() == 0 ? 0 : x.size(0)), dim(x.dim() == 0 ? 0 : x.size(-1)) {}
  Rows(const at::Tensor& tiles, int64_t rows, int64_t dim)
      : values(tiles), rows(rows), dim(dim), layout(device::RowLayout::kTiles) {}
};

// Multiplies in one type, fp32 or bf16: inputs are brought to it and the output has it. A weight that is
// stored narrower is widened when it is used, one matrix at a time.
struct Linear {
  at::Tensor weight;     // [out, in]
  at::Tensor bias;       // [out] or undefined
  at::Tensor wide_bias;  // the same values in fp32
  at::ScalarType compute = at::kFloat;

  Linear() = default;
  // In the state's compute type.
  Linear(weights::StateDict& state, const std::string& name, int64_t in, int64_t out, bool with_bias = true);
  Linear(weights::StateDict& state, const std::string& name, int64_t in, int64_t out, bool with_bias,
         at::ScalarType compute);
  [[nodiscard]] at::Tensor operator()(const Rows& x) const;
  // The same in fp32: the sums as they are, where our own kernels make them.
  [[nodiscard]] at::Tensor fp32(const Rows& x) const;
  // gelu_tanh of that.
  [[nodiscard]] at::Tensor gelu(const at::Tensor& x) const;
  // residual += gate * that, in place; `residual` is fp32 and contiguous, `gate` undefined means ones.
  void add_to(const at::Tensor& residual, const Rows& x, const at::Tensor& gate = {}) const;
};

// How rows should lie that those layers read, all of one type.
using Readers = std::initializer_list<const Linear*>;
[[nodiscard]] device::RowLayout layout_for(Readers readers, int64_t rows);

// Memory for the result of one of our own kernels.
[[nodiscard]] Rows empty_rows(int64_t rows, int64_t dim, device::RowLayout layout, at::ScalarType type);

// What our own kernels write for who reads that type: itself, or fp32 that is to be brought to it.
[[nodiscard]] at::ScalarType written_type(at::ScalarType type);

// Nothing for a type that our own kernels do not know.
[[nodiscard]] std::optional<device::Stored> stored_as(at::ScalarType type);

// x / sqrt(mean(x^2) + eps) * weight over the last dimension, computed in fp32 whatever x is.
[[nodiscard]] at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps,
                                  at::ScalarType type = at::kFloat);

// (x - mean) / sqrt(variance + eps) over the last dimension, then weight and bias where given.
[[nodiscard]] at::Tensor layer_norm(const at::Tensor& x, double eps, const at::Tensor& weight = {},
                                    const at::Tensor& bias = {});

// The same for those layers, in their type.
[[nodiscard]] Rows layer_norm_for(Readers readers, const at::Tensor& x, double eps, const at::Tensor& weight,
                                  const at::Tensor& bias);

// What a time embedding does to a norm: layer_norm(x) * (1 + scale) + shift.
struct Modulation {
  at::Tensor scale, shift;
};
[[nodiscard]] Rows modulated_norm_for(Readers readers, const at::Tensor& x, double eps,
                                      const Modulation& modulation);

// The exact GELU, by the error function (CLIP, the image embedding), and its tanh form (transformer, T5).
[[nodiscard]] at::Tensor gelu_erf(const at::Tensor& x);
[[nodiscard]] at::Tensor gelu_tanh(const at::Tensor& x);

// residual += gate * out(gelu_tanh(in(modulated_norm(residual)))): some rows at a time, so that the wide rows
// in between stay small enough to be used again (a tensor of hundreds of megabytes is fetched from the
// system, page by page, each time). The number of rows follows from the widths alone.
void add_feed_forward(const at::Tensor& residual, double eps, const Modulation& modulation, const Linear& in,
                      const Linear& out, const at::Tensor& gate);

}  // namespace wan::model
