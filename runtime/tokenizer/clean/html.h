#pragma once
// HTML character references.

#include <string>
#include <string_view>

namespace wan::tokenizer {

// One pass with the rules of HTML5: decimal, hexadecimal and named references, the semicolon missing where
// the standard allows it (the longest name wins). What is not a reference stays as it is.
[[nodiscard]] std::u32string unescape_references(std::u32string_view text);

// One pass of the careful form for text that may not be HTML: only references with their semicolon; names in
// capitals by mistake ("&EACUTE;") count too.
[[nodiscard]] std::u32string unescape_ended_references(std::u32string_view text);

}  // namespace wan::tokenizer
