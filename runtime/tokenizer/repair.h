#pragma once
// The repairs of single characters that the official cleaning (ftfy) makes: they change what a prompt in
// Chinese or with typographic quotes is tokenized to.

#include <string>
#include <string_view>

namespace wan::tokenizer {

// What 0x80 to 0x9F mean in Windows-1252, the encoding they mostly come from; others stay.
[[nodiscard]] char32_t from_windows_1252(char32_t c);

// One pass: full-width and half-width forms become ordinary characters, ligatures letters, curly quotes
// straight ones, line breaks \n, C1 controls what Windows-1252 has there; other control characters and
// terminal escapes go; the rest is composed (NFC). Bytes that are not UTF-8 become U+FFFD.
[[nodiscard]] std::string repair_characters(std::string_view text);

}  // namespace wan::tokenizer
