#pragma once
// Where every video starts.

#include <ATen/core/Tensor.h>
#include <cstdint>

namespace wan::pipeline {

// Gaussian noise on the CPU, the numbers of torch.randn with torch.Generator("cpu").manual_seed(seed). Equal
// to within 2e-6 on every machine, to the bit on machines of one class.
[[nodiscard]] at::Tensor gaussian_noise(at::IntArrayRef shape, uint64_t seed);

}  // namespace wan::pipeline
