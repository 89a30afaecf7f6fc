#include "runtime/model/layers.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/rsqrt.h>
#include <algorithm>
#include <optional>

namespace wan::model {

Linear::Linear(weights::StateDict& state, const std::string& name, int64_t in, int64_t out, bool with_bias,
               at::ScalarType compute)
    : weight(state.take_matrix(name + ".weight", {out, in}, compute)), compute(compute) {
  if (with_bias) bias = state.take(name + ".bias", {out});
  if (bias.defined()) bias = bias.to(compute);
}

Linear::Linear(weights::StateDict& state, const std::string& name, int64_t in, int64_t out, bool with_bias)
    : Linear(state, name, in, out, with_bias, state.compute()) {}

at::Tensor Linear::operator()(const at::Tensor& x) const {
  return at::linear(x.to(compute), weight.to(compute), bias);
}

at::Tensor rms_norm(const at::Tensor& input, const at::Tensor& weight, double eps) {
  const at::Tensor x = input.to(at::kFloat);
  // The length in one pass, without a tensor of squares.
  const at::Tensor length = at::linalg_vector_norm(x, 2, -1, /*keepdim=*/true);
  const at::Tensor scale = length.square_().div_(static_cast<double>(x.size(-1))).add_(eps).rsqrt_();
  return at::mul(x, scale).mul_(weight);
}

at::Tensor layer_norm(const at::Tensor& x, double eps, const at::Tensor& weight, const at::Tensor& bias) {
  const auto optional = [](const at::Tensor& t) { return t.defined() ? std::optional(t) : std::nullopt; };
  return at::layer_norm(x, x.size(-1), optional(weight), optional(bias), eps, /*cudnn_enable=*/false);
}

at::Tensor gelu_erf(const at::Tensor& x) { return at::gelu(x, "none"); }

at::Tensor feed_forward(const Linear& in, const Linear& out, const at::Tensor& x) {
  constexpr int64_t kBytes = 24 << 20, kFewest = 128;
  const auto row_bytes = in.weight.size(0) * static_cast<int64_t>(c10::elementSize(in.compute));
  const int64_t rows = x.size(0), chunk = std::max(kBytes / row_bytes, kFewest);
  if (rows <= chunk) return out(gelu_tanh(in(x)));
  at::Tensor result = at::empty({rows, out.weight.size(0)}, x.options().dtype(out.compute));
  for (int64_t first = 0; first < rows; first += chunk) {
    const int64_t count = std::min(chunk, rows - first);
    result.narrow(0, first, count).copy_(out(gelu_tanh(in(x.narrow(0, first, count)))));
  }
  return result;
}

at::Tensor gelu_tanh(const at::Tensor& x) { return at::gelu(x, "tanh"); }

}  // namespace wan::model
