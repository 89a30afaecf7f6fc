#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/weights/pickle.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto tensors = wan::weights::read_pickled_state_dict(std::as_bytes(std::span(data, size)));
  if (!tensors) return 0;
  for (const auto& tensor : *tensors) {
    if (tensor.shape.size() != tensor.strides.size()) __builtin_trap();
  }
  return 0;
}
