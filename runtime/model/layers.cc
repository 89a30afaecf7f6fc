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

Rows empty_rows(int64_t rows, int64_t dim, device::RowLayout layout, at::ScalarType type) {
  const at::TensorOptions options(type);
  if (layout == device::RowLayout::kRows) return at::empty({rows, dim}, options);
  return {at::empty({device::tiled_size(rows, dim)}, options), rows, dim};
}

std::optional<device::Stored> stored_as(at::ScalarType type) {
  if (type == at::kFloat) return device::Stored::kFloat;
  if (type == at::kBFloat16) return device::Stored::kBFloat16;
  if (type == at::kHalf) return device::Stored::kHalf;
  return std::nullopt;
}

namespace {

// With fewer rows packing the matrix takes longer than is saved: a single one is a product of a matrix and a
// vector. The matrix unit for bf16 multiplies many more while a matrix is packed.
constexpr int64_t kFewestRows = 4, kFewestRowsOfPairs = 64;

int64_t fewest_rows(at::ScalarType type) {
  const bool matrix_unit = device::kernel_set().bf16_unit == device::Bf16Unit::kAmx;
  return matrix_unit && type == at::kBFloat16 ? kFewestRowsOfPairs : kFewestRows;
}

bool own_rows(const at::Tensor& x) {
  return device::own_kernels() && x.is_cpu() && x.scalar_type() == at::kFloat && x.dim() >= 2;
}

const float* values(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.const_data_ptr<float>() : nullptr;
}

// Whether our own kernels read the layer's weight.
bool own_weight(const Linear& layer) {
  return device::own_kernels() && layer.weight.is_cpu() && layer.weight.is_contiguous() &&
         stored_as(layer.weight.scalar_type());
}

// Whether they multiply rows `x`, which are in the layer's type, with it.
bool own_product_of(const Linear& layer, const at::Tensor& x) {
  if (!own_weight(layer) || !x.is_cpu() || x.dim() != 2 || x.size(0) < fewest_rows(layer.compute) ||
      x.stride(1) != 1)
    return false;
  if (layer.compute == at::kFloat) return true;
  return device::kernel_set().bf16() && layer.compute == at::kBFloat16 &&
         layer.weight.scalar_type() == at::kBFloat16 && x.size(1) % 2 == 0 && x.stride(0) % 2 == 0;
}

// Rows in the layer's type; tiles are already.
Rows in_type_of(const Linear& layer, const Rows& x) {
  return x.layout == device::RowLayout::kTiles ? x : Rows(x.values.to(layer.compute));
}

// For our own kernels, or nothing where the layer or its rows are not for them. `x` is in the layer's type
// and must outlive it.
std::optional<device::LinearArguments> own_product(const Linear& layer, const Rows& x) {
  const bool tiles = x.layout == device::RowLayout::kTiles;
  if (!tiles && !own_product_of(layer, x.values)) return std::nullopt;
  return device::LinearArguments{.rows = x.rows,
                                 .in = x.dim,
                                 .out = layer.weight.size(0),
                                 .x = x.values.const_data_ptr(),
                                 .x_stored = *stored_as(x.values.scalar_type()),
                                 .x_layout = x.layout,
                                 .x_stride = tiles ? 0 : x.values.stride(0),
                                 .weight = layer.weight.const_data_ptr(),
                                 .stored = *stored_as(layer.weight.scalar_type()),
                                 .bias = values(layer.wide_bias)};
}

Rows run(device::LinearArguments product, at::ScalarType type,
         device::RowLayout layout = device::RowLayout::kRows) {
  const Rows y = empty_rows(product.rows, product.out, layout, type);
  product.y = y.values.mutable_data_ptr();
  product.y_stored = *stored_as(type);
  product.y_layout = layout;
  product.y_stride = product.out;
  device::linear(product);
  return y;
}

// gelu_tanh(layer(x)), for those layers.
Rows gelu_for(Readers readers, const Linear& layer, const Rows& input) {
  const Rows x = in_type_of(layer, input);
  auto product = own_product(layer, x);
  if (!product) return gelu_tanh(layer(x));
  product->gelu = true;
  return run(*product, layer.compute, layout_for(readers, x.rows));
}

}  // namespace

device::RowLayout layout_for(Readers readers, int64_t rows) {
  const bool all = readers.size() > 0 && std::ranges::all_of(readers, [](const Linear* layer) {
                     return layer->compute == at::kFloat && own_weight(*layer);
                   });
  return all && rows >= kFewestRows ? device::RowLayout::kTiles : device::RowLayout::kRows;
}

at::Tensor Linear::operator()(const Rows& input) const {
  const Rows x = in_type_of(*this, input);
  if (const auto product = own_product(*this, x)) return run(*product, compute).values;
  return at::linear(x.values, weight.to(compute), bias);
}

at::Tensor Linear::fp32(const Rows& input) const {
  const Rows x = in_type_of(*this, input);
  if (const auto product = own_product(*this, x)) return run(*product, at::kFloat).values;
  return (*this)(x).to(at::kFloat);
}

at::Tensor Linear::gelu(const at::Tensor& input) const { return gelu_for({}, *this, input).values; }

void Linear::add_to(const at::Tensor& residual, const Rows& input, const at::Tensor& gate) const {
  const Rows x = in_type_of(*this, input);
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

at::ScalarType written_type(at::ScalarType type) {
  return type == at::kBFloat16 && device::kernel_set().bf16() ? type : at::kFloat;
}

at::Tensor rms_norm(const at::Tensor& input, const at::Tensor& weight, double eps, at::ScalarType type) {
  const at::Tensor x = input.to(at::kFloat);
  if (own_rows(x) && x.is_contiguous()) {
    at::Tensor out = at::empty_like(x, x.options().dtype(written_type(type)));
    device::rms_norm_rotate({.rows = x.numel() / x.size(-1),
                             .dim = x.size(-1),
                             .x = values(x),
                             .weight = values(weight),
                             .eps = eps,
                             .out = out.mutable_data_ptr(),
                             .out_stored = *stored_as(out.scalar_type())});
    return out.to(type);
  }
  // The length in one pass, without a tensor of squares.
  const at::Tensor length = at::linalg_vector_norm(x, 2, -1, /*keepdim=*/true);
  const at::Tensor scale = length.square_().div_(static_cast<double>(x.size(-1))).add_(eps).rsqrt_();
  return at::mul(x, scale).mul_(weight).to(type);
}

namespace {

Rows own_layer_norm(const at::Tensor& x, double eps, const at::Tensor& weight, const at::Tensor& bias,
                    bool one_plus, device::RowLayout layout, at::ScalarType type) {
  const Rows out = layout == device::RowLayout::kRows ? Rows(at::empty_like(x, x.options().dtype(type)))
                                                      : empty_rows(x.size(0), x.size(1), layout, type);
  device::layer_norm({.rows = x.numel() / x.size(-1),
                      .dim = x.size(-1),
                      .x = values(x),
                      .eps = eps,
                      .weight = values(weight),
                      .bias = values(bias),
                      .one_plus = one_plus,
                      .out = out.values.mutable_data_ptr(),
                      .out_stored = *stored_as(type),
                      .out_layout = layout});
  return out;
}

bool own_norm(const at::Tensor& x) { return own_rows(x) && x.is_contiguous(); }

at::ScalarType type_of(Readers readers) { return (*readers.begin())->compute; }

Rows own_layer_norm_for(Readers readers, const at::Tensor& x, double eps, const at::Tensor& weight,
                        const at::Tensor& bias, bool one_plus) {
  const Rows out = own_layer_norm(x, eps, weight, bias, one_plus, layout_for(readers, x.size(0)),
                                  written_type(type_of(readers)));
  return in_type_of(**readers.begin(), out);
}

}  // namespace

at::Tensor layer_norm(const at::Tensor& x, double eps, const at::Tensor& weight, const at::Tensor& bias) {
  if (own_norm(x))
    return own_layer_norm(x, eps, weight, bias, /*one_plus=*/false, device::RowLayout::kRows, at::kFloat)
        .values;
  const auto optional = [](const at::Tensor& t) { return t.defined() ? std::optional(t) : std::nullopt; };
  return at::layer_norm(x, x.size(-1), optional(weight), optional(bias), eps, /*cudnn_enable=*/false);
}

Rows layer_norm_for(Readers readers, const at::Tensor& x, double eps, const at::Tensor& weight,
                    const at::Tensor& bias) {
  if (!own_norm(x)) return layer_norm(x, eps, weight, bias).to(type_of(readers));
  return own_layer_norm_for(readers, x, eps, weight, bias, /*one_plus=*/false);
}

Rows modulated_norm_for(Readers readers, const at::Tensor& x, double eps, const Modulation& modulation) {
  // In one pass: the norm's own weight and bias are free.
  if (!own_norm(x))
    return layer_norm(x, eps, at::add(modulation.scale, 1), modulation.shift).to(type_of(readers));
  return own_layer_norm_for(readers, x, eps, modulation.scale, modulation.shift, /*one_plus=*/true);
}

at::Tensor gelu_erf(const at::Tensor& x) { return at::gelu(x, "none"); }

void add_feed_forward(const at::Tensor& residual, double eps, const Modulation& modulation, const Linear& in,
                      const Linear& out, const at::Tensor& gate) {
  constexpr int64_t kBytes = 24 << 20, kFewest = 1024;
  const auto row_bytes = in.weight.size(0) * static_cast<int64_t>(c10::elementSize(in.compute));
  const int64_t rows = residual.size(0), chunk = std::max(kBytes / row_bytes, kFewest);
  for (int64_t first = 0; first < rows; first += chunk) {
    const at::Tensor part = residual.narrow(0, first, std::min(chunk, rows - first));
    const Rows x = modulated_norm_for({&in}, part, eps, modulation);
    out.add_to(part, gelu_for({&out}, in, x), gate);
  }
}

at::Tensor gelu_tanh(const at::Tensor& x) { return at::gelu(x, "tanh"); }

}  // namespace wan::model
