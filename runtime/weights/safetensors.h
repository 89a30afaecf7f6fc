#pragma once
// The safetensors format: eight bytes of header length, a JSON header, then the tensors' bytes. Nothing in
// the file is trusted: lengths, shapes and offsets are checked before they are used, and the data must be
// covered exactly once, without holes or overlaps. Bytes only; tensor.h makes tensors of them.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/io/file.h"
#include "base/result.h"

namespace wan::weights {

// Spelled as in the file.
enum class DType { kF64, kF32, kF16, kBF16, kI64, kI32, kI16, kI8, kU8, kBool };

[[nodiscard]] std::string_view to_string(DType dtype);
[[nodiscard]] size_t size_of(DType dtype);  // bytes of one element

struct StoredTensor {
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;        // every side >= 0, at most eight of them
  std::span<const std::byte> bytes;  // exactly the elements; may be unaligned
  std::shared_ptr<const MappedFile> owner;
};

using StoredTensors = std::map<std::string, StoredTensor, std::less<>>;

// The tensors of a file's bytes; `owner` is left empty.
[[nodiscard]] Result<StoredTensors> parse_safetensors(std::span<const std::byte> file);

// Maps the file; the tensors keep the map alive. Errors name the file and the tensor.
[[nodiscard]] Result<StoredTensors> open_safetensors(const std::filesystem::path& file);

}  // namespace wan::weights
