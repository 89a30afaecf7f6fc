#pragma once
// The safetensors format: eight bytes of header length, a JSON header, then the tensors' bytes. Nothing in
// the file is trusted: lengths, shapes and offsets are checked before they are used, and the data must be
// covered exactly once, without holes or overlaps.

#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/weights/stored_tensor.h"

namespace wan::weights {

// The tensors of a file's bytes; `owner` is left empty.
[[nodiscard]] Result<StoredTensors> parse_safetensors(std::span<const std::byte> file);

struct TensorEntry {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;
};

// What stands before the data of these tensors, which follow each other in this order: the length and the
// JSON header, padded with spaces so that the data is aligned. `metadata`: the text values of __metadata__,
// left out when empty.
[[nodiscard]] std::string safetensors_header(std::span<const TensorEntry> tensors,
                                             const std::map<std::string, std::string>& metadata = {});

// Maps the file; the tensors keep the map alive. Errors name the file and the tensor.
[[nodiscard]] Result<StoredTensors> open_safetensors(const std::filesystem::path& file);

}  // namespace wan::weights
