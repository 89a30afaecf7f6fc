#include "runtime/weights/stored_tensor.h"

#include <algorithm>

namespace wan::weights {
namespace {

struct DTypeRow {
  DType dtype;
  std::string_view name;
  size_t bytes;
};
constexpr DTypeRow kDTypes[] = {
    {DType::kF64, "F64", 8},   {DType::kF32, "F32", 4},        {DType::kF16, "F16", 2},
    {DType::kBF16, "BF16", 2}, {DType::kF8E4M3, "F8_E4M3", 1}, {DType::kF8E5M2, "F8_E5M2", 1},
    {DType::kI64, "I64", 8},   {DType::kI32, "I32", 4},        {DType::kI16, "I16", 2},
    {DType::kI8, "I8", 1},     {DType::kU8, "U8", 1},          {DType::kBool, "BOOL", 1}};

const DTypeRow& row_of(DType dtype) { return *std::ranges::find(kDTypes, dtype, &DTypeRow::dtype); }

std::vector<int64_t> strides_of(const StoredTensor& tensor) {
  if (!tensor.strides.empty()) return tensor.strides;
  std::vector<int64_t> strides(tensor.shape.size(), 1);
  for (size_t i = strides.size(); i-- > 1;) strides[i - 1] = strides[i] * tensor.shape[i];
  return strides;
}

}  // namespace

std::string_view to_string(DType dtype) { return row_of(dtype).name; }

size_t size_of(DType dtype) { return row_of(dtype).bytes; }

std::optional<DType> dtype_named(std::string_view name) {
  const auto* row = std::ranges::find(kDTypes, name, &DTypeRow::name);
  return row == std::end(kDTypes) ? std::nullopt : std::optional(row->dtype);
}

std::string dtype_names() {
  std::string names;
  for (const DTypeRow& row : kDTypes) names += (names.empty() ? "" : " ") + std::string(row.name);
  return names;
}

std::optional<uint64_t> element_count(std::span<const int64_t> shape) {
  uint64_t count = 1;
  for (const int64_t side : shape) {
    if (__builtin_mul_overflow(count, static_cast<uint64_t>(side), &count)) return std::nullopt;
  }
  return count;
}

StoredTensor rows_of(const StoredTensor& tensor, int64_t first, int64_t count) {
  WAN_CHECK(!tensor.shape.empty() && first >= 0 && count >= 0 && first + count <= tensor.shape[0]);
  StoredTensor rows = tensor;
  rows.strides = strides_of(tensor);
  rows.shape[0] = count;
  if (tensor.bytes.empty() || element_count(rows.shape) == 0) {
    rows.bytes = {};
    return rows;
  }
  int64_t last = 0;
  for (size_t i = 0; i < rows.shape.size(); ++i) last += (rows.shape[i] - 1) * rows.strides[i];
  rows.bytes = tensor.bytes.subspan(first * rows.strides[0] * size_of(tensor.dtype),
                                    (last + 1) * size_of(tensor.dtype));
  if (tensor.strides.empty()) rows.strides.clear();
  return rows;
}

StoredTensor without_leading_ones(StoredTensor tensor, size_t dimensions) {
  while (tensor.shape.size() > dimensions && tensor.shape.front() == 1) {
    tensor.shape.erase(tensor.shape.begin());
    if (!tensor.strides.empty()) tensor.strides.erase(tensor.strides.begin());
  }
  return tensor;
}

std::string shape_text(std::span<const int64_t> shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

Result<StoredTensors> open_tensors(const std::filesystem::path& file, TensorParser parse) {
  WAN_TRY(const auto map, MappedFile::open(file));
  auto tensors = parse(map->bytes());
  if (!tensors) return fail(tensors.error().with_context(file.string()));
  for (auto& [name, tensor] : *tensors) tensor.owner = map;
  return tensors;
}

}  // namespace wan::weights
