#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/weights/pth.h"
#include "tests/fuzz/touch.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  wan::weights::touch(wan::weights::parse_pth(std::as_bytes(std::span(data, size))));
  return 0;
}
