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
    std::string wanted;
    for (const int64_t side : shape) wanted += (wanted.empty() ? "" : ", ") + std::to_string(side);
    return fail(invalid_argument("noise: " + file.string() + " " + what +
                                 "; this size and number of frames need one F32 tensor of shape [" + wanted +
                                 "]"));
  };
  if (stored.size() != 1) return wrong("holds " + std::to_string(stored.size()) + " tensors");
  const weights::StoredTensor& tensor = stored.begin()->second;
  if (tensor.dtype != weights::DType::kF32)
    return wrong("holds " + std::string(weights::to_string(tensor.dtype)));
  if (at::IntArrayRef(tensor.shape) != shape) {
    std::string sides;
    for (const int64_t side : tensor.shape) sides += (sides.empty() ? "" : ", ") + std::to_string(side);
    return wrong("holds a tensor of shape [" + sides + "]");
  }
  return weights::to_tensor(tensor);
}

}  // namespace wan::pipeline
