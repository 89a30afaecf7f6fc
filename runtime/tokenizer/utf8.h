#pragma once
// UTF-8 as sequences of code points. Strict: overlong forms, surrogates and values above U+10FFFF are not
// UTF-8.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace wan::tokenizer {

struct CodePoint {
  char32_t value = 0;
  int bytes = 0;  // 1..4
};

// The code point at the front of `text`; nothing when the bytes there are not UTF-8 or `text` is empty.
[[nodiscard]] std::optional<CodePoint> decode_front(std::string_view text);

// How many code points `text` has; nothing when it is not UTF-8.
[[nodiscard]] std::optional<size_t> count_code_points(std::string_view text);

// Appends the code point; REQUIRES a valid one.
void append_utf8(std::string& text, char32_t code_point);

// The code points of any bytes. What is not UTF-8 becomes one U+FFFD per longest beginning of a sequence, as
// in browsers, but for surrogates written in three bytes each (CESU-8): they come out as surrogates.
[[nodiscard]] std::u32string to_code_points(std::string_view text);

// REQUIRES valid code points.
[[nodiscard]] std::string to_utf8(std::u32string_view text);

}  // namespace wan::tokenizer
