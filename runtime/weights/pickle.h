#pragma once
// A state dict out of a pickle, by a reader that runs nothing. It knows the opcodes and the names that
// torch.save writes for a flat dict or OrderedDict of tensors (with its `_metadata`) and refuses every other
// one by name.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/weights/stored_tensor.h"

namespace wan::weights {

// Where a tensor's elements lie. The numbers are as the pickle says: whether the storage has so many elements
// is for the caller to check.
struct PickledTensor {
  std::string name;
  DType dtype = DType::kF32;
  std::string storage;  // its key in the archive
  uint64_t storage_elements = 0;
  uint64_t offset = 0;           // in elements, as all below
  std::vector<int64_t> shape;    // sides >= 0, at most eight
  std::vector<int64_t> strides;  // as many, each >= 0
};

// In the order of the dict, names unique. kCorrupt names the opcode, the global or the entry.
[[nodiscard]] Result<std::vector<PickledTensor>> read_pickled_state_dict(std::span<const std::byte> pickle);

}  // namespace wan::weights
