#pragma once
// A tensor as a file holds it: type, shape and bytes, without torch. What the readers of safetensors and .pth
// files give and what the key map renames.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/io/file.h"
#include "base/result.h"

namespace wan::weights {

inline constexpr size_t kMaxDimensions = 8;

enum class DType { kF64, kF32, kF16, kBF16, kF8E4M3, kF8E5M2, kI64, kI32, kI16, kI8, kU8, kBool };

// Spelled as in safetensors: "F32", "F8_E4M3".
[[nodiscard]] std::string_view to_string(DType dtype);
[[nodiscard]] std::optional<DType> dtype_named(std::string_view name);
[[nodiscard]] std::string dtype_names();    // all of them, for messages
[[nodiscard]] size_t size_of(DType dtype);  // bytes of one element

struct StoredTensor {
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;        // every side >= 0, at most eight of them
  std::vector<int64_t> strides;      // in elements, every one >= 0; empty: row-major, the last side fastest
  std::span<const std::byte> bytes;  // first to last element, nothing around them; may be unaligned
  std::shared_ptr<const MappedFile> owner;
};

using StoredTensors = std::map<std::string, StoredTensor, std::less<>>;

// Number of elements; nothing when it does not fit.
[[nodiscard]] std::optional<uint64_t> element_count(std::span<const int64_t> shape);

// "[16, 3, 8, 8]", for messages.
[[nodiscard]] std::string shape_text(std::span<const int64_t> shape);

// The rows [first, first + count) of the first dimension. REQUIRES them to exist.
[[nodiscard]] StoredTensor rows_of(const StoredTensor& tensor, int64_t first, int64_t count);

// The same elements without the leading sides of one, down to `dimensions` sides.
[[nodiscard]] StoredTensor without_leading_ones(StoredTensor tensor, size_t dimensions);

// Maps the file and parses it; the tensors keep the map alive. Errors name the file.
using TensorParser = Result<StoredTensors> (*)(std::span<const std::byte> file);
[[nodiscard]] Result<StoredTensors> open_tensors(const std::filesystem::path& file, TensorParser parse);

}  // namespace wan::weights
