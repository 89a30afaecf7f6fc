#pragma once
// The few layers that several components share. Weights are plain members; a forward is a function call.

#include <ATen/core/Tensor.h>
#include <functional>
#include <string>

#include "runtime/device/parallel.h"
#include "runtime/weights/state_dict.h"

namespace wan::model {

// Called between blocks of a forward; may throw (an Interrupted, say) to end it there.
using Checkpoint = std::function<void()>;

using device::Interrupted;

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
  [[nodiscard]] at::Tensor operator()(const at::Tensor& x) const;
  // The same in fp32: the sums as they are, where our own kernels make them.
  [[nodiscard]] at::Tensor fp32(const at::Tensor& x) const;
  // gelu_tanh of that.
  [[nodiscard]] at::Tensor gelu(const at::Tensor& x) const;
  // residual += gate * that, in place; `residual` is fp32 and contiguous, `gate` undefined means ones.
  void add_to(const at::Tensor& residual, const at::Tensor& x, const at::Tensor& gate = {}) const;
};

// x / sqrt(mean(x^2) + eps) * weight over the last dimension; fp32 whatever x is.
[[nodiscard]] at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps);

// (x - mean) / sqrt(variance + eps) over the last dimension, then weight and bias where given.
[[nodiscard]] at::Tensor layer_norm(const at::Tensor& x, double eps, const at::Tensor& weight = {},
                                    const at::Tensor& bias = {});

// layer_norm(x) * (1 + scale) + shift.
[[nodiscard]] at::Tensor modulated_norm(const at::Tensor& x, double eps, const at::Tensor& scale,
                                        const at::Tensor& shift);

// The exact GELU, by the error function (CLIP, the image embedding), and its tanh form (transformer, T5).
[[nodiscard]] at::Tensor gelu_erf(const at::Tensor& x);
[[nodiscard]] at::Tensor gelu_tanh(const at::Tensor& x);

// residual += gate * out(gelu_tanh(in(x))), x [rows, width]: some rows at a time, so that the wide rows in
// between stay small enough to be used again (a tensor of hundreds of megabytes is fetched from the system,
// page by page, each time). The number of rows follows from the widths alone.
void add_feed_forward(const at::Tensor& residual, const Linear& in, const Linear& out, const at::Tensor& x,
                      const at::Tensor& gate);

}  // namespace wan::model
