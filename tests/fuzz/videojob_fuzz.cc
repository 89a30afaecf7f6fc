#include <cstddef>
#include <cstdint>
#include <string_view>

#include "runtime/cli/videojob.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  [[maybe_unused]] const auto job = wan::cli::parse_videojob(text);
  return 0;
}
