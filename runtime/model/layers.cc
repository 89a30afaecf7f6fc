#include "runtime/model/layers.h"

#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/rsqrt.h>
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
  const at::Tensor scale = at::mean(at::mul(x, x), -1, /*keepdim=*/true).add_(eps).rsqrt_();
  return at::mul(x, scale).mul_(weight);
}

at::Tensor layer_norm(const at::Tensor& x, double eps, const at::Tensor& weight, const at::Tensor& bias) {
  const auto optional = [](const at::Tensor& t) { return t.defined() ? std::optional(t) : std::nullopt; };
  return at::layer_norm(x, x.size(-1), optional(weight), optional(bias), eps, /*cudnn_enable=*/false);
}

at::Tensor gelu_erf(const at::Tensor& x) { return at::gelu(x, "none"); }

at::Tensor gelu_tanh(const at::Tensor& x) { return at::gelu(x, "tanh"); }

}  // namespace wan::model
