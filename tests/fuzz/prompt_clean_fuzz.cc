#include <cstddef>
#include <cstdint>
#include <string_view>

#include "runtime/tokenizer/prompt_clean.h"
#include "runtime/tokenizer/utf8.h"

// Whatever the bytes, what comes out is UTF-8 without white space at its ends.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string clean = wan::tokenizer::clean_prompt(bytes);
  if (!wan::tokenizer::count_code_points(clean)) __builtin_trap();
  if (clean.starts_with(' ') || clean.ends_with(' ')) __builtin_trap();
  return 0;
}
