#pragma once

#include <string>
#include <string_view>

namespace wan::tokenizer {

// As Unicode has it, and the four separators 1C to 1F.
[[nodiscard]] constexpr bool is_white_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

// Runs of white space become one space; none at the ends.
[[nodiscard]] std::u32string collapse_white_space(std::u32string_view text);

}  // namespace wan::tokenizer
