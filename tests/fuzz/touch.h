#pragma once
// Reading what a parser of weights gave.

#include <cstddef>

#include "base/result.h"
#include "runtime/weights/stored_tensor.h"

namespace wan::weights {

// Every byte that a tensor claims must be there.
inline void touch(const Result<StoredTensors>& tensors) {
  [[maybe_unused]] static volatile unsigned sink;
  if (!tensors) return;
  unsigned sum = 0;
  for (const auto& [name, tensor] : *tensors) {
    for (const std::byte byte : tensor.bytes) sum += std::to_integer<unsigned>(byte);
  }
  sink = sum;
}

}  // namespace wan::weights
