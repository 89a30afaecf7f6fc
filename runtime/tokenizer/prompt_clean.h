#pragma once
// What happens to a prompt before the tokenizer sees it: HTML character references resolved twice, white
// space runs made one space, the ends trimmed (README.md says what the official code does besides).

#include <string>
#include <string_view>

namespace wan::tokenizer {

[[nodiscard]] std::string clean_prompt(std::string_view text);

// The first half of it: characters repaired, and in a text without "<" references too, until nothing changes.
[[nodiscard]] std::string repair_text(std::string_view text);

enum class References { kAll, kEnded };  // kEnded: only those with their semicolon

// One pass of HTML character references: decimal, hexadecimal and the named ones of the README. What is not a
// reference stays as it is.
[[nodiscard]] std::string unescape_html(std::string_view text, References which = References::kAll);

// Runs of Unicode white space become one space; none at the ends.
[[nodiscard]] std::string collapse_white_space(std::string_view text);

}  // namespace wan::tokenizer
