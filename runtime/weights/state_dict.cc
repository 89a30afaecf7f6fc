#include "runtime/weights/state_dict.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <algorithm>
#include <cstring>
#include <span>

namespace wan::weights {
namespace {

constexpr size_t kListed = 20;

at::ScalarType scalar_type(DType dtype) {
  switch (dtype) {
    case DType::kF64: return at::kDouble;
    case DType::kF32: return at::kFloat;
    case DType::kF16: return at::kHalf;
    case DType::kBF16: return at::kBFloat16;
    case DType::kF8E4M3: return at::kFloat8_e4m3fn;
    case DType::kF8E5M2: return at::kFloat8_e5m2;
    case DType::kI64: return at::kLong;
    case DType::kI32: return at::kInt;
    case DType::kI16: return at::kShort;
    case DType::kI8: return at::kChar;
    case DType::kU8: return at::kByte;
    case DType::kBool: return at::kBool;
  }
  return at::kFloat;
}

void append_list(std::string& message, std::string_view title, const std::vector<std::string>& names) {
  if (names.empty()) return;
  message += "; " + std::string(title) + " (" + std::to_string(names.size()) + "): ";
  for (size_t i = 0; i < std::min(names.size(), kListed); ++i) message += (i ? ", " : "") + names[i];
  if (names.size() > kListed) message += ", ...";
}

// What repacks to 8 bits put beside each matrix: its numbers count only multiplied by it.
bool is_scale(const std::string& name) {
  return name == "scaled_fp8" || name.ends_with(".scale_weight") || name.ends_with(".weight_scale") ||
         name.ends_with(".comfy_quant");
}

// Without bytes.
at::Tensor shape_of(const StoredTensor& stored, at::ScalarType type) {
  return at::empty(stored.shape, at::TensorOptions(type).device(at::kMeta));
}

}  // namespace

at::Tensor to_tensor(const StoredTensor& stored) {
  const auto count = static_cast<int64_t>(stored.bytes.size() / size_of(stored.dtype));
  at::Tensor elements = at::empty({count}, at::TensorOptions(scalar_type(stored.dtype)));
  if (count > 0) std::memcpy(elements.mutable_data_ptr(), stored.bytes.data(), stored.bytes.size());
  if (stored.strides.empty()) return elements.view(stored.shape);
  return elements.as_strided(stored.shape, stored.strides).contiguous();
}

at::Tensor map_tensor(const StoredTensor& stored) {
  const bool aligned = reinterpret_cast<uintptr_t>(stored.bytes.data()) % size_of(stored.dtype) == 0;
  const bool whole = stored.strides.empty() && !stored.bytes.empty();
  if (!aligned || !whole || !stored.owner) return to_tensor(stored);
  auto* data = const_cast<std::byte*>(stored.bytes.data());
  const auto keep = [owner = stored.owner](void*) {};
  return at::from_blob(data, stored.shape, keep, at::TensorOptions(scalar_type(stored.dtype)));
}

at::Tensor to_float_tensor(const StoredTensor& stored) { return map_tensor(stored).to(at::kFloat); }

std::optional<StoredTensor> StateDict::find(const std::string& name, std::initializer_list<int64_t> shape) {
  if (before_each_) before_each_();
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) {
    missing_.push_back(name);
    return std::nullopt;
  }
  const StoredTensor stored = std::move(found->second);
  tensors_.erase(found);
  if (!std::ranges::equal(stored.shape, shape)) {
    misshapen_.push_back(name + " is " + shape_text(stored.shape) + ", must be " +
                         shape_text({shape.begin(), shape.end()}));
    return std::nullopt;
  }
  return stored;
}

at::Tensor StateDict::take(const std::string& name, std::initializer_list<int64_t> shape) {
  const auto stored = find(name, shape);
  if (!stored) return {};
  at::Tensor tensor =
      device_.is_meta() ? shape_of(*stored, at::kFloat) : to_float_tensor(*stored).to(device_);
  parameters_ += tensor.numel();
  return tensor;
}

at::Tensor StateDict::take_matrix(const std::string& name, std::initializer_list<int64_t> shape,
                                  at::ScalarType compute) {
  const auto stored = find(name, shape);
  if (!stored) return {};
  at::Tensor tensor = device_.is_meta() ? shape_of(*stored, scalar_type(stored->dtype)) : map_tensor(*stored);
  if (c10::elementSize(tensor.scalar_type()) > c10::elementSize(compute)) tensor = tensor.to(compute);
  tensor = tensor.to(device_);
  parameters_ += tensor.numel();
  return tensor;
}

void StateDict::ignore(std::string_view prefix) {
  std::erase_if(tensors_, [&](const auto& entry) { return entry.first.starts_with(prefix); });
}

Status StateDict::finish(std::string_view what) const {
  std::vector<std::string> extra;
  for (const auto& [name, tensor] : tensors_) {
    if (is_scale(name)) {
      return fail(invalid_argument(
          std::string(what) + ": the weights are quantised with a scale for each matrix ('" + name +
          "'), which is not supported; take the fp16, bf16, fp32 or plain fp8 file of the same model"));
    }
    extra.push_back(name);
  }
  if (missing_.empty() && misshapen_.empty() && extra.empty()) return {};
  std::string message = std::string(what) + ": the weights do not fit the configuration";
  append_list(message, "missing", missing_);
  append_list(message, "wrong shape", misshapen_);
  append_list(message, "not known to the model", extra);
  return fail(corrupt(message));
}

}  // namespace wan::weights
