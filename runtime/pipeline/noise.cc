#include "runtime/pipeline/noise.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/randn.h>
#include <string>

#include "runtime/weights/safetensors.h"
#include "runtime/weights/state_dict.h"

namespace wan::pipeline {

at::Tensor gaussian_noise(at::IntArrayRef shape, uint64_t seed) {
  const at::Generator generator = at::detail::createCPUGenerator(seed);
  return at::randn(shape, generator, at::TensorOptions(at::kFloat));
}

Result<at::Tensor> read_noise(const std::filesystem::path& file, at::IntArrayRef shape) {
  WAN_TRY(const auto stored, weights::open_safetensors(file));
  const auto wrong = [&](const std::string& what) {
    return fail(invalid_argument("noise: " + file.string() + " " + what +
                                 "; this size and number of frames need one F32 tensor of shape " +
                                 weights::shape_text(shape)));
  };
  if (stored.size() != 1) return wrong("holds " + std::to_string(stored.size()) + " tensors");
  const weights::StoredTensor& tensor = stored.begin()->second;
  if (tensor.dtype != weights::DType::kF32)
    return wrong("holds " + std::string(weights::to_string(tensor.dtype)));
  if (at::IntArrayRef(tensor.shape) != shape)
    return wrong("holds a tensor of shape " + weights::shape_text(tensor.shape));
  return weights::to_tensor(tensor);
}

}  // namespace wan::pipeline
