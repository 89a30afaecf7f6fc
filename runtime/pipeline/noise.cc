#include "runtime/pipeline/noise.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/randn.h>

namespace wan::pipeline {

at::Tensor gaussian_noise(at::IntArrayRef shape, uint64_t seed) {
  const at::Generator generator = at::detail::createCPUGenerator(seed);
  return at::randn(shape, generator, at::TensorOptions(at::kFloat));
}

}  // namespace wan::pipeline
