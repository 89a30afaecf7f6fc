#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/weights/safetensors.h"
#include "tests/fuzz/touch.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  wan::weights::touch(wan::weights::parse_safetensors(std::as_bytes(std::span(data, size))));
  return 0;
}
