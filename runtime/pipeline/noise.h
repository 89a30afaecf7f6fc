#pragma once
// Where every video starts.

#include <ATen/core/Tensor.h>
#include <cstdint>
#include <filesystem>

#include "base/result.h"

namespace wan::pipeline {

// Gaussian noise on the CPU, the numbers of torch.randn with torch.Generator("cpu").manual_seed(seed). Equal
// to within 2e-6 on every machine, to the bit on machines of one class.
[[nodiscard]] at::Tensor gaussian_noise(at::IntArrayRef shape, uint64_t seed);

// Noise from elsewhere, to compare with another program's video: a safetensors file with one F32 tensor of
// that shape. Errors name the file, its shape and the one that is wanted.
[[nodiscard]] Result<at::Tensor> read_noise(const std::filesystem::path& file, at::IntArrayRef shape);

}  // namespace wan::pipeline
