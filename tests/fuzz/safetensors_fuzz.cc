#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/weights/safetensors.h"

namespace {

// Every byte that a tensor claims must be there.
unsigned touch(const wan::weights::StoredTensors& tensors) {
  unsigned sum = 0;
  for (const auto& [name, tensor] : tensors) {
    for (const std::byte byte : tensor.bytes) sum += std::to_integer<unsigned>(byte);
  }
  return sum;
}

volatile unsigned sink;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto tensors = wan::weights::parse_safetensors(std::as_bytes(std::span(data, size)));
  if (tensors) sink = touch(*tensors);
  return 0;
}
