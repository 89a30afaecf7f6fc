#include "runtime/model/layers.h"

#include <ATen/ops/add.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/rsqrt.h>
#include <algorithm>
#include <optional>

#include "runtime/device/kernels.h"

namespace wan::model {

Linear::Linear(weights::StateDict& state, const std::string& name, int64_t in, int64_t out, bool with_bias,
               at::ScalarType compute)
    : weight(state.take_matrix(name + ".weight", {out, in}, compute)), compute(compute) {
  if (with_bias) bias = state.take(name + ".bias", {out});
  if (!bias.defined()) return;
  bias = bias.to(compute);
  wide_bias = bias.to(at::kFloat);
}

Linear::Linear(weights::StateDict& state, const std::string& name, int64_t in, int64_t out, bool with_bias)
    : Linear(state, name, in, out, with_bias, state.compute()) {}

namespace {

// A single row is a product of a matrix and a vector, for which packing the matrix is no use.
constexpr int64_t kFewestRows = 4;

std::optional<device::Stored> stored_as(at::ScalarType type) {
  if (type == at::kFloat) return device::Stored::kFloat;
  if (type == at::kBFloat16) return device::Stored::kBFloat16;
  if (type == at::kHalf) return device::Stored::kHalf;
  return std::nullopt;
}

bool own_rows(const at::Tensor& x) {
  return device::own_kernels() && x.is_cpu() && x.scalar_type() == at::kFloat && x.dim() >= 2;
}

const float* values(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.const_data_ptr<float>() : nullptr;
}

// Whether our own kernels multiply rows `x`, which are in the layer's type, with its weight.
bool own_product_of(const Linear& layer, const at::Tensor& x) {
  if (!device::own_kernels() || !x.is_cpu() || x.dim() != 2 || x.size(0) < kFewestRows || x.stride(1) != 1 ||
      !layer.weight.is_contiguous() || !stored_as(layer.weight.scalar_type()))
    return false;
  if (layer.compute == at::kFloat) return true;
  return device::kernel_set().bf16 && layer.compute == at::kBFloat16 &&
         layer.weight.scalar_type() == at::kBFloat16 && x.size(1) % 2 == 0 && x.stride(0) % 2 == 0;
}

// For our own kernels, or nothing where the layer or its rows are not for them. `x` is in the layer's type
// and must outlive it.
std::optional<device::LinearArguments> own_product(const Linear& layer, const at::Tensor& x) {
  if (!own_product_of(layer, x)) return std::nullopt;
  return device::LinearArguments{.rows = x.size(0),
                                 .in = x.size(1),
                                 .out = layer.weight.size(0),
                                 .x = x.const_data_ptr(),
                                 .x_stored = *stored_as(x.scalar_type()),
                                 .x_stride = x.stride(0),
                                 .weight = layer.weight.const_data_ptr(),
                                 .stored = *stored_as(layer.weight.scalar_type()),
                                 .bias = values(layer.wide_bias)};
}

at::Tensor run(device::LinearArguments product, at::ScalarType type) {
  at::Tensor y = at::empty({product.rows, product.out}, at::TensorOptions(type));
  product.y = y.mutable_data_ptr();
  product.y_stored = *stored_as(type);
  product.y_stride = product.out;
  device::linear(product);
  return y;
}

}  // namespace

at::Tensor Linear::operator()(const at::Tensor& input) const {
  const at::Tensor x = input.to(compute);
  if (const auto product = own_product(*this, x)) return run(*product, compute);
  return at::linear(x, weight.to(compute), bias);
}

at::Tensor Linear::fp32(const at::Tensor& input) const {
  const at::Tensor x = input.to(compute);
  if (const auto product = own_product(*this, x)) return run(*product, at::kFloat);
  return (*this)(x).to(at::kFloat);
}

at::Tensor Linear::gelu(const at::Tensor& input) const {
  const at::Tensor x = input.to(compute);
  auto product = own_product(*this, x);
  if (!product) return gelu_tanh((*this)(x));
  product->gelu = true;
  return run(*product, compute);
}

void Linear::add_to(const at::Tensor& residual, const at::Tensor& input, const at::Tensor& gate) const {
  const at::Tensor x = input.to(compute);
  auto product = own_product(*this, x);
  if (product) {
    product->residual = residual.const_data_ptr<float>();
    product->gate = values(gate);
    product->y = residual.mutable_data_ptr();
    product->y_stride = product->residual_stride = residual.stride(0);
    return device::linear(*product);
  }
  const at::Tensor y = (*this)(x).to(at::kFloat);
  gate.defined() ? residual.addcmul_(y, gate) : residual.add_(y);
}

at::Tensor rms_norm(const at::Tensor& input, const at::Tensor& weight, double eps) {
  const at::Tensor x = input.to(at::kFloat);
  if (own_rows(x) && x.is_contiguous()) {
    at::Tensor out = at::empty_like(x);
    device::rms_norm_rotate({.rows = x.numel() / x.size(-1),
                             .dim = x.size(-1),
                             .x = values(x),
                             .weight = values(weight),
                             .eps = eps,
                             .out = out.mutable_data_ptr<float>()});
    return out;
  }
  // The length in one pass, without a tensor of squares.
  const at::Tensor length = at::linalg_vector_norm(x, 2, -1, /*keepdim=*/true);
  const at::Tensor scale = length.square_().div_(static_cast<double>(x.size(-1))).add_(eps).rsqrt_();
  return at::mul(x, scale).mul_(weight);
}

namespace {

at::Tensor own_layer_norm(const at::Tensor& x, double eps, const at::Tensor& weight, const at::Tensor& bias,
                          bool one_plus) {
  at::Tensor out = at::empty_like(x);
  device::layer_norm({.rows = x.numel() / x.size(-1),
                      .dim = x.size(-1),
                      .x = values(x),
                      .eps = eps,
                      .weight = values(weight),
                      .bias = values(bias),
                      .one_plus = one_plus,
                      .out = out.mutable_data_ptr<float>()});
  return out;
}

}  // namespace

at::Tensor layer_norm(const at::Tensor& x, double eps, const at::Tensor& weight, const at::Tensor& bias) {
  if (own_rows(x) && x.is_contiguous()) return own_layer_norm(x, eps, weight, bias, /*one_plus=*/false);
  const auto optional = [](const at::Tensor& t) { return t.defined() ? std::optional(t) : std::nullopt; };
  return at::layer_norm(x, x.size(-1), optional(weight), optional(bias), eps, /*cudnn_enable=*/false);
}

at::Tensor modulated_norm(const at::Tensor& x, double eps, const at::Tensor& scale, const at::Tensor& shift) {
  if (own_rows(x) && x.is_contiguous()) return own_layer_norm(x, eps, scale, shift, /*one_plus=*/true);
  // In one pass: the norm's own weight and bias are free.
  return layer_norm(x, eps, at::add(scale, 1), shift);
}

at::Tensor gelu_erf(const at::Tensor& x) { return at::gelu(x, "none"); }

void add_feed_forward(const at::Tensor& residual, const Linear& in, const Linear& out, const at::Tensor& x,
                      const at::Tensor& gate) {
  constexpr int64_t kBytes = 24 << 20, kFewest = 1024;
  const auto row_bytes = in.weight.size(0) * static_cast<int64_t>(c10::elementSize(in.compute));
  const int64_t rows = x.size(0), chunk = std::max(kBytes / row_bytes, kFewest);
  for (int64_t first = 0; first < rows; first += chunk) {
    const int64_t count = std::min(chunk, rows - first);
    out.add_to(residual.narrow(0, first, count), in.gelu(x.narrow(0, first, count)), gate);
  }
}

at::Tensor gelu_tanh(const at::Tensor& x) { return at::gelu(x, "tanh"); }

}  // namespace wan::model
