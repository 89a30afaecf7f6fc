#pragma once
// Weights on their way into a model: each module takes its tensors by name, small ones as fp32, matrices in
// the type that the model computes with; what is missing, of a wrong shape or left over is collected and
// reported at once.

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "runtime/weights/key_map.h"
#include "runtime/weights/safetensors.h"

namespace wan::weights {

// An fp32 tensor of the stored values. Aligned F32 data is used in place (the tensor keeps the map alive and
// must not be written to), other types are widened into memory of their own.
[[nodiscard]] at::Tensor to_float_tensor(const StoredTensor& stored);

// The tensor as stored, copied.
[[nodiscard]] at::Tensor to_tensor(const StoredTensor& stored);

// The tensor as stored, in place where it is aligned (it keeps the map alive and must not be written to).
[[nodiscard]] at::Tensor map_tensor(const StoredTensor& stored);

class StateDict {
 public:
  // Tensors are made on `device`, for a model that multiplies matrices in `compute`: kFloat or kBFloat16. On
  // the meta device they have shapes only, and no byte of the weights is read: a model built of them shows
  // whether the checkpoint fits.
  explicit StateDict(StoredTensors tensors, c10::Device device = c10::kCPU,
                     at::ScalarType compute = at::kFloat)
      : tensors_(std::move(tensors)), device_(device), compute_(compute) {}

  // The tensor of that name, which then no longer counts as left over. An undefined tensor when it is missing
  // or has another shape: finish() will say so, and the model must not be used.
  [[nodiscard]] at::Tensor take(const std::string& name, std::initializer_list<int64_t> shape);

  // The same for a matrix, without widening it: as it is stored where its user can widen it when it is used,
  // so that half-sized weights stay half-sized in memory; narrowed here where `compute` is narrower.
  [[nodiscard]] at::Tensor take_matrix(const std::string& name, std::initializer_list<int64_t> shape,
                                       at::ScalarType compute);

  // `call` comes before each tensor is taken, and may throw to end the loading.
  void before_each(std::function<void()> call) { before_each_ = std::move(call); }

  // Names that begin so are not needed and not an error.
  void ignore(std::string_view prefix);

  // One error that lists up to twenty findings of each kind. `what` is "transformer" and the like.
  [[nodiscard]] Status finish(std::string_view what) const;

  [[nodiscard]] int64_t parameters() const { return parameters_; }  // taken so far
  [[nodiscard]] c10::Device device() const { return device_; }
  [[nodiscard]] at::ScalarType compute() const { return compute_; }

 private:
  [[nodiscard]] std::optional<StoredTensor> find(const std::string& name,
                                                 std::initializer_list<int64_t> shape);

  StoredTensors tensors_;
  c10::Device device_;
  at::ScalarType compute_;
  std::vector<std::string> missing_;
  std::vector<std::string> misshapen_;
  int64_t parameters_ = 0;
  std::function<void()> before_each_;
};

}  // namespace wan::weights
