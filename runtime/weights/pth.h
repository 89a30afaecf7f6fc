#pragma once
// The .pth files of torch.save (since torch 1.6): a zip archive with a pickled dict and one stored entry per
// storage. Nothing of the pickle is run, nothing is copied; see pickle.h for what is accepted.

#include <cstddef>
#include <filesystem>
#include <span>

#include "base/result.h"
#include "runtime/weights/stored_tensor.h"

namespace wan::weights {

// The tensors of a file's bytes; views keep their strides, `owner` is left empty.
[[nodiscard]] Result<StoredTensors> parse_pth(std::span<const std::byte> file);

// Maps the file; the tensors keep the map alive. Errors name the file.
[[nodiscard]] Result<StoredTensors> open_pth(const std::filesystem::path& file);

}  // namespace wan::weights
