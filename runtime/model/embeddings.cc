#include "runtime/model/embeddings.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/view_as_complex.h>
#include <ATen/ops/view_as_real.h>
#include <cmath>
#include <complex>

namespace wan::model {
namespace {

constexpr double kTheta = 10000;

// Angles per position: pairs of one axis that has `dim` channels.
double frequency(int64_t pair, int64_t dim) {
  return 1.0 / std::pow(kTheta, static_cast<double>(2 * pair) / static_cast<double>(dim));
}

void write_axis(c10::complex<float>*& out, int64_t position, int64_t dim) {
  for (int64_t pair = 0; pair < dim / 2; ++pair) {
    const double angle = static_cast<double>(position) * frequency(pair, dim);
    *out++ = {static_cast<float>(std::cos(angle)), static_cast<float>(std::sin(angle))};
  }
}

}  // namespace

at::Tensor timestep_sinusoid(double timestep, int64_t dim) {
  const int64_t half = dim / 2;
  at::Tensor out = at::empty({1, dim}, at::TensorOptions(at::kFloat));
  auto* values = out.mutable_data_ptr<float>();
  for (int64_t i = 0; i < half; ++i) {
    const double exponent = -static_cast<double>(i) / static_cast<double>(half);
    const double angle = timestep * std::pow(kTheta, exponent);
    values[i] = static_cast<float>(std::cos(angle));
    values[half + i] = static_cast<float>(std::sin(angle));
  }
  return out;
}

at::Tensor rotary_table(const Grid& grid, int64_t head_dim) {
  const int64_t side = 2 * (head_dim / 6);
  const int64_t time = head_dim - 2 * side;
  const auto [frames, rows, columns] = grid;
  at::Tensor table = at::empty({frames * rows * columns, head_dim / 2}, at::TensorOptions(at::kComplexFloat));
  auto* out = table.mutable_data_ptr<c10::complex<float>>();
  for (int64_t f = 0; f < frames; ++f) {
    for (int64_t h = 0; h < rows; ++h) {
      for (int64_t w = 0; w < columns; ++w) {
        write_axis(out, f, time);
        write_axis(out, h, side);
        write_axis(out, w, side);
      }
    }
  }
  return table;
}

at::Tensor apply_rotary(const at::Tensor& x, const at::Tensor& table) {
  const int64_t tokens = x.size(0), heads = x.size(1), head_dim = x.size(2);
  const at::Tensor pairs = at::view_as_complex(x.view({tokens, heads, head_dim / 2, 2}));
  return at::view_as_real(at::mul(pairs, table.unsqueeze(1))).flatten(2);
}

}  // namespace wan::model
