#pragma once
// Weights on their way into a model: each module takes its tensors by name, as fp32; what is missing, of a
// wrong shape or left over is collected and reported at once.

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "runtime/weights/key_map.h"

namespace wan::weights {

// An fp32 tensor of the stored values. Aligned F32 data is used in place (the tensor keeps the map alive and
// must not be written to), other types are widened into memory of their own.
[[nodiscard]] at::Tensor to_float_tensor(const StoredTensor& stored);

// The tensor as stored, copied.
[[nodiscard]] at::Tensor to_tensor(const StoredTensor& stored);

class StateDict {
 public:
  // Tensors are made on `device`.
  explicit StateDict(StoredTensors tensors, c10::Device device = c10::kCPU)
      : tensors_(std::move(tensors)), device_(device) {}

  // The tensor of that name, which then no longer counts as left over. An undefined tensor when it is missing
  // or has another shape: finish() will say so, and the model must not be used.
  [[nodiscard]] at::Tensor take(const std::string& name, std::initializer_list<int64_t> shape);

  // Names that begin so are not needed and not an error.
  void ignore(std::string_view prefix);

  // One error that lists up to twenty findings of each kind. `what` is "transformer" and the like.
  [[nodiscard]] Status finish(std::string_view what) const;

  [[nodiscard]] int64_t parameters() const { return parameters_; }  // taken so far
  [[nodiscard]] c10::Device device() const { return device_; }

 private:
  StoredTensors tensors_;
  c10::Device device_;
  std::vector<std::string> missing_;
  std::vector<std::string> misshapen_;
  int64_t parameters_ = 0;
};

}  // namespace wan::weights
