#pragma once
// The safetensors format: eight bytes of header length, a JSON header, then the tensors' bytes. Nothing in
// the file is trusted: lengths, shapes and offsets are checked before they are used, and the data must be
// covered exactly once, without holes or overlaps.

#include <cstddef>
#include <filesystem>
#include <span>

#include "base/result.h"
#include "runtime/weights/stored_tensor.h"

namespace wan::weights {

// The tensors of a file's bytes; `owner` is left empty.
[[nodiscard]] Result<StoredTensors> parse_safetensors(std::span<const std::byte> file);

// Maps the file; the tensors keep the map alive. Errors name the file and the tensor.
[[nodiscard]] Result<StoredTensors> open_safetensors(const std::filesystem::path& file);

}  // namespace wan::weights
